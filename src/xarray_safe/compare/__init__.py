"""Compare two sources of one product: every value and attribute, and what opening each costs."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from xarray_safe.compare.comparison import Comparison
from xarray_safe.compare.costs import MeasuringFailedError, measure
from xarray_safe.compare.differences import TreeComparer
from xarray_safe.compare.expected import ExpectedDifferences
from xarray_safe.compare.result import ComparedSource, Difference, Measurement, Values
from xarray_safe.errors import InvalidArgumentError, MissingElementError, SafeError, deprecated_names
from xarray_safe.location import ProductLocation, locate
from xarray_safe.net.urls import describe_error, redact
from xarray_safe.products.layouts import AUTO, has_multiscales, layout_in, layout_of
from xarray_safe.quicklook import true_colour
from xarray_safe.summary import Summary, summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xarray import DataTree

    from xarray_safe.compare.differences import Progress

__all__ = ["ComparedSource", "Comparison", "Difference", "Measurement", "MeasuringFailedError", "Values", "compare"]

if not TYPE_CHECKING:  # a type checker would take any name for one of this module
    __getattr__ = deprecated_names(__name__, MeasuringFailedError, Side=ComparedSource, Step=Measurement)


def compare(
    safe: str | os.PathLike[str] | DataTree,
    zarr: str | os.PathLike[str] | DataTree,
    *,
    safe_options: Mapping[str, Any] | None = None,
    zarr_options: Mapping[str, Any] | None = None,
    layout: str | None = None,
    values: bool = True,
    costs: bool = True,
    progress: Progress = lambda *_: None,
) -> Comparison:
    """Compare a product's SAFE with its EOPF Zarr: all groups, variables, values, attributes and encodings.

    Parameters
    ----------
    safe, zarr
        Path, URL, or open tree. Any two sources can be compared, in any order, also two SAFEs.
        A SAFE is opened in the layout of the Zarr. A local Zarr may be a zip.
    safe_options, zarr_options
        ``storage_options`` for fsspec.
    layout
        Layout in which SAFEs are opened, e.g. ``2.8``; by default that of the Zarr, or the default of
        ``engine="safe"``.
        A Zarr that does not state its layout is assumed to have this one.
    values
        Whether to compare values; without them only what opening reads is compared.
    costs
        Whether to measure what opening, the first pixel and one band cost, each source in a process of its own (after
        the comparison, so that local files are in the system's cache for both). Not for trees that are open already.
        Failing costs, sizes and pictures do not make the comparison fail: `ComparedSource.notes` says why.
    progress
        Called before each variable with its path, its number and the number of variables.

    Returns
    -------
    Comparison
        Differences, and apart from them those that are expected because ESA's converter errs.

    Raises
    ------
    MissingFileError
        One of them does not exist.
    InvalidArgumentError
        One of them is in neither format, or its layout is unknown or not the requested one.
    SafeError
        What ``engine="safe"`` raises, or a Zarr cannot be opened.

    Examples
    --------
    >>> print(compare("product.SAFE.zip", "product.zarr"))  # doctest: +SKIP
    identical
    """
    sources = [
        locate(source, options) if isinstance(source, str | os.PathLike) else _tree(source)
        for source, options in ((safe, safe_options), (zarr, zarr_options))
    ]
    with ExitStack() as stack:
        trees, common = _open(sources, None if layout in (None, AUTO) else layout_of(layout), stack)
        known = ExpectedDifferences(
            common,
            converted=(not _is_safe(sources[0]), not _is_safe(sources[1])),
            multiscale=(has_multiscales(trees[0]), has_multiscales(trees[1])),
            type=_type(trees),
        )
        found = TreeComparer(known, values=values, progress=progress)
        found.compare(trees[0], trees[1])
        left, right = (
            _side(source, tree, common, pictures=values, costs=costs)
            for source, tree in zip(sources, trees, strict=True)
        )
    return Comparison(
        left=left,
        right=right,
        layout=common,
        differences=tuple(difference for difference in found.found if not difference.expected),
        expected=tuple(difference for difference in found.found if difference.expected),
        compared=dict(found.compared),
    )


def _open(
    sources: list[ProductLocation | DataTree], asked: str | None, stack: ExitStack
) -> tuple[tuple[DataTree, DataTree], str]:
    """Open what is not open yet, a SAFE last, in the requested layout or that of the other source."""
    trees: dict[int, DataTree] = {}
    layout = asked
    for i in sorted(range(len(sources)), key=lambda i: _is_safe(sources[i])):
        source = sources[i]
        if isinstance(source, ProductLocation):
            trees[i] = source.open(layout)
            stack.callback(trees[i].close)
        else:
            trees[i] = source
        if layout is None or (asked and not _is_safe(source)):
            layout = _layout(source, trees[i], asked)
    assert layout is not None
    return (trees[0], trees[1]), layout


def _type(trees: Iterable[DataTree]) -> str:
    """EOPF product type that one of the trees states; empty if none does."""
    items = (tree.attrs.get("stac_discovery") for tree in trees)
    found = (item.get("properties") for item in items if isinstance(item, dict))
    return next(
        (str(facts["product:type"]) for facts in found if isinstance(facts, dict) and "product:type" in facts), ""
    )


def _layout(source: ProductLocation | DataTree, tree: DataTree, asked: str | None) -> str:
    """Layout of what was opened; if it does not state one, the requested layout.

    Raises
    ------
    InvalidArgumentError
        It states none, and none is requested; or another one is requested.
    """
    name = source.label if isinstance(source, ProductLocation) else "the open tree"
    try:
        found = layout_in(tree)
    except InvalidArgumentError as error:
        if asked is None:
            raise InvalidArgumentError(f"{name}: {error}; give layout=…, if you know it") from error
        return asked
    if asked not in (None, found):
        raise InvalidArgumentError(f"{name} is in layout {found}, and is compared in it, not in {asked}")
    return found


def _tree(source: DataTree) -> DataTree:
    """Return an open tree, checked to be one.

    Raises
    ------
    InvalidArgumentError
        It is not a tree.
    """
    if not hasattr(source, "subtree"):
        raise InvalidArgumentError(f"a {type(source).__name__} is neither a path, a URL nor an open DataTree")
    return source


def _is_safe(source: ProductLocation | DataTree) -> bool:
    return isinstance(source, ProductLocation) and source.kind == "SAFE"


def _side(
    source: ProductLocation | DataTree, tree: DataTree, layout: str, *, pictures: bool, costs: bool
) -> ComparedSource:
    """Inspect one source; what cannot be determined becomes a note."""
    notes: list[str] = []
    picture = _picture(tree, notes) if pictures else None
    facts = _summary(tree, notes)
    if not isinstance(source, ProductLocation):
        url = redact(str(tree.encoding.get("source") or tree.name or "an open tree"))
        return ComparedSource("tree", url, None, facts, (), picture, tuple(notes))
    size = _size(source, notes)
    steps = _costs(source, layout, notes) if costs else ()
    return ComparedSource(source.kind, source.label, size, facts, steps, picture, tuple(notes))


def _summary(tree: DataTree, notes: list[str]) -> Summary:
    try:
        return summary(tree)
    except MissingElementError as error:
        notes.append(f"no summary: {error}")
        return Summary()


def _picture(tree: DataTree, notes: list[str]) -> bytes | None:
    try:
        return true_colour(tree)
    except Exception as error:  # decoders raise anything on a damaged image
        notes.append(f"no picture: {describe_error(error, limit=None)}")
        return None


def _size(source: ProductLocation, notes: list[str]) -> int | None:
    try:
        return source.size()
    except (SafeError, ImportError, OSError) as error:
        notes.append(f"size not known: {redact(str(error))}")
        return None


def _costs(source: ProductLocation, layout: str, notes: list[str]) -> tuple[Measurement, ...]:
    try:
        return measure(source, layout)
    except MeasuringFailedError as error:
        notes.append(f"costs not known: {redact(str(error))}")
        return error.steps
