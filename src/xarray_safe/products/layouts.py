"""Layouts of EOPF Zarr: which there are, and which one a version of ESA's converter writes."""

from __future__ import annotations

import re
from typing import Final

from xarray_safe.errors import InvalidArgumentError

LAYOUTS: Final = ("2.5", "2.6", "2.7", "2.8", "3.0")
DEFAULT_LAYOUT: Final = "2.8"


def layout_of(version: str) -> str:
    """Layout of an EOPF version such as ``"2.8"``, ``"2.8.1"`` or ``"2.5.6"``.

    Raises
    ------
    InvalidArgumentError
        For versions that are unknown; the message names the known ones.
    """
    found = re.fullmatch(r"(\d+\.\d+)(\.\d+)?", str(version))
    listed = ", ".join(map(repr, LAYOUTS))
    known = f"known are {listed}, with or without a patch version; {DEFAULT_LAYOUT!r} is the default"
    if found is None:
        raise InvalidArgumentError(f"eopf_version={version!r} is no version; {known}.")
    if found[1] not in LAYOUTS:
        raise InvalidArgumentError(f"eopf_version={version!r} is unknown; {known}.")
    return found[1]
