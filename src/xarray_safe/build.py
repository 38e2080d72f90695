"""A product's table and an archive make lazy xarray variables; the only file that knows `BackendArray`."""

from __future__ import annotations

import asyncio
import inspect
import math
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from xarray import Variable
from xarray.backends import BackendArray
from xarray.core import indexing

from xarray_safe.errors import AbsentFile, CorruptFile, InvalidArgument, MissingFile, SafeWarning
from xarray_safe.metadata import Documents, LookUp, X, resolve
from xarray_safe.sources.grib import Grib
from xarray_safe.sources.grids import Small

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray_safe.archive import Archive
    from xarray_safe.archive.base import Request
    from xarray_safe.mapping import Array, Product, Source, Var

CHUNK: Final = 1024
"""Chunks are tiles, or as many of them as reach this length, so that small tiles do not make thousands of chunks."""

LISTED: Final = X("manifest", ".//byteStream/fileLocation/@href", default=(), every=True)
"""Files that the manifest lists."""


@dataclass
class Group:
    """One group of the tree before decoding: raw variables and attributes."""

    variables: dict[str, Variable]
    attrs: dict[str, Any]


@dataclass
class Opening:
    """One opening of a product: what sources get to work with (`mapping.Context`)."""

    product: Product
    files: Archive
    documents: Documents
    damaged: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, product: Product, archive: Archive, overview: int) -> Opening:
        """Find the product's XML files; none is read yet."""
        found = {name: archive.find(pattern) for name, pattern in product.documents.items()}
        for name, names in found.items():
            if len(names) > 1:
                raise _several(archive, product.documents[name], names)
        there = {name: names[0] for name, names in found.items() if names}
        return cls(product, archive, Documents(archive, there, product.cut, overview, product.documents, product.roots))

    def find(self, pattern: str) -> str:
        """Name of the one file that matches a pattern."""
        names = self.files.find(pattern)
        if len(names) == 1:
            return names[0]
        if names:
            raise _several(self.files, pattern, names)
        last = re.compile(re.escape(pattern.rpartition("/")[2]).replace(r"\*", "[^/]*"))
        for name in self._last_parts(self.product.named):
            if last.fullmatch(f"{name.removesuffix('.jp2')}.jp2"):
                raise MissingFile(
                    f"{self.files.url}: {name}, which the metadata name, is not there. Fetch the product again."
                )
        expected = not pattern.startswith(self.product.may_lack) or any(
            map(last.fullmatch, self._last_parts((LISTED,)))
        )
        text = f"{self.files.url}: there is no file {pattern}. The archive is not complete; fetch it again."
        raise AbsentFile(text, expected=expected)

    def soon(self, variables: Iterable[Var]) -> list[Request]:
        """Ranges that will be read on opening: metadata, and the small files that variables' headers lie in."""
        patterns = {pattern for var in variables if isinstance(var.source, Grib) for pattern in var.source.names}
        small = sorted(name for pattern in patterns for name in self.files.find(pattern))
        return [*self.documents.ranges(), *((name, 0, None) for name in small)]

    def unreadable(self, name: str) -> None:
        """Note a damaged file for the one warning."""
        self.damaged.append(name)

    def _last_parts(self, look_ups: Iterable[LookUp]) -> list[str]:
        """Last parts of file names that the XML gives."""
        texts = (self.documents.value(look_up) for look_up in look_ups)
        names = [name for text in texts for name in (text if isinstance(text, list) else [text])]
        return [name.rpartition("/")[2] for name in names if isinstance(name, str)]

    def open(self, variables: Iterable[Var]) -> tuple[list[tuple[Var, Array]], list[Var]]:
        """Open the sources of variables, each source once; also give the variables that are absent."""
        arrays: dict[Source, Array] = {}
        present, absent = [], []
        for var in variables:
            try:
                if var.source not in arrays:
                    arrays[var.source] = var.source.open(self)
            except AbsentFile as error:
                if not var.optional:
                    raise
                if error.expected:
                    absent.append(var)
            else:
                present.append((var, arrays[var.source]))
        return present, absent


