"""Storage of a run of unknown length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jopa_agent.agent.runtime.columns import Album, Column


@given(st.dictionaries(st.integers(0, 5000), st.floats(-1e6, 1e6)), st.integers(1, 6000))
def test_a_column_keeps_what_it_was_told(told: dict[int, float], count: int) -> None:
    column = Column("float64", vector=True)
    for tick, value in told.items():
        column.put(tick, np.array([value, -value]))
    rows = column.rows(count)
    assert rows.shape == ((count, 2) if told else (count, 0))
    for tick in range(count):
        assert column.has(tick) == (tick in told)
        if told:
            value = told.get(tick, np.nan)
            np.testing.assert_array_equal(rows[tick], [value, -value])


def test_a_column_of_numbers_has_one_axis() -> None:
    column = Column("uint8", missing=7)
    column.put(2, 1)
    np.testing.assert_array_equal(column.rows(4), np.array([7, 7, 1, 7], np.uint8))


@pytest.mark.parametrize("count", [1, 5, 12, 13, 100, 12_000])
def test_an_album_is_dense_at_the_start_and_ends_with_the_last_frame(count: int) -> None:
    album = Album(12)
    for tick in range(count):
        album.put(tick, np.full((2, 2, 1), tick % 256, np.uint8))
    ticks, frames = album.chosen()
    assert len(ticks) <= 12
    assert ticks[0] == 0
    assert ticks[-1] == count - 1
    gaps = np.diff(ticks)
    assert count < 300 or gaps[0] < gaps[-2]
    np.testing.assert_array_equal(frames[:, 0, 0, 0], ticks % 256)
