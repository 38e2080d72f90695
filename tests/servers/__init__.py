"""Real servers on loopback for tests; each is a context manager with a `url`.

`cdse` is a stand-in of the Copernicus Data Space, `proxy` counts, slows and breaks what goes through it, `programs`
starts rclone (S3 and HTTP) and rustac (STAC), `recorder` keeps what it receives, `services` are all that the tutorial
reaches, `ceph` is a Ceph with tenants (an optional job).
"""
