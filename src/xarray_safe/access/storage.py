"""Options for the object store, in the words of s3fs, that do not show their secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xarray_safe.access.credentials import S3Keys


class StorageOptions(dict[str, object]):
    """Keyword arguments of `s3fs.S3FileSystem`: a dict in all, but its repr hides the keys."""

    def __repr__(self) -> str:
        """Name what is in it, without the keys."""
        shown = {name: "***" if name in ("key", "secret", "token") else value for name, value in self.items()}
        return f"StorageOptions({shown!r})"

    __str__ = __repr__


def s3_options(endpoint: str, region: str, keys: S3Keys) -> StorageOptions:
    """Give the options for a store with path-style addresses and signatures in headers.

    Parameters
    ----------
    endpoint
        URL of the store.
    region
        As the signature needs it.
    keys
        The access key.
    """
    return StorageOptions(
        key=keys.key.value,
        secret=keys.secret.value,
        client_kwargs={"endpoint_url": endpoint, "region_name": region},
        config_kwargs={"s3": {"addressing_style": "path"}, "signature_version": "s3v4"},
    )