@dataclass(frozen=True, slots=True)
class Options:
    """How to build the tree.

    Parameters
    ----------
    overview
        Resolution of images: 1 / 2**overview, 0 to 4.
    chunk_layout
        Preferred chunks: whole ``"tile"`` s of the images, or those of ``"eopf"`` Zarr.
    """

    overview: int = 0
    chunk_layout: str = "tile"

    def __post_init__(self) -> None:
        if isinstance(self.overview, bool | float) or self.overview not in range(5):
            raise InvalidArgument(
                f"overview={self.overview!r} is none of 0 (full resolution), 1 (half), 2, 3, 4 (a sixteenth)."
            )
        if self.chunk_layout not in ("tile", "eopf"):
            raise InvalidArgument(f"chunk_layout={self.chunk_layout!r} is neither 'tile' nor 'eopf'.")


def build(product: Product, archive: Archive, below: str = "/", options: Options | None = None) -> dict[str, Group]:
    """Build the groups at and below a path: variables stay lazy, attributes are resolved.

    Parameters
    ----------
    product
        Its tables.
    archive
        Its files.
    below
        Path of a group; only what lies there is looked at.
    options
        Overview and chunks.

    Returns
    -------
    dict
        Groups by path, parents first. Empty if there is no such group.

    Raises
    ------
    MissingFile, MissingElement, CorruptFile
        If what the tree needs is not there, or broken.
    """
    options = options or Options()
    opening = Opening.of(product, archive, options.overview)
    wanted = [var for var in product.variables if lies_below(var.path, below)]
    with archive.ahead(opening.soon(wanted)):
        return _build(opening, wanted, below, options)


def _build(opening: Opening, wanted: list[Var], below: str, options: Options) -> dict[str, Group]:
    """Build groups of the variables that are wanted; see `build`."""
    product, archive = opening.product, opening.files
    data, absent = opening.open(var for var in wanted if not is_coordinate(var))
    groups = {path: Group({}, {}) for path in with_parents((var.path.rpartition("/")[0] for var, _ in data), below)}
    coordinates, _ = opening.open(var for var in wanted if is_coordinate(var) and var.path.rpartition("/")[0] in groups)
    for var, array in data + coordinates:
        group, _, name = var.path.rpartition("/")
        chunk = product.chunks.get(group.rpartition("/")[2]) if options.chunk_layout == "eopf" else None
        groups[group].variables[name] = variable(var, array, opening.documents, chunk)
    for path, built in groups.items():
        built.attrs.update(resolve(product.attrs.get(path, {}), opening.documents))
        check_sizes(path, built, archive)
    if "/" in groups:
        groups["/"].attrs = product.finish(groups["/"].attrs, [var for var, _ in data])
    if absent or opening.damaged:
        warn(opening, absent)
    return groups


def is_coordinate(var: Var) -> bool:
    """Tell coordinates from data, which alone describe themselves in `_eopf_attrs`."""
    return "_eopf_attrs" not in var.attrs


def lies_below(path: str, group: str) -> bool:
    """Tell whether a path lies in a group or one below it."""
    return group == "/" or path.startswith(f"{group}/")


def with_parents(paths: Iterable[str], below: str) -> list[str]:
    """Paths of groups and of all their parents down from `below`, parents first; empty if there are none."""
    found: dict[str, None] = {}
    for path in paths:
        while path and lies_below(f"{path}/", below):
            found[path] = None
            path = path.rpartition("/")[0]
    if found and below == "/":
        found["/"] = None
    return sorted(found, key=lambda path: (path.count("/") if path != "/" else 0, path))


