"""`processing_history`: the steps that the manifest tells of, by the level that they made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.model.arrays import LookUp

if TYPE_CHECKING:
    from lxml import etree

    from xarray_safe.model.arrays import Context

UNKNOWN: Final = "Unknown"
NO_TIME: Final = "1970-01-01T00:00:00.000000Z"
TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
ROLE: Final = re.compile(r"Level-\d.*Product")
LEVELS: Final = (re.compile(r".*S1[A-Z]_[A-Z0-9]{2}_[A-Z0-9_]{4}_(\d)"), re.compile(r".*[Ll]evel.?(\d)"))
"""By which the name of an input or output tells its level."""
AUXILIARY: Final = "AUX"
"""In the names of auxiliary data."""


@dataclass(frozen=True, slots=True)
class History(LookUp):
    """Look-up of all processing steps in the manifest, those of a level in the order of time.

    Parameters
    ----------
    unknown_times
        Whether a step without a valid time has 1970 as its time, as in layout 2.8.
    """

    unknown_times: bool = True

    def resolve(self, context: Context) -> dict[str, list[dict[str, Any]]]:
        """Walk through the steps."""
        root = context.documents.root("manifest")
        steps: dict[str, list[dict[str, Any]]] = {}
        first = root.find(".//metadataObject[@ID='processing']/metadataWrap/xmlData/processing")
        if first is not None:
            self._walk(first, steps, _level(root.get("version") or ""))
        return {level: sorted(made, key=lambda step: str(step.get("time", ""))) for level, made in steps.items()}

    def _walk(self, element: etree._Element, steps: dict[str, list[dict[str, Any]]], level: str = "") -> None:
        if element.tag == "processing":
            step = self._step(element)
            steps.setdefault(level or _made(element, step), []).append(step)
        for child in element:
            if AUXILIARY not in (child.get("name") or AUXILIARY):
                self._walk(child, steps)

    def _step(self, element: etree._Element) -> dict[str, Any]:
        parent = element.getparent()
        facility, software = element.find("facility"), element.find("facility/software")
        outputs = [str(parent.get("name"))] if parent is not None and parent.get("name") is not None else []
        step: dict[str, Any] = {
            "processor": UNKNOWN if software is None else software.get("name", UNKNOWN),
            "version": UNKNOWN if software is None else software.get("version", UNKNOWN),
            "facility": _facility(facility),
            "inputs": [],
            "outputs": outputs,
        }
        time = _time(element.get("stop"))
        if time or self.unknown_times:
            step["time"] = time or NO_TIME
        for child in element:
            name = child.get("name", "")
            if child.get("role") is not None:
                step.setdefault("adfs" if AUXILIARY in name else "inputs", []).append(name)
        return step


def _facility(facility: etree._Element | None) -> str:
    names = [] if facility is None else [facility.get("organisation"), facility.get("name")]
    return "-".join(str(name) for name in names if name is not None) or UNKNOWN


def _time(text: str | None) -> str:
    """Time with a Z behind; "" if there is none, or not in the form that the converter knows."""
    if text is None:
        return ""
    time = text if text.endswith("Z") else f"{text}Z"
    try:
        datetime.strptime(time, TIME)
    except ValueError:
        return ""
    return time


def _made(element: etree._Element, step: dict[str, Any]) -> str:
    """Level that a step made."""
    parent = element.getparent()
    role = "" if parent is None else parent.get("role") or ""
    if ROLE.fullmatch(role):
        return str(role)
    if role == "Raw Data":
        return "Level-0 Product"
    return next(
        (level for names in (step["outputs"], step["inputs"]) if names and (level := _level(names[0]))), UNKNOWN
    )


def _level(text: str) -> str:
    found = next((match for pattern in LEVELS if (match := pattern.match(text))), None)
    return f"Level-{found[1]} Product" if found else ""
