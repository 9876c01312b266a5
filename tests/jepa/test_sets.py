"""Sets of trajectories, on disk and not, and what probes make of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.jepa.datasets import read_frames, read_positions, write_set
from jopa_agent.agent.jepa.probes import chance_px2, constant_error_px2, fit_probe, told
from jopa_agent.agent.jepa.sets import SETS, drawn, judged, stream, windows
from jopa_agent.agent.learning.errors import DatasetError
from jopa_agent.envs.two_rooms import UNSEEN_WALLS, Layout, frames_of


def test_sets_are_the_same_for_the_same_seed_however_many_are_drawn():
    few, many = drawn("wall", 5, 0), drawn("wall", 1500, 0)
    np.testing.assert_array_equal(few.positions, many.positions[:5])
    assert len(many.positions) == 1500
    assert max(len(part.positions) for part in stream("wall", 1500, 0)) == 1024
    for other in (drawn("wall", 5, 1), drawn("wall", 5, 0, "training")):
        assert not np.array_equal(few.positions, other.positions)


def test_walls_of_wall_other_stand_where_no_other_set_has_them():
    for name in SETS:
        walls = set(drawn(name, 300, 0).layout.wall_x)
        assert (walls <= set(UNSEEN_WALLS)) == (name == "wall_other")
        assert bool(walls & set(UNSEEN_WALLS)) == (name == "wall_other")


def test_windows_are_pieces_of_their_walks():
    walks = drawn("normal", 3, 0)
    cut = windows(walks)
    assert cut.positions.shape == (15, 17, 2)
    np.testing.assert_array_equal(cut.positions[7], walks.positions[1, 34:51])
    np.testing.assert_array_equal(cut.controls[7], walks.controls[1, 34:50])
    assert cut.layout.wall_x[7] == walks.layout.wall_x[1]
    assert judged("normal", 8, 0).positions.shape == (8, 17, 2)


def test_a_dataset_is_written_part_by_part_and_keeps_positions_apart(tmp_path):
    write_set("wall", 70, 2, tmp_path)
    seen, walks = read_frames(tmp_path), drawn("wall", 70, 2)
    rows = np.array([0, 69])
    layout = Layout(*(each[rows][:, None] for each in walks.layout))
    expected = frames_of(walks.positions[rows].astype(np.float32), layout)
    np.testing.assert_array_equal(seen.frames(rows), expected)
    np.testing.assert_array_equal(seen.controls, walks.controls.astype(np.float32))
    np.testing.assert_array_equal(read_positions(tmp_path), walks.positions.astype(np.float32))
    assert not hasattr(seen, "positions")
    assert {each.name for each in tmp_path.iterdir()} == {
        "dataset.toml", "dots.npy", "walls.npy", "controls.npy", "truth",
    }  # fmt: skip
    np.save(tmp_path / "walls.npy", np.zeros((3, 65, 65), np.uint8))
    with pytest.raises(DatasetError, match=r"has uint8 \(3, 65, 65\), its page says"):
        read_frames(tmp_path)
    with pytest.raises(DatasetError, match="make it with 'jopa-agent collect two-rooms'"):
        read_frames(tmp_path / "truth")


def test_chance_is_nothing_where_no_wall_is_met_and_something_where_one_is():
    assert chance_px2(drawn("expert", 20, 0), 0) == pytest.approx(0, abs=1e-12)
    assert 0.05 < chance_px2(drawn("wall", 200, 0), 0) < 0.6


def test_a_constant_errs_by_the_variance():
    walks = drawn("normal", 200, 0)
    expected = walks.positions.reshape(-1, 2).var(axis=0).mean()
    assert constant_error_px2(walks, walks) == pytest.approx(expected)


def test_a_probe_reads_positions_that_latents_hold():
    walks = windows(drawn("normal", 300, 0))
    mix = 0.5 * np.asarray(jax.random.normal(jax.random.key(0), (2, 6)))
    latents = np.tanh((walks.positions / 32 - 1) @ mix).astype(np.float32)
    probe = fit_probe(latents, walks.positions, 0)
    assert np.square(np.asarray(told(probe, jnp.asarray(latents))) - walks.positions).mean() < 0.5
