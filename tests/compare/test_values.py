"""Values of two arrays: what differs is what a plain look at both says."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from xarray import Variable

from xarray_safe.compare.values import blocks, differ

SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, max_side=60)
DIMS = ("a", "b", "c")


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
