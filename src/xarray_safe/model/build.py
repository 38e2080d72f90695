"""A product's tables and an archive make the neutral tree: values stay lazy, attributes are resolved."""

from __future__ import annotations

import inspect
import math
import re
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.errors import AbsentFileError, CorruptFileError, InvalidArgumentError, MissingFileError, SafeWarning
from xarray_safe.model.arrays import LookUp, Prefetching
from xarray_safe.model.lookups import X, resolve
from xarray_safe.model.tree import Entry, Node, Tree, is_below, with_ancestors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray_safe.archive import Archive
    from xarray_safe.archive.files import Request
    from xarray_safe.model.arrays import Array, Source
    from xarray_safe.model.documents import Documents
    from xarray_safe.model.product import Facts, Product, Var

CHUNK: Final = 1024
"""Chunks are tiles, or as many of them as reach this length, so that small tiles do not make thousands of chunks."""

LISTED: Final = X("manifest", ".//byteStream/fileLocation/@href", default=(), every=True)
"""Files that the manifest lists."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build the tree.

    Parameters
    ----------
    reduction
        Resolution of images: 1 / 2**reduction, 0 to 4; users call it ``overview``.
    chunk_layout
        Preferred chunks: whole ``"tile"`` s of the images, or those of ``"eopf"`` Zarr.
    """

    reduction: int = 0
    chunk_layout: str = "tile"

    def __post_init__(self) -> None:
        if isinstance(self.reduction, bool | float) or self.reduction not in range(5):
            raise InvalidArgumentError(
                f"overview={self.reduction!r} is not one of 0 (full resolution), 1 (half), 2, 3, 4 (a sixteenth)."
            )
        if self.chunk_layout not in ("tile", "eopf"):
            raise InvalidArgumentError(f"chunk_layout={self.chunk_layout!r} is neither 'tile' nor 'eopf'.")


@dataclass
class BuildContext:
    """One opening of a product: what sources and look-ups work with (`arrays.Context`)."""

    files: Archive
    documents: Documents
    reduction: int = 0
    product: Product | None = None
    damaged: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    _values: dict[LookUp, object] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, product: Product, facts: Facts, reduction: int) -> BuildContext:
        """Find the product's XML files; none is read yet, but what the tables have read already is not read again."""
        archive = facts.files
        found = {name: archive.find(pattern) for name, pattern in product.documents.items()}
        for name, names in found.items():
            if len(names) > 1:
                raise _several(archive, product.documents[name], names)
        there = {name: names[0] for name, names in found.items() if names}
        documents = replace(
            facts.documents, names=there, elided=product.elided, patterns=product.documents, roots=product.roots
        )
        return cls(archive, documents, reduction, product)

    def value(self, look_up: LookUp) -> Any:
        """Value of a look-up, computed once."""
        try:
            return self._values[look_up]
        except KeyError:
            value = self._values[look_up] = look_up.resolve(self)
            return value

    def find(self, pattern: str) -> str:
        """Name of the one file that matches a pattern; see `arrays.Context`."""
        names = self.files.find(pattern)
        if len(names) == 1:
            return names[0]
        if names:
            raise _several(self.files, pattern, names)
        last = re.compile(re.escape(pattern.rpartition("/")[2]).replace(r"\*", "[^/]*"))
        suffix = re.search(r"\.\w+$", pattern)
        for name in self._last_parts(self.product.declared_files if self.product else ()):
            if last.fullmatch(name) or (suffix and last.fullmatch(f"{name}{suffix[0]}")):
                raise MissingFileError(
                    f"{self.files.url}: {name}, which the metadata name, is not there. Download the product again."
                )
        optional = self.product.optional_folders if self.product else ()
        expected = not pattern.startswith(optional) or any(map(last.fullmatch, self._last_parts((LISTED,))))
        text = f"{self.files.url}: there is no file {pattern}. The archive is not complete; download it again."
        raise AbsentFileError(text, expected=expected)

    def prefetch(self, variables: Iterable[Var]) -> list[Request]:
        """Ranges that will be read on opening: metadata, and the headers that sources name."""
        sources = dict.fromkeys(var.source for var in variables if isinstance(var.source, Prefetching))
        ranges = (request for source in sources for request in source.prefetch(self.files))
        return [*self.documents.ranges(), *dict.fromkeys(ranges)]

    def unreadable(self, name: str) -> None:
        """Note a damaged file for the one warning."""
        self.damaged.append(name)

    def _last_parts(self, look_ups: Iterable[LookUp]) -> list[str]:
        """Last parts of file names that the XML gives."""
        texts = (self.value(look_up) for look_up in look_ups)
        names = [name for text in texts for name in (text if isinstance(text, list) else [text])]
        return [name.rpartition("/")[2] for name in names if isinstance(name, str)]

    def open(self, variables: Iterable[Var]) -> tuple[list[tuple[Var, Array]], list[Var]]:
        """Open the sources of variables, each source once; also return the variables that are absent."""
        arrays: dict[Source, Array] = {}
        present, absent = [], []
        for var in variables:
            try:
                if var.source not in arrays:
                    arrays[var.source] = var.source.open(self)
            except AbsentFileError as error:
                if not var.optional:
                    raise
                if error.expected:
                    absent.append(var)
                    if error.__cause__:
                        self.reasons[var.path] = str(error.__cause__)
            else:
                present.append((var, arrays[var.source]))
        return present, absent


