"""Layouts of EOPF Zarr: which there are, and which one a version of ESA's converter writes."""

from __future__ import annotations

import re
from typing import Final

from xarray_safe.errors import InvalidArgumentError

LAYOUTS: Final = ("2.5", "2.8")
DEFAULT_LAYOUT: Final = "2.8"


def layout_of(version: str) -> str:
    """Layout of an EOPF version such as ``"2.8"``, ``"2.8.1"`` or ``"2.5.6"``.

    Raises
    ------
    InvalidArgumentError
        For versions that are unknown or known to differ; the message says why and names the known ones.
    """
    found = re.fullmatch(r"(\d+\.\d+)(\.\d+)?", str(version))
    known = "known are '2.5' and '2.8' (the default), with or without a patch version; '2.7' opens as 2.8"
    if found is None:
        raise InvalidArgumentError(f"eopf_version={version!r} is no version; {known}.")
    layout = {"2.7": "2.8"}.get(found[1], found[1])
    if layout == "2.6":
        raise InvalidArgumentError(
            f"eopf_version={version!r}: layout 2.6 has the groups of 2.8 but spells many attributes and flags "
            "otherwise, and stores scaled images as float64 by default; few products were written in it (early 2026). "
            f"It is not offered: {known}."
        )
    if layout not in LAYOUTS:
        raise InvalidArgumentError(f"eopf_version={version!r} is unknown; {known}.")
    return layout
