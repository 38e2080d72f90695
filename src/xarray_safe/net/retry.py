"""How many connections, how long to wait, how often to try: the limits of remote reading.

Settings come from the environment, read once:

- ``XARRAY_SAFE_CONNECTIONS``: requests at a time to one server, in each process (default 4, the most that the
  Copernicus Data Space allows);
- ``XARRAY_SAFE_TRIES``: how often to try what fails (default 8);
- ``XARRAY_SAFE_TIMEOUT``: seconds of silence after which a connection counts as dead (default 30).
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Limits:
    """Limits of remote reading; each wait has one.

    Parameters
    ----------
    connections
        Requests at a time to one server.
    tries
        How often to try a request that fails.
    timeout
        Seconds of silence after which a connection counts as dead.
    attempt
        Seconds in which an answer must be complete.
    pause
        Seconds before the second try; doubled for each further one, 10 at the most.
    patience
        Seconds to wait in all for one request where the server asks for it (429, ``Retry-After``).
    gap
        Bytes between two ranges that are rather moved than paid for with a request of their own.
    piece
        Bytes of one request at the most.
    """

    connections: int = 4
    tries: int = 8
    timeout: float = 30.0
    attempt: float = 180.0
    pause: float = 0.25
    patience: float = 120.0
    gap: int = 1 << 16
    piece: int = 8 << 20

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Limits:
        """Read the settings from environment variables.

        Raises
        ------
        InvalidArgumentError
            A variable does not say a number above 0.
        """
        return cls(
            connections=int(_number(environ, "XARRAY_SAFE_CONNECTIONS", cls.connections)),
            tries=int(_number(environ, "XARRAY_SAFE_TRIES", cls.tries)),
            timeout=_number(environ, "XARRAY_SAFE_TIMEOUT", cls.timeout),
        )

    @property
    def longest(self) -> float:
        """Seconds after which a request has ended, one way or the other."""
        return self.tries * (self.attempt + 12.5) + self.patience + self.attempt

    def backoff(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row; a little by chance, so that clients do not march in step."""
        return min(self.pause * 2.0 ** (failures - 1), 10.0) * random.uniform(0.75, 1.25)


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6 or (name != "XARRAY_SAFE_TIMEOUT" and value < 1):
        raise InvalidArgumentError(f"{name} is {text!r}; give a number from 1 on")
    return value


@cache
def limits() -> Limits:
    """Give the limits of this process."""
    return Limits.of(os.environ)
