"""Hold two sources of one product against each other: every value and attribute, and what opening each costs."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from xarray import DataTree

from xarray_safe.compare.differences import Differences
from xarray_safe.compare.measure import MeasuringFailed, measure
from xarray_safe.compare.opening import Place, layout_in, place
from xarray_safe.compare.pictures import true_colour
from xarray_safe.compare.result import Comparison, Difference, Side, Step, Values
from xarray_safe.errors import SafeError
from xarray_safe.summary import summary

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from xarray_safe.compare.differences import Progress

__all__ = ["Comparison", "Difference", "MeasuringFailed", "Side", "Step", "Values", "compare"]


def compare(
    safe: str | os.PathLike[str] | DataTree,
    zarr: str | os.PathLike[str] | DataTree,
    *,
    safe_options: Mapping[str, Any] | None = None,
    zarr_options: Mapping[str, Any] | None = None,
    values: bool = True,
    costs: bool = True,
    progress: Progress = lambda *_: None,
) -> Comparison:
    """Compare a product's SAFE with its EOPF Zarr: all groups, variables, values, attributes and encodings.

    Parameters
    ----------
    safe, zarr
        Path, URL, or open tree. Any two sources will do, in any order, two SAFEs too.
        A SAFE is opened in the layout of the Zarr. A local Zarr may be a zip.
    safe_options, zarr_options
        ``storage_options`` for fsspec.
    values
        Whether to compare values; without them only what opening reads is compared.
    costs
        Whether to measure what opening, the first pixel and one band cost, each source in a process of its own (after
        the comparison, so that local files are in the system's cache for both). Not for trees that are open already.
    progress
        Called before each variable with its path, its number and the number of variables.

    Returns
    -------
    Comparison
        Differences, and apart from them those that are expected because ESA's converter errs.

    Raises
    ------
    MissingFile
        One of them is not there.
    InvalidArgument
        One of them is neither format, or its layout is not known.
    SafeError
        What ``engine="safe"`` raises, or measuring failed.

    Examples
    --------
    >>> print(compare("S2B_….SAFE.zip", "S2B_….zarr"))  # doctest: +SKIP
    identical
    """
    sources = [
        source if isinstance(source, DataTree) else place(source, options)
        for source, options in ((safe, safe_options), (zarr, zarr_options))
    ]
    with ExitStack() as stack:
        trees, layout = _open(sources, stack)
        found = Differences(layout, values=values, progress=progress)
        found.compare(trees[0], trees[1])
        left, right = (
            _side(source, tree, layout, pictures=values, costs=costs)
            for source, tree in zip(sources, trees, strict=True)
        )
    return Comparison(
        left=left,
        right=right,
        layout=layout,
        differences=tuple(difference for difference in found.found if not difference.expected),
        expected=tuple(difference for difference in found.found if difference.expected),
        compared=dict(found.compared),
    )


def _open(sources: list[Place | DataTree], stack: ExitStack) -> tuple[list[DataTree], str]:
    """Open what is not open yet, a SAFE last, in the layout of the other."""
    trees: dict[int, DataTree] = {}
    layout: str | None = None
    for i in sorted(range(len(sources)), key=lambda i: _is_safe(sources[i])):
        source = sources[i]
        if isinstance(source, DataTree):
            trees[i] = source
        else:
            trees[i] = source.open(layout)
            stack.callback(trees[i].close)
        layout = layout or layout_in(trees[i])
    assert layout is not None
    return [trees[i] for i in range(len(sources))], layout


def _is_safe(source: Place | DataTree) -> bool:
    return isinstance(source, Place) and source.kind == "SAFE"


def _side(source: Place | DataTree, tree: DataTree, layout: str, *, pictures: bool, costs: bool) -> Side:
    picture = _picture(tree) if pictures else None
    if isinstance(source, DataTree):
        url = str(tree.encoding.get("source") or tree.name or "an open tree")
        return Side("tree", url, None, summary(tree), (), picture)
    steps = measure(source, layout) if costs else ()
    return Side(source.kind, source.url, source.size(), summary(tree), steps, picture)


def _picture(tree: DataTree) -> bytes | None:
    """Draw the tree, unless an image is damaged: that is among the differences already."""
    try:
        return true_colour(tree)
    except SafeError:
        return None
