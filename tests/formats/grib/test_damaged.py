"""GRIB: broken files give errors that say what is wrong, and nothing else."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.grib.support import ECMWF, Memory, message, parameter, product
from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.grib import fields
from xarray_safe.formats.grib.fields import Grib, index


def broken(data: bytes) -> str:
    with pytest.raises(CorruptFileError) as caught:
        index(Memory({"AUX_ECMWFT": data}), "AUX_ECMWFT")
    text = str(caught.value)
    assert "S2B_MSIL2A.SAFE: AUX_ECMWFT: message" in text
    return text


def changed(at: int, value: int, data: bytes | None = None) -> bytes:
    data = message() if data is None else data
    return data[:at] + bytes([value]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "message 1 at byte 0: no GRIB message starts there"),
        (b"<html>Service unavailable</html>", "no GRIB message starts there"),
        (b"GRIB", "no GRIB message starts there"),
        (message()[:-1], "is cut short"),
        (message() + message(indicatorOfParameter=137)[:100], "message 2 at byte .* is cut short"),
        (message() + b"\0" * 30, "message 2 at byte .* no GRIB message"),
        (message()[:-4] + b"7778", "does not end with '7777'"),
        (changed(7, 3), "GRIB edition 3"),
        (changed(4, 0, changed(5, 0, changed(6, 9))), "is 9 bytes long"),
        (changed(15, 0), "its sections end|no description of its grid|does not fit"),
        (changed(8 + 52 + 5, 50), "grid is of type 50"),
        (changed(8 + 13, 13), "there is no moment 2024-13-15"),
        (changed(8 + 52 + 7, 200), "are too few for 1800 values"),
        (changed(8 + 2, 60), "does not fit|sections end"),
        (message() + message(), "message 2 at byte .* second message of 'msl'"),
        (message() + message(indicatorOfParameter=137, P2=95), "another forecast than 'msl'"),
        (message() + message(indicatorOfParameter=137, latitudeOfFirstGridPoint=42428), "another grid than 'msl'"),
    ],
)
def test_broken_files_say_what_is_wrong(data: bytes, said: str) -> None:
    assert re.search(said, broken(data))


def test_levels_of_a_kind_must_be_one() -> None:
    upper = parameter(128, 157, 100, level=850) + parameter(128, 130, 100, level=500)
    assert "at another level" in broken(upper)


def test_a_file_that_changes_after_opening_is_noticed() -> None:
    archive = product()
    array = Grib((ECMWF,), "msl").open(archive.context)
    archive.members[ECMWF] = archive.members[ECMWF][10:]
    with pytest.raises(CorruptFileError, match=r"message of 'msl' at byte .*the file has changed"):
        array[:, :]


def test_values_that_do_not_decode_are_an_error() -> None:
    archive = product()
    data = archive.members[ECMWF]
    field = index(archive, ECMWF).fields["msl"]
    array = Grib((ECMWF,), "msl").open(archive.context)
    bits = field.start + 8 + 52 + 32 + 10
    archive.members[ECMWF] = data[:bits] + b"\x40" + data[bits + 1 :]
    with pytest.raises(CorruptFileError, match="message of 'msl'"):
        array[:, :]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 539), st.integers(0, 255)), min_size=1, max_size=3), st.integers(0, 60))
def test_rubbish_gives_an_array_or_an_error(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(PAIR)
    for at, value in changes:
        data[at % len(data)] = value
    archive = Memory({"f": bytes(data[: len(data) - max(0, cut - 50)])})
    with contextlib.suppress(CorruptFileError):  # no other error, no crash
        found = index(archive, "f")
        for name in found.coordinates:
            assert found.coordinate(name).values.dtype.kind in "if"
        for name, field in found.fields.items():
            if np.prod(field.shape) < 10**6:
                array = fields.GribArray(archive, "f", field, found.variable_attrs(name))
                assert array[:, :].shape == field.shape


PAIR = message() + message(indicatorOfParameter=137)
