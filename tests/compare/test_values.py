"""Values of two arrays: what differs is what a plain look at both says."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from xarray import Variable

from xarray_safe.compare import values
from xarray_safe.compare.values import blocks, differ

SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, max_side=60)
DIMS = ("a", "b", "c")


@settings(deadline=None)
@given(st.data(), SHAPES)
def test_count_first_and_largest(data: st.DataObject, shape: tuple[int, ...]) -> None:
    numbers = st.sampled_from([0.0, 1.0, 2.5, math.nan])
    u = data.draw(arrays.arrays(float, shape, elements=numbers, fill=st.just(0.0)))
    v = data.draw(arrays.arrays(float, shape, elements=numbers, fill=st.just(0.0)))
    found = differ(*(Variable(DIMS[: len(shape)], side) for side in (u, v)))
    different = [
        where for where in np.ndindex(shape) if u[where] != v[where] and not (np.isnan(u[where]) and np.isnan(v[where]))
    ]
    if not different:
        assert found is None
        return
    assert found is not None
    assert (found.count, found.total, found.first) == (len(different), u.size, different[0])
    gaps = [abs(u[where] - v[where]) for where in different if not np.isnan(u[where] - v[where])]
    assert found.largest == (max(gaps) if gaps else None)
    if len(shape) >= 2:
        assert found.map is not None
        assert found.map.max() <= 1
        side = math.ceil(max(shape[-2:]) / 48)
        assert {(where[-2] // side, where[-1] // side) for where in different} == set(
            map(tuple, np.argwhere(found.map).tolist())
        )


@settings(deadline=None)
@given(st.data(), SHAPES)
def test_blocks_make_no_difference(data: st.DataObject, shape: tuple[int, ...]) -> None:
    """Count, first, largest and map are those of one look at the whole."""
    numbers = st.sampled_from([0.0, 1.0, 2.5, math.nan, math.inf])
    u, v = (data.draw(arrays.arrays(float, shape, elements=numbers)) for _ in range(2))
    sides = [Variable(DIMS[: len(shape)], side) for side in (u, v)]
    whole = differ(*sides)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "blocks", partial(blocks, size=data.draw(st.integers(1, 200))))
        parts = differ(*sides)
    assert parts == whole
    if whole is not None:
        assert parts is not None
        assert np.array_equal(parts.map, whole.map) if whole.map is not None else parts.map is None


@settings(deadline=None)
@given(SHAPES, st.integers(1, 500))
def test_blocks_cover_an_array_once(shape: tuple[int, ...], most: int) -> None:
    seen = np.zeros(shape, int)
    for block in blocks(shape, most):
        seen[block] += 1
        assert seen[block].size <= max(most, math.prod(shape[1:]))
    assert (seen == 1).all()


def test_other_kinds_of_values() -> None:
    times = np.array(["2024-11-15", "NaT"], "M8[ns]")
    assert differ(Variable("a", times), Variable("a", times.copy())) is None
    labels = differ(Variable("a", np.array(["b01", "b02"])), Variable("a", np.array(["b01", "b2"], object)))
    assert labels is not None
    assert (labels.count, labels.largest, labels.first) == (1, None, (1,))
    mixed = differ(Variable("a", np.array(["1", "2"])), Variable("a", np.array([1, 2])))
    assert mixed is not None
    assert mixed.count == 2
    unsigned = differ(Variable((), np.uint8(3)), Variable((), np.uint8(5)))
    assert unsigned is not None
    assert unsigned.largest == 2
