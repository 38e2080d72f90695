"""Every environment variable of the project, ``XARRAY_SAFE_…``, and what it may say.

`Settings` is the one table of them. A process reads it once, at its first use of any (`runtime.settings`).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_THREADS = 16
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_OFF = ("off", "0", "no", "false")


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?b?", text.lower())
    if match is None:
        raise ValueError("give bytes such as 256MB, or 0 to cache no tiles")
    return int(float(match[1]) * _UNITS[match[2] or ""])


def _count(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value < 1e6:
        raise ValueError("give a number from 1 on")
    return int(value)


def _threads(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("give a number of threads from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise ValueError("give a number of seconds above 0")
    return value


def _folder(text: str) -> str:
    return "off" if text.lower() in _OFF else text


def _paths(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(os.pathsep)))


def _switch(text: str) -> bool:
    return text != "0"


def _processors() -> int:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(count or 1, MAX_THREADS)


def _variable(name: str, meaning: str, read: Callable[[str], Any], default: Any, shown: str | None = None) -> Any:
    """Describe a field; `default` is a value, or a function where it depends on the machine."""
    about = {
        "variable": f"XARRAY_SAFE_{name}",
        "meaning": meaning,
        "read": read,
        "default": str(default) if shown is None else shown,
    }
    if callable(default):
        return field(default_factory=default, metadata=about)
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Settings:
    """What the environment says; each field's metadata has the variable, its meaning and its default in words."""

    tile_cache: int = _variable(
        "TILE_CACHE",
        "bytes of decoded tiles that a process caches, e.g. `256MB`; `0` caches none",
        _bytes,
        128_000_000,
        "128MB",
    )
    threads: int = _variable(
        "THREADS",
        "threads that decode the tiles of one window; `1` decodes in the calling thread",
        _threads,
        _processors,
        f"the processors of the process, at most {MAX_THREADS}",
    )
    openjpeg: str = _variable(
        "OPENJPEG", "path of the OpenJPEG library to use, or `off` for none", str, "", "searched for"
    )
    connections: int = _variable(
        "CONNECTIONS",
        "requests at a time to one server, in each process (the Copernicus Data Space allows an account 4)",
        _count,
        4,
    )
    tries: int = _variable("TRIES", "how often to try a request of remote reading", _count, 8)
    timeout: float = _variable(
        "TIMEOUT", "seconds of silence after which a connection of remote reading counts as dead", _seconds, 30.0, "30"
    )
    index_cache: str = _variable(
        "INDEX_CACHE", "folder of cached tile indexes, or `off`", _folder, "", "in the user's cache folder"
    )
    indexes: tuple[str, ...] = _variable(
        "INDEXES", "files of saved tile indexes to use, separated as in `PATH`", _paths, (), "none"
    )
    cdse_url: str = _variable(
        "CDSE_URL", "URL of a mirror of all services of the Copernicus Data Space", str, "", "the real services"
    )
    eopf_stac: str = _variable(
        "EOPF_STAC", "URL of the STAC API of the EOPF Sample Service", str, "", "the real service"
    )
    keep_token: bool = _variable(
        "KEEP_TOKEN", "`0`: processes do not share a login through a file", _switch, True, "shared"
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read all variables; empty ones count as not set.

        Raises
        ------
        InvalidArgumentError
            The value of a variable is invalid.
        """
        values = {}
        for setting in fields(cls):
            name, read = setting.metadata["variable"], setting.metadata["read"]
            text = environ.get(name, "").strip()
            if text:
                try:
                    values[setting.name] = read(text)
                except ValueError as error:
                    raise InvalidArgumentError(f"{name} is {text!r}; {error}") from None
        return cls(**values)


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield variable, meaning and default of each setting, for the documentation."""
    for setting in fields(Settings):
        about = setting.metadata
        yield about["variable"], about["meaning"], about["default"]
