"""Products on servers: stores (HTTP, S3, fsspec), batches of ranges, credentials, folders and files."""