def build(product: Product, facts: Facts, options: BuildOptions | None = None) -> Tree:
    """Build the groups at and below ``facts.below``: values stay lazy, attributes are resolved.

    Parameters
    ----------
    product
        Its tables.
    facts
        Of its archive.
    options
        Resolution and chunks.

    Returns
    -------
    Tree
        Without groups if there is none at or below ``facts.below``.

    Raises
    ------
    MissingFileError, MissingElementError, CorruptFileError
        If what the tree needs is not there, or broken.
    """
    options = options or BuildOptions()
    context = BuildContext.of(product, facts, options.reduction)
    wanted = [var for var in product.variables if is_below(var.path, facts.below)]
    with facts.files.prefetch(context.prefetch(wanted)):
        return _build(product, context, wanted, facts.below, options)


def _build(product: Product, context: BuildContext, wanted: list[Var], below: str, options: BuildOptions) -> Tree:
    """Build groups of the variables that are wanted; see `build`."""
    data, absent = context.open(var for var in wanted if not product.is_coordinate(var))
    nodes = {path: Node(path) for path in with_ancestors((var.group for var, _ in data), below)}
    coordinates, _ = context.open(var for var in wanted if product.is_coordinate(var) and var.group in nodes)
    for var, array in data + coordinates:
        nodes[var.group].entries[var.name] = _entry(product, var, array, context, options)
    for path, node in nodes.items():
        node.attrs.update(resolve(product.attrs.get(path, {}), context))
        _check_sizes(node, context.files)
    if "/" in nodes:
        nodes["/"].attrs = product.finalize(nodes["/"].attrs, [var for var, _ in data])
    if absent or context.damaged:
        _warn_absent(product, context, absent)
    return Tree(product, context.files, nodes)


def _entry(product: Product, var: Var, array: Array, context: BuildContext, options: BuildOptions) -> Entry:
    """One variable of a group: attributes of its file and its table, and the chunks to prefer."""
    attrs = {**getattr(array, "attrs", {}), **resolve(var.attrs, context)}
    wanted = product.chunks(var) if options.chunk_layout == "eopf" else ()
    lengths: list[int | None] = [math.ceil(length / (1 << options.reduction)) for length in wanted]
    lengths = lengths or [None] * len(array.shape)
    sizes = zip(array.shape, array.chunks, lengths, strict=True)
    chunks = tuple(chunk_length(size, tile, length) for size, tile, length in sizes)
    return Entry(var.dims, array, attrs, chunks, product.is_coordinate(var))


def chunk_length(size: int, tile: int, wanted: int | None) -> int:
    """Length of a chunk along one dimension: what is wanted, or whole tiles."""
    return min(size, wanted or max(1, tile) * math.ceil(CHUNK / max(1, tile)))


def _check_sizes(node: Node, archive: Archive) -> None:
    """Compare the sizes of a group's variables, which xarray would only call conflicting.

    Raises
    ------
    CorruptFileError
        If an image has another size than the others.
    """
    sizes: dict[str, tuple[int, str]] = {}
    for name, entry in node.entries.items():
        for dim, size in zip(entry.dims, entry.array.shape, strict=True):
            first, other = sizes.setdefault(dim, (size, name))
            if first != size:
                raise CorruptFileError(
                    f"{archive.url}: {node.path}/{name} has {size} values along {dim}, {node.path}/{other} has "
                    f"{first}. A file is not what the metadata say; download the product again."
                )


def _warn_absent(product: Product, context: BuildContext, absent: list[Var]) -> None:
    """Issue the one warning about all that is absent: which groups, and why."""
    groups: dict[str, list[str]] = {}
    for var in absent:
        groups.setdefault(var.group, []).append(var.name)
    parts = []
    if context.damaged:
        names = ", ".join(name.rpartition("/")[2] for name in context.damaged)
        parts.append(f"damaged images, which raise an error on reading: {names}. Download the product again.")
    if groups:
        listed = "; ".join(f"{group} ({', '.join(names)})" for group, names in groups.items())
        reasons = dict.fromkeys(context.reasons.get(var.path) or product.explain_absence(context) for var in absent)
        parts.append(f"absent from the tree: {listed}. {' '.join(reasons)}")
    warnings.warn(f"{context.files.url}: {' '.join(parts)}", SafeWarning, stacklevel=_outside())


def _outside() -> int:
    """Stack level of the code that called xarray, where a warning belongs."""
    frame, level = inspect.currentframe(), 0
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in ("xarray", "xarray_safe"):
        frame, level = frame.f_back, level + 1
    return max(level, 1)


def _several(archive: Archive, pattern: str, names: list[str]) -> CorruptFileError:
    listed = ", ".join(names)
    return CorruptFileError(
        f"{archive.url}: several files match {pattern}, where one must: {listed}. Download it again."
    )
