"""GRIB: values of simple packing are eccodes' to the last bit; lengths are checked before anything is decoded."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.grib.support import ECMWF, Memory, eccodes, fields, message, needs_shared, product, real_files
from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.grib.fields import Grib, index
from xarray_safe.formats.grib.header import MISSING, check_sections
from xarray_safe.formats.grib.packing import MAX_CONSTANT, signed, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD = message()[: 8 + 52 + 32]
"""Start of a message, sections 0 to 2."""


def by_eccodes(data: bytes) -> bytes:
    handle = eccodes.codes_new_from_message(data)
    try:
        eccodes.codes_set(handle, "missingValue", MISSING)
        return np.array(eccodes.codes_get_double_array(handle, "values"), np.float64).tobytes()
    finally:
        eccodes.codes_release(handle)


def ours(data: bytes) -> bytes:
    check_sections(data, len(data), "a message")
    values = unpack(data, MISSING, "a message")
    assert values is not None
    return values.tobytes()


def scale(value: int) -> bytes:
    return (abs(value) | (0x8000 if value < 0 else 0)).to_bytes(2)


def build(
    integers: list[int], width: int, binary: int, decimal: int, reference: bytes, present: list[bool] | None = None
) -> bytes:
    """Put a message together from its parts, without eccodes."""
    section3 = b""
    if present is not None:
        bits = np.packbits(present).tobytes()
        bits += bytes(len(bits) % 2)
        section3 = (6 + len(bits)).to_bytes(3) + bytes([8 * len(bits) - len(present), 0, 0]) + bits
        integers = list(itertools.compress(integers, present))
    text = "".join(f"{value:0{width}b}" for value in integers) if width else ""
    size = -(-len(text) // 8)
    size += (11 + size) % 2
    packed = int(text.ljust(8 * size, "0") or "0", 2).to_bytes(size)
    head = bytes([8 * size - len(text)]) + scale(binary) + reference + bytes([width])
    data = bytearray(HEAD + section3 + (11 + size).to_bytes(3) + head + packed + b"7777")
    data[15] |= 64 if section3 else 0
    data[8 + 26 : 8 + 28] = scale(decimal)
    data[4:7] = len(data).to_bytes(3)
    return bytes(data)


@needs_shared
def test_values_of_all_real_messages() -> None:
    seen = 0
    for data in real_files():
        for field in fields(data).values():
            one = data[field.start : field.stop]
            assert ours(one) == by_eccodes(one)
            seen += 1
    assert seen >= 17 * 3


@st.composite
def packed(draw: st.DrawFn) -> bytes:
    width = draw(st.integers(0, 32))
    binary = draw(st.one_of(st.integers(-40, 20), st.sampled_from([-1080, -500, 900, 1030, 0x7FFF, -0x7FFE])))
    decimal = draw(st.one_of(st.integers(-25, 25), st.sampled_from([-330, 330, 0x7FFF, -0x7FFE])))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    reference = draw(st.one_of(st.binary(min_size=4, max_size=4), st.just(b"\xff" * 4)))
    present = (rng.random(81) < draw(st.floats(0, 1))).tolist() if draw(st.booleans()) else None
    return build(rng.integers(0, 1 << width, 81).tolist(), width, binary, decimal, reference, present)


@settings(max_examples=400, deadline=None)
@given(packed())
def test_any_width_scale_and_bitmap(data: bytes) -> None:
    assert ours(data) == by_eccodes(data)


@pytest.mark.parametrize("width", range(33))
def test_widths_over_more_than_one_block(width: int) -> None:
    """Fields larger than one piece of unpacking, of a size that is no multiple of 8."""
    size = {"Ni": 301, "Nj": 263, "iDirectionIncrement": 100, "jDirectionIncrement": 100}
    corners = {"latitudeOfFirstGridPoint": 60_000, "latitudeOfLastGridPoint": 33_800, "longitudeOfFirstGridPoint": 0}
    values = np.random.default_rng(width).normal(size=301 * 263)
    data = message(values, bitsPerValue=width, longitudeOfLastGridPoint=30_000, **size, **corners)
    assert ours(data) == by_eccodes(data)


@pytest.mark.parametrize(("number", "data"), [(0, b"\0\0"), (0, b"\x80\0"), (-5, b"\x80\x05"), (32767, b"\x7f\xff")])
def test_numbers_of_sign_and_magnitude(number: int, data: bytes) -> None:
    assert signed(data) == number


@pytest.mark.parametrize("packing", ["grid_second_order", "grid_ieee"])
def test_other_packings_go_through_eccodes(packing: str) -> None:
    values = np.random.default_rng(0).normal(size=(9, 9)).round(3)
    handle = eccodes.codes_new_from_message(message(values))
    eccodes.codes_set(handle, "packingType", packing)
    eccodes.codes_set_values(handle, values.ravel())
    data = eccodes.codes_get_message(handle)
    eccodes.codes_release(handle)
    assert unpack(data, MISSING, "a message") is None
    got = Grib((ECMWF,), "msl").open(Memory({ECMWF: data}).context)[:, :]
    np.testing.assert_array_equal(got.ravel(), np.frombuffer(by_eccodes(data)).astype("f4"))


@pytest.mark.parametrize("scales", [(-0x7FFF, 0), (0, -0x7FFF)])
def test_scale_factors_that_are_unset_go_through_eccodes(scales: tuple[int, int]) -> None:
    assert unpack(build(list(range(81)), 8, *scales, b"\x41\x10\0\0"), MISSING, "a message") is None


def test_more_than_32_bits_go_through_eccodes() -> None:
    data = bytearray(message(bitsPerValue=16))
    data[8 + 52 + 32 + 10] = 33
    assert unpack(bytes(data), MISSING, "a message") is None


# --- hostile bytes -----------------------------------------------------------------------------------------------


def hostile() -> Iterator[tuple[str, bytes, str]]:
    plain = build(list(range(81)), 16, -3, 0, b"\x41\x10\0\0")
    short = bytearray(plain)
    short[8 + 52 + 32 + 10] = 17
    yield "more bits than data", bytes(short), "too few for 81 values of 17 bits"
    mapped = build(list(range(81)), 16, -3, 0, b"\x41\x10\0\0", [True] * 81)
    bits = bytearray(mapped)
    bits[8 + 52 + 32 + 3] = 40
    yield "bitmap that ends early", bytes(bits), "bitmap of 56 bits is too short for 81 points"
    more = bytearray(build(list(range(81)), 16, -3, 0, b"\x41\x10\0\0", [True] * 41 + [False] * 40))
    more[8 + 52 + 32 + 6 : 8 + 52 + 32 + 17] = b"\xff" * 11
    yield "bitmap of more values than there are", bytes(more), "too few for 81 values of 16 bits"
    for width in (0, 1):
        for nodes in (4097, 65534):
            huge = bytearray(build([0] * 81, width, 0, 0, b"\x41\x10\0\0"))
            huge[8 + 52 + 6 : 8 + 52 + 10] = 2 * nodes.to_bytes(2)
            said = "too few" if width else f"{nodes * nodes} points without data; {MAX_CONSTANT} are the maximum"
            yield f"{nodes} x {nodes} of {width} bits", bytes(huge), said


@pytest.mark.parametrize(("data", "said"), [pytest.param(*case[1:], id=case[0]) for case in hostile()])
def test_sizes_are_checked_before_decoding(data: bytes, said: str) -> None:
    with pytest.raises(CorruptFileError, match=said):
        ours(data)


# --- without eccodes ---------------------------------------------------------------------------------------------


def without_eccodes(code: str) -> str:
    """Run code in a process in which eccodes and cfgrib cannot be imported."""
    block = "import sys\nsys.modules.update(dict.fromkeys(('eccodes', 'gribapi', 'cfgrib', 'pyproj')))\n"
    run = subprocess.run(
        [sys.executable, "-c", block + textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_products_are_read_without_eccodes(tiny_folder: Path) -> None:
    printed = without_eccodes(f"""
        import xarray as xr
        tree = xr.open_datatree({str(tiny_folder)!r}, engine="safe")
        print(float(tree["conditions/meteorology/ecmwf/msl"].mean()) > 9e4)
    """)
    assert printed.split() == ["True"]


def test_what_needs_eccodes_says_so() -> None:
    """Values in another packing raise when read; messages with another header are absent, and their error says why."""
    files = {ECMWF: product().members[ECMWF]}
    data = bytearray(files[ECMWF])
    field = index(Memory(files), ECMWF).fields["msl"]
    data[field.start + 8 + 52 + 32 + 10] = 8
    data[field.start + 8 + 52 + 32 + 3] |= 0x10
    other = message(indicatorOfParameter=167)
    printed = without_eccodes(f"""
        import re
        from types import SimpleNamespace
        from xarray_safe.errors import AbsentFileError, MissingPackageError
        from xarray_safe.formats.grib.fields import Grib
        data = bytes.fromhex({(bytes(data) + other).hex()!r})
        facts = {{"url": "u", "size": lambda n: len(data), "identity": lambda n: (n,)}}
        files = SimpleNamespace(read=lambda n, a, b: data[a:b], **facts)
        context = SimpleNamespace(files=files, find=lambda pattern: pattern)
        assert Grib(("f",), "tcwv").open(context)[:, :].shape == (9, 9)
        try:
            Grib(("f",), "msl").open(context)[:, :]
        except MissingPackageError as error:
            print(error)
        try:
            Grib(("f",), "t2m").open(context)
        except AbsentFileError as error:
            print(error.__cause__)
    """)
    first, second = printed.splitlines()
    for line in (first, second):
        assert line.startswith("u: f: message")
        assert 'pip install "xarray-safe[grib]"' in line
        assert 'pip install ".[grib]"' in line
    assert "of 'msl'" in first
    assert "message 7" in second
