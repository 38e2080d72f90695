"""The Intake 2 reader: a DataTree from SAFE and from Zarr, with the same keywords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intake.readers import datatypes
from intake.readers.readers import FileReader

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.intake import html
from xarray_safe.intake.data import SAFE, EopfZarr
from xarray_safe.intake.opening import CatalogSource, describe, open_tree, parse_source, parse_version

if TYPE_CHECKING:
    from xarray import DataTree

    from xarray_safe.location import Kind


class EopfTreeReader(FileReader):  # type: ignore[misc]
    """Read a SAFE archive or an EOPF Zarr as a DataTree.

    Keywords, at construction, in a catalog, or in `read`: `chunks`, `group`, `eopf_version`, `storage_options`, and
    any other of `xarray.open_datatree`; see `xarray_safe.intake.open_tree`.

    Examples
    --------
    >>> EopfTreeReader(SAFE("product.SAFE"), eopf_version="2.5").to_dask()  # doctest: +SKIP
    """

    implements = {SAFE, EopfZarr}
    imports = {"xarray"}
    func = "xarray:open_datatree"
    url_arg = "filename_or_obj"
    output_instance = "xarray:DataTree"
    storage_options = True

    @classmethod
    def qname(cls) -> str:
        """Name in catalogs, independent of the module of the class."""
        return f"xarray_safe.intake:{cls.__name__}"

    @property
    def source(self) -> CatalogSource:
        """The source, as it is known without a request."""
        data = self.data
        return parse_source(_kind(data), data.url, data.storage_options, {**data.metadata, **self.metadata})

    def _read(self, data: datatypes.FileData | None = None, **keywords: Any) -> DataTree:
        source = self.source
        if data is not None and data is not self.data:
            source = parse_source(_kind(data), data.url, data.storage_options, {**self.metadata, **data.metadata})
        root = getattr(data or self.data, "root", "")
        if root and not keywords.get("group"):
            keywords["group"] = root
        return open_tree(source, **keywords)

    def to_dask(self, **keywords: Any) -> DataTree:
        """Read as dask arrays, in the source's own chunks unless `chunks` says otherwise."""
        if keywords.get("chunks", self.kwargs.get("chunks")) is None:
            keywords["chunks"] = {}
        return self.read(**keywords)  # type: ignore[no-any-return]

    def discover(self, **keywords: Any) -> DataTree:
        """Read without dask and without making indexes: the tree as its metadata describe it, no pixel read."""
        return self.read(**{**keywords, "chunks": None, "create_default_indexes": False})  # type: ignore[no-any-return]

    def describe(self, **keywords: Any) -> dict[str, Any]:
        """Describe the source as plain data, without reading pixels; see `xarray_safe.intake.describe`."""
        with self.discover(**keywords) as tree:
            return describe(tree)

    def __call__(self, *args: Any, **keywords: Any) -> EopfTreeReader:
        """Return the same reader with other keywords and its metadata, which Intake drops."""
        new: EopfTreeReader = super().__call__(*args, **keywords)
        new.metadata = {**self.metadata, **new.metadata}
        return new

    def __getattr__(self, name: str) -> Any:
        """Raise with a hint to read first; Intake would start a pipeline that fails later."""
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"{type(self).__name__} has no {name!r}: if you want that of the DataTree, read it first: "
            f".read().{name} or .to_dask().{name}"
        )

    def __repr__(self) -> str:
        return html.text(self.source, parse_version(self.kwargs.get("eopf_version")))

    def _repr_html_(self) -> str:
        return html.html(self.source, parse_version(self.kwargs.get("eopf_version")))


def _kind(data: object) -> Kind:
    """Kind of a source, by its type, or by its name for Intake's general types."""
    if isinstance(data, SAFE):
        return "SAFE"
    if isinstance(data, datatypes.Zarr):
        return "Zarr"
    url = getattr(data, "url", None)
    name = url.rstrip("/").lower() if isinstance(url, str) else ""
    if name.endswith((".safe", ".safe.zip", "manifest.safe")):
        return "SAFE"
    if name.endswith(".zarr"):
        return "Zarr"
    raise InvalidArgumentError(
        f"{data!r} is neither a SAFE nor a Zarr; say which with xarray_safe.intake.SAFE or EopfZarr."
    )
