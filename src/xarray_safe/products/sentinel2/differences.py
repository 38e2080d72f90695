"""Layouts as differences over another layout: which variables and which metadata are not the same, and how."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.products.sentinel2.descriptions import COPY, Rule, with_copy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xarray_safe.model.arrays import Source
    from xarray_safe.model.product import Var


class _Removed:
    """Placeholder for something that a layout lacks."""

    def __repr__(self) -> str:
        return "REMOVED"


REMOVED: Final = _Removed()


@dataclass(frozen=True, slots=True)
class Renamed:
    """A key that a layout spells otherwise; its value is the same."""

    name: str


@dataclass(frozen=True, slots=True)
class Change:
    """What is not the same in some variables.

    Parameters
    ----------
    paths
        Pattern of their paths; ``*`` stands for anything, ``[…]`` for one of some characters.
    entries
        Entries of the description (of a coordinate: attributes) that have another value, or are `REMOVED`.
    source
        Where the values come from, if not from where the other layout has them.
    """

    paths: str
    entries: Mapping[str, object] = field(default_factory=dict)
    source: Source | None = None


def changed(variables: Iterable[Var], changes: Iterable[Change], rule: Rule = with_copy) -> tuple[Var, ...]:
    """Variables of a layout from those of another.

    Parameters
    ----------
    variables
        Those of one of the layouts 2.6 to 2.8, whose data variables have their description as `_eopf_attrs`.
    changes
        What is not the same; those of one variable are made one after the other.
    rule
        Raw attributes of data variables from their description.
    """
    listed = tuple(changes)
    return tuple(
        _changed(var, [change for change in listed if fnmatchcase(var.path, change.paths)], rule) for var in variables
    )


def _changed(var: Var, changes: list[Change], rule: Rule) -> Var:
    described = COPY in var.attrs
    entries: Any = var.attrs[COPY] if described else var.attrs
    for change in changes:
        entries = edited(entries, change.entries)
        var = var if change.source is None else replace(var, source=change.source)
    return replace(var, attrs=rule(entries) if described else entries)


def edited(table: Any, edits: Mapping[str, object]) -> Any:
    """Copy a nested table with some of its leaves changed.

    Parameters
    ----------
    table
        Dicts and lists.
    edits
        By path, such as ``stac_discovery/properties/bands/4/name``: the new value, `REMOVED` or `Renamed`. A value may
        be new; what is removed or renamed but not there is passed over, for the levels do not have the same keys.
    """
    for path, edit in edits.items():
        table = _edited(table, path.split("/"), edit)
    return table


def _edited(table: Any, path: list[str], edit: object) -> Any:
    key: Any = int(path[0]) if isinstance(table, list) else path[0]
    copy = table.copy()
    if len(path) > 1:
        copy[key] = _edited(table[key], path[1:], edit)
    elif edit is REMOVED:
        copy.pop(key, None)
    elif isinstance(edit, Renamed):
        if key in copy:
            copy[edit.name] = copy.pop(key)
    else:
        copy[key] = edit
    return copy
