"""GRIB messages through eccodes, of the extra ``[grib]``: for what `header` and `packing` do not read themselves.

No message of a product at hand needs it. The library is imported at its first use (0.14 s, and 0.15 s more
for its definitions). Builds of it without threads leave global state unguarded, so one lock is held around every
message; it is also held across a fork, so that no child starts in the middle of decoding.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xarray_safe.errors import CorruptFileError, MissingPackageError, how_to_install
from xarray_safe.runtime import lock_across_forks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

_LOCK = lock_across_forks()


def import_eccodes() -> Any:
    """Import eccodes, after pyproj where that is installed.

    eccodes' wheels bring a PROJ of their own whose symbols every library in the process sees. If pyproj (which
    rioxarray and geopandas import) comes after it, it calls that PROJ, and the process dies; before it, each finds its
    own. If another package has imported eccodes already, nothing can be done.

    Raises
    ------
    MissingPackageError
        It is not installed.
    """
    if "gribapi" not in sys.modules:
        with suppress(ImportError):
            importlib.import_module("pyproj")
    try:
        return importlib.import_module("eccodes")
    except ImportError as error:
        raise MissingPackageError(f"eccodes is not installed: {how_to_install('grib')}", name="eccodes") from error


@dataclass(frozen=True, slots=True)
class Message:
    """An open message: look-ups of its keys by calling it. Valid only inside `open_message`."""

    eccodes: Any
    handle: int

    def __call__(self, key: str) -> Any:
        """Value of a key in its native type."""
        return self.eccodes.codes_get(self.handle, key)

    def optional(self, key: str) -> Any:
        """Value of a key, or None where the message has none."""
        try:
            return self(key)
        except self.eccodes.KeyValueNotFoundError:
            return None

    def array(self, key: str) -> NDArray[np.float64]:
        """Values of a key as a new array of float64."""
        values = np.array(self.eccodes.codes_get_double_array(self.handle, key), dtype=np.float64)
        return np.atleast_1d(values)

    def step(self, seconds: Mapping[int, int]) -> tuple[int, int]:
        """Return unit and length (s) of the forecast step: in hours if they fit, which is eccodes' default.

        The step is read in the message's own unit first, because eccodes fails, and prints, if it is not whole hours.
        """
        unit = int(self("indicatorOfUnitOfTimeRange"))
        if unit not in seconds:
            raise ValueError(f"unit {unit} of the forecast step has no fixed length")
        self.eccodes.codes_set(self.handle, "stepUnits", unit)
        length = seconds[unit] * int(self.eccodes.codes_get(self.handle, "endStep", int))
        return (1 if length % 3600 == 0 else unit), length

    def values(self, missing: float) -> NDArray[np.float64]:
        """Decode all values in the order in which they are stored, `missing` where there is none."""
        self.eccodes.codes_set(self.handle, "missingValue", missing)
        return self.array("values")


@contextmanager
def open_message(message: bytes, where: str) -> Iterator[Message]:
    """Open a whole message.

    Parameters
    ----------
    message
        From ``GRIB`` to ``7777``; eccodes may crash on anything else.
    where
        File and message, for errors.

    Raises
    ------
    CorruptFileError
        eccodes cannot read the message.
    MissingPackageError
        eccodes is not installed.
    """
    with _LOCK:
        try:
            eccodes = import_eccodes()
        except MissingPackageError as error:
            raise MissingPackageError(f"{where}: is not of the kind in products, and {error}") from error
        try:
            handle = eccodes.codes_new_from_message(message)
            try:
                yield Message(eccodes, handle)
            finally:
                eccodes.codes_release(handle)
        except (eccodes.CodesInternalError, ArithmeticError, ValueError, TypeError) as error:
            if isinstance(error, CorruptFileError):
                raise
            raise CorruptFileError(f"{where}: eccodes cannot read it: {error}") from error