def variable(var: Var, array: Array, documents: Documents, chunk: int | None = None) -> Variable:
    """Make an xarray variable of an opened source: small arrays in memory, others lazy, in tiles or given chunks."""
    attrs = {**getattr(array, "attrs", {}), **resolve(var.attrs, documents)}
    if isinstance(array, Small):
        return Variable(var.dims, array.values, attrs)
    length = math.ceil(chunk / (1 << documents.overview)) if chunk else None
    lengths = [chunk_length(size, tile, length) for size, tile in zip(array.shape, array.chunks, strict=True)]
    data = indexing.LazilyIndexedArray(LazyArray(array))
    return Variable(var.dims, data, attrs, {"preferred_chunks": dict(zip(var.dims, lengths, strict=True))})


def chunk_length(size: int, tile: int, wanted: int | None) -> int:
    """Length of a chunk along one dimension: what is wanted, or whole tiles."""
    return min(size, wanted or max(1, tile) * math.ceil(CHUNK / max(1, tile)))


class LazyArray(BackendArray):
    """An `Array` for xarray: it turns every kind of indexing into windows and what numpy does with them."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray[Any, Any]:
        """Read by any of xarray's indexers."""
        key = type(key)(tuple(forward_if_empty(k, n) for k, n in zip(key.tuple, self.shape, strict=True)))
        return np.asarray(
            indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)
        )

    async def async_getitem(self, key: indexing.ExplicitIndexer) -> np.ndarray[Any, Any]:
        """Read in a thread, so that what `load_async` loads comes at once; the archive bounds its connections."""
        return await asyncio.to_thread(self.__getitem__, key)

    def _read(self, key: tuple[int | slice, ...]) -> np.ndarray[Any, Any]:
        sizes = zip(key, self.shape, strict=True)
        return self.array[tuple(slice(*k.indices(n)) if isinstance(k, slice) else int(k) for k, n in sizes)]

    def __dask_tokenize__(self) -> object:
        """Token of the content: the archive's and the description's, the same in every process."""
        from dask.base import normalize_token

        return normalize_token(self.array)


def forward_if_empty(key: Any, size: int) -> Any:
    """Turn an empty slice into one that xarray can take apart; an empty one that runs backwards it cannot."""
    return slice(0, 0) if isinstance(key, slice) and not len(range(*key.indices(size))) else key


def check_sizes(path: str, group: Group, archive: Archive) -> None:
    """Compare the sizes of a group's variables, which xarray would only call conflicting.

    Raises
    ------
    CorruptFile
        If an image has another size than the others.
    """
    sizes: dict[object, tuple[int, str]] = {}
    for name, var in group.variables.items():
        for dim, size in var.sizes.items():
            first, other = sizes.setdefault(dim, (size, name))
            if first != size:
                raise CorruptFile(
                    f"{archive.url}: {path}/{name} has {size} values along {dim}, {path}/{other} has {first}. "
                    "A file is not what the metadata say; fetch the product again."
                )


def warn(opening: Opening, absent: list[Var]) -> None:
    """Give the one warning about all that is absent: which groups, and why."""
    groups: dict[str, list[str]] = {}
    for var in absent:
        group, _, name = var.path.rpartition("/")
        groups.setdefault(group, []).append(name)
    parts = []
    if opening.damaged:
        names = ", ".join(name.rpartition("/")[2] for name in opening.damaged)
        parts.append(f"damaged images, which raise an error on reading: {names}. Fetch the product again.")
    if groups:
        listed = "; ".join(f"{group} ({', '.join(names)})" for group, names in groups.items())
        parts.append(f"absent from the tree: {listed}. {opening.product.why(opening.documents)}")
    warnings.warn(f"{opening.files.url}: {' '.join(parts)}", SafeWarning, stacklevel=_outside())


def _outside() -> int:
    """Stack level of the code that called xarray, where a warning belongs."""
    frame, level = inspect.currentframe(), 0
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in ("xarray", "xarray_safe"):
        frame, level = frame.f_back, level + 1
    return max(level, 1)


def _several(archive: Archive, pattern: str, names: list[str]) -> CorruptFile:
    listed = ", ".join(names)
    return CorruptFile(f"{archive.url}: several files match {pattern}, where one must: {listed}. Fetch it again.")
