"""What everything that implements `xarray_safe.model.arrays.Array` must do."""

from __future__ import annotations

import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from xarray_safe.model.arrays import Array, Key

Values = np.ndarray[Any, Any]


def axis_key(chance: random.Random, size: int) -> int | slice:
    """Return an int, or a slice of any step as `slice.indices` makes it: in bounds, and None for "to the beginning"."""
    if size and chance.random() < 0.3:
        return chance.randrange(size)
    ends = [chance.choice([None, chance.randint(-size - 1, size + 1)]) for _ in range(2)]
    start, stop, step = slice(*ends, chance.choice([None, 1, 2, 3, -1, -2, size + 1])).indices(size)
    return slice(start, None if stop < 0 else stop, step)


def keys(shape: tuple[int, ...], count: int, seed: int = 0) -> list[Key]:
    """Return keys of all kinds that `Array` promises to take."""
    chance = random.Random(seed)
    return [tuple(axis_key(chance, size) for size in shape) for _ in range(count)]


class ArrayContract:
    """Subclass it, and have a fixture `array` (what is tested); one `values` where they are known from elsewhere."""

    windows = 25
    """How many windows are read."""

    @pytest.fixture
    def array(self) -> Array:
        raise NotImplementedError("a fixture of the subclass")

    @pytest.fixture
    def values(self, array: Array) -> Values:
        """All values, by default as the array itself returns them."""
        return array[tuple(slice(0, size, 1) for size in array.shape)]

    def test_shape_type_and_chunks(self, array: Array) -> None:
        assert isinstance(array.dtype, np.dtype)
        assert len(array.shape) == len(array.chunks)
        for size, chunk in zip(array.shape, array.chunks, strict=True):
            assert isinstance(size, int)
            assert isinstance(chunk, int)
            assert 1 <= chunk <= size or size == chunk == 0

    def test_the_whole_is_as_announced(self, array: Array, values: Values) -> None:
        found = array[tuple(slice(0, size, 1) for size in array.shape)]
        assert (found.shape, found.dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(found, values)

    def test_a_window_is_that_of_the_whole(self, array: Array, values: Values) -> None:
        for key in keys(array.shape, self.windows):
            found = array[key]
            assert isinstance(found, np.ndarray | np.generic), key
            assert found.dtype == array.dtype, key
            np.testing.assert_array_equal(found, values[key], err_msg=str(key))

    def test_what_it_returned_may_be_changed(self, array: Array, values: Values) -> None:
        """Results that can be written to are their receiver's own."""
        key = tuple(slice(0, chunk, 1) for chunk in array.chunks)
        expected = np.array(values[key])
        found = array[key]
        if found.size and found.flags.writeable and not np.shares_memory(found, values):
            found[...] = np.zeros((), found.dtype)
        np.testing.assert_array_equal(array[key], expected)

    def test_threads_change_nothing(self, array: Array, values: Values) -> None:
        asked = keys(array.shape, self.windows, seed=1)
        with ThreadPoolExecutor(8) as pool:
            for key, found in zip(asked, pool.map(array.__getitem__, asked), strict=True):
                np.testing.assert_array_equal(found, values[key], err_msg=str(key))

    def test_a_pickle_reads_the_same(self, array: Array, values: Values) -> None:
        other: Array = pickle.loads(pickle.dumps(array))
        assert (other.shape, other.dtype, other.chunks) == (array.shape, array.dtype, array.chunks)
        for key in keys(array.shape, 3, seed=2):
            np.testing.assert_array_equal(other[key], values[key], err_msg=str(key))

    def test_its_token_is_that_of_its_pickle(self, array: Array) -> None:
        tokenize = pytest.importorskip("dask.base").tokenize
        assert tokenize(array) == tokenize(pickle.loads(pickle.dumps(array)))
