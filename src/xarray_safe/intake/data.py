"""Intake 2 data types: a SAFE archive, and a Zarr in an EOPF layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intake.readers import datatypes

from xarray_safe.intake import html
from xarray_safe.intake.opening import CatalogSource, parse_source, restore_templates

if TYPE_CHECKING:
    from intake.readers.entry import DataDescription

    from xarray_safe.location import Kind


class _Product:
    """What both types share: representations without credentials, and descriptions that keep them out of files."""

    kind: Kind
    url: str
    storage_options: dict[str, Any] | None
    metadata: dict[str, Any]

    @classmethod
    def qname(cls) -> str:
        """Name in catalogs, independent of the module of the class."""
        return f"xarray_safe.intake:{cls.__name__}"

    @property
    def source(self) -> CatalogSource:
        """The source, as it is known without a request."""
        return parse_source(self.kind, self.url, self.storage_options, self.metadata)

    def to_entry(self) -> DataDescription:
        """Return the description for a catalog; what came from the environment stays a template."""
        entry = super().to_entry()  # type: ignore[misc]
        options = entry.kwargs.get("storage_options")
        if options:
            environment = self.metadata.get("environment") or {}
            entry.kwargs["storage_options"] = restore_templates(options, environment, "{env(%s)}")
        return entry

    def __repr__(self) -> str:
        return html.text(self.source, None)

    def _repr_html_(self) -> str:
        return html.html(self.source, None)


class SAFE(_Product, datatypes.FileData):  # type: ignore[misc]
    """A Sentinel `.SAFE` archive: folder or zip, local or remote.

    Parameters
    ----------
    url
        Path or URL of the folder, its `manifest.safe`, or the zip.
    storage_options
        For fsspec.
    metadata
        Understood are ``name``, ``size`` (bytes) and ``environment`` (see `CatalogSource`).
    """

    kind: Kind = "SAFE"
    filepattern = r"\.safe(\.zip)?/?$|manifest\.safe$"
    contains = {r"manifest\.safe$"}
    structure = {"array", "hierarchy"}


class EopfZarr(_Product, datatypes.Zarr):  # type: ignore[misc]
    """A Zarr in an EOPF layout.

    A type of its own, so that Intake finds the reader that returns a DataTree: for plain `Zarr` it picks any.

    Parameters
    ----------
    url
        Path or URL of the store.
    storage_options
        For fsspec.
    root
        Group inside the store.
    metadata
        As for `SAFE`.
    """

    kind: Kind = "Zarr"
    filepattern = r"s(?:\d[a-z_]_|0\d[a-z]{3})\w*\.zarr/?$"
