"""Intake 1 drivers, for catalogs with `sources:`; they also make `intake.open_safe` and `intake.open_eopf_zarr`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intake.source.base import DataSource, Schema

from xarray_safe.intake import html
from xarray_safe.intake.opening import (
    CatalogSource,
    describe,
    open_tree,
    parse_source,
    parse_version,
    restore_templates,
)

if TYPE_CHECKING:
    from xarray import DataTree

    from xarray_safe.location import Kind


class _TreeSource(DataSource):  # type: ignore[misc]
    """A product as a DataTree.

    Parameters
    ----------
    urlpath
        Path or URL.
    chunks, group, eopf_version, storage_options
        As for `xarray_safe.intake.open_tree`.
    metadata
        Understood are ``name``, ``size`` (bytes) and ``environment`` (see `CatalogSource`).
    **options
        Further keywords of `xarray.open_datatree`.
    """

    kind: Kind
    container = "xarray"
    version = "1"
    partition_access = False
    _ipython_display_ = None  # Intake's own would show credentials; None lets notebooks take _repr_html_

    def __init__(
        self,
        urlpath: str,
        chunks: object = None,
        group: str | None = None,
        eopf_version: object = None,
        storage_options: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(storage_options=storage_options or {}, metadata=dict(metadata or {}))
        self.urlpath = urlpath
        self._keywords = {"group": group, "eopf_version": eopf_version, **options}
        self._chunks = chunks
        self._tree: DataTree | None = None

    @property
    def source(self) -> CatalogSource:
        """The source, as it is known without a request."""
        metadata = {"name": vars(self).get("name", ""), **self.metadata}  # a catalog sets the name on the instance
        return parse_source(self.kind, self.urlpath, self.storage_options, metadata)

    def read(self) -> DataTree:
        """Open the DataTree; values are read when they are used."""
        if self._tree is None:
            self._tree = open_tree(self.source, chunks=self._chunks, **self._keywords)
        return self._tree

    def to_dask(self) -> DataTree:
        """Open the DataTree as dask arrays, in the source's own chunks unless `chunks` says otherwise."""
        return open_tree(self.source, chunks={} if self._chunks is None else self._chunks, **self._keywords)

    def _get_partition(self, i: int) -> DataTree:
        return self.read()

    def _get_schema(self) -> Schema:
        with open_tree(self.source, chunks=None, create_default_indexes=False, **self._keywords) as tree:
            return Schema(dtype=None, shape=None, npartitions=1, extra_metadata=describe(tree))

    def _close(self) -> None:
        if self._tree is not None:
            self._tree.close()
        self._tree = None
        self._schema = None

    def _yaml(self) -> dict[str, Any]:
        """Description for a catalog; what came from the environment stays a template."""
        described: dict[str, Any] = super()._yaml()
        for entry in described["sources"].values():
            options = entry["args"].get("storage_options")
            if options:
                environment = self.metadata.get("environment") or {}
                entry["args"]["storage_options"] = restore_templates(options, environment, "{{ env(%s) }}")
        return described

    def __repr__(self) -> str:
        return html.text(self.source, parse_version(self._keywords["eopf_version"]))

    def _repr_html_(self) -> str:
        return html.html(self.source, parse_version(self._keywords["eopf_version"]))


class SafeSource(_TreeSource):
    """A Sentinel `.SAFE` archive; ``driver: safe``."""

    kind: Kind = "SAFE"
    name = "safe"


class EopfZarrSource(_TreeSource):
    """A Zarr in an EOPF layout; ``driver: eopf_zarr``, beside the driver ``zarr`` of intake-xarray."""

    kind: Kind = "Zarr"
    name = "eopf_zarr"
