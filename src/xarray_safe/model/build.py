"""A product's tables and an archive make the neutral tree: values stay lazy, attributes are resolved."""

from __future__ import annotations

import inspect
import math
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xarray_safe.errors import CorruptFileError, InvalidArgumentError, SafeWarning
from xarray_safe.model.context import BuildContext, Lenient
from xarray_safe.model.lookups import resolve
from xarray_safe.model.tree import Entry, Node, Tree, is_below, with_ancestors

if TYPE_CHECKING:
    from xarray_safe.model.arrays import Array
    from xarray_safe.model.product import Facts, Product, Var

CHUNK: Final = 1024
"""Chunks are tiles, or as many of them as reach this length, so that small tiles do not make thousands of chunks."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build the tree.

    Parameters
    ----------
    reduction
        Resolution of images: 1 / 2**reduction, 0 to 4; users call it ``overview``.
    chunk_layout
        Preferred chunks: whole ``"tile"`` s of the images, or those of ``"eopf"`` Zarr.
    missing
        What to do about inputs that are absent or cannot be read: ``"warn"`` (open the rest, with one warning),
        ``"raise"`` or ``"ignore"``.
    dropped
        Names of variables that are left out.
    """

    reduction: int = 0
    chunk_layout: str = "tile"
    missing: str = "warn"
    dropped: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if isinstance(self.reduction, bool | float) or self.reduction not in range(5):
            raise InvalidArgumentError(
                f"overview={self.reduction!r} is not one of 0 (full resolution), 1 (half), 2, 3, 4 (a sixteenth)."
            )
        if self.chunk_layout not in ("tile", "eopf"):
            raise InvalidArgumentError(f"chunk_layout={self.chunk_layout!r} is neither 'tile' nor 'eopf'.")
        if self.missing not in ("warn", "raise", "ignore"):
            raise InvalidArgumentError(f"missing={self.missing!r} is not one of 'warn', 'raise', 'ignore'.")


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
    MissingElementError, MissingFileError, CorruptFileError
        If the metadata do not tell how values are scaled, which is never guessed; with ``missing="raise"`` also if
        anything else that the tree needs is not there, or broken.
    """
    options = options or BuildOptions()
    context = BuildContext.of(product, facts, options.reduction, options.missing)
    wanted = [var for var in product.variables if is_below(var.path, facts.below)]
    with facts.files.prefetch(context.prefetch(wanted)):
        return _build(product, context, wanted, facts.below, options)


def _build(product: Product, context: BuildContext, wanted: list[Var], below: str, options: BuildOptions) -> Tree:
    """Build groups of the variables that are wanted; see `build`."""
    lenient = Lenient(context)
    data, absent = context.open((var for var in wanted if not product.is_coordinate(var)), options.dropped)
    nodes = {path: Node(path) for path in with_ancestors((var.group for var, _ in data), below)}
    axes = (var for var in wanted if product.is_coordinate(var) and var.group in nodes)
    coordinates, unplaced = context.open(axes, options.dropped)
    for var, array in data + coordinates:
        if var.name not in options.dropped:
            nodes[var.group].entries[var.name] = _entry(product, var, array, lenient, options)
    misfits = {var_path for node in nodes.values() for var_path in _drop_misfits(node, context)}
    absent += [*unplaced, *(var for var, _ in data + coordinates if var.path in misfits)]
    kept = [var for var, _ in data if var.path not in misfits]
    nodes = {path: nodes[path] for path in with_ancestors((var.group for var in kept), below)}
    for path, node in nodes.items():
        attrs = resolve(product.attrs.get(path, {}), lenient)
        node.attrs.update(attrs if isinstance(attrs, dict) else {})
    if "/" in nodes:
        nodes["/"].attrs = product.finalize(nodes["/"].attrs, kept)
    if options.missing != "ignore" and (absent or context.damaged or context.unknown or context.files.remarks):
        _warn(product, context, absent)
    context.files.reported = True
    return Tree(product, context.files, nodes)


DECODING: Final = ("scale_factor", "add_offset", "_FillValue", "missing_value", "units")
"""Attributes that tell what samples mean: a variable without them would be another one, so that they are required."""


def _entry(product: Product, var: Var, array: Array, lenient: Lenient, options: BuildOptions) -> Entry:
    """One variable of a group: attributes of its file and its table, and the chunks to prefer."""
    for key in DECODING:
        resolve(var.attrs.get(key), lenient.strict)
    attrs = {**getattr(array, "attrs", {}), **resolve(var.attrs, lenient)}
    wanted = product.chunks(var) if options.chunk_layout == "eopf" else ()
    lengths: list[int | None] = [math.ceil(length / (1 << options.reduction)) for length in wanted]
    lengths = lengths or [None] * len(array.shape)
    sizes = zip(array.shape, array.chunks, lengths, strict=True)
    chunks = tuple(chunk_length(size, tile, length) for size, tile, length in sizes)
    return Entry(var.dims, array, attrs, chunks, product.is_coordinate(var))


def chunk_length(size: int, tile: int, wanted: int | None) -> int:
    """Length of a chunk along one dimension: what is wanted, or whole tiles."""
    return min(size, wanted or max(1, tile) * math.ceil(CHUNK / max(1, tile)))


def _drop_misfits(node: Node, context: BuildContext) -> list[str]:
    """Take out the variables of a group that have another size than its coordinates, or than most; return their paths.

    xarray would refuse the group, and only say that sizes conflict.

    Raises
    ------
    CorruptFileError
        There are some, and faults are errors.
    """
    lengths: dict[str, list[tuple[int, str]]] = {}
    for name, entry in node.entries.items():
        for dim, size in zip(entry.dims, entry.array.shape, strict=True):
            lengths.setdefault(dim, []).append((size, name))
    dropped: dict[str, None] = {}
    for dim, found in lengths.items():
        if len({size for size, _ in found}) == 1:
            continue
        axis = node.entries[dim].array.shape[0] if dim in node.entries else None
        (common, _), *_ = Counter(size for size, _ in found).most_common()
        right = axis if axis is not None else common
        for size, name in found:
            if size != right and name not in dropped:
                path = f"{node.path.rstrip('/')}/{name}"
                array: object = node.entries[name].array
                file = getattr(getattr(array, "image", array), "name", "the file of it")
                other = next(other for length, other in found if length == right)
                context.reasons[path] = context.fault(
                    CorruptFileError(
                        f"{context.files.url}: {path} has {size} values along {dim}, {node.path}/{other} has {right}: "
                        f"{file} is not what the metadata say; download the product again."
                    )
                )
                dropped[name] = None
    for name in dropped:
        del node.entries[name]
    return [f"{node.path.rstrip('/')}/{name}" for name in dropped]


def _warn(product: Product, context: BuildContext, absent: list[Var]) -> None:
    """Issue the one warning about all that is absent or unknown: which groups, and why."""
    parts = [*context.files.remarks]
    if context.damaged:
        names = ", ".join(name.rpartition("/")[2] for name in context.damaged)
        parts.append(f"damaged images, which raise an error on reading: {names}. Download the product again.")
    groups: dict[str, list[str]] = {}
    for var in absent:
        groups.setdefault(var.group, []).append(var.name)
    if groups:
        listed = "; ".join(f"{group} ({', '.join(names)})" for group, names in groups.items())
        texts = (context.reasons.get(var.path) for var in absent)
        reasons = dict.fromkeys(product.explain_absence(context) if text is None else text for text in texts)
        parts.append(f"absent from the tree: {listed}. {' '.join(filter(None, reasons))}".rstrip())
    if context.lacking:
        names = ", ".join(context.lacking)
        parts.append(f"The metadata name files that are not there: {names}. Download the product again to have them.")
    unknown = [text for text in context.unknown if not any(text in part for part in parts)]
    if unknown:
        parts.append(f"attributes are absent, because they are unknown: {' '.join(unknown)}")
    warnings.warn(f"{context.files.url}: {' '.join(parts)}", SafeWarning, stacklevel=_outside())


def _outside() -> int:
    """Stack level of the code that called xarray, where a warning belongs."""
    frame, level = inspect.currentframe(), 0
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in ("xarray", "xarray_safe"):
        frame, level = frame.f_back, level + 1
    return max(level, 1)
