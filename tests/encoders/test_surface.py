"""Ways are as long as the surface that pictures lie on makes them, and coordinates as they are."""

import numpy as np
import pytest
from jopa_agent.agent.encoders.likeness import squared_distances
from jopa_agent.agent.encoders.surface import coordinates, spread_marks, surface_of, ways_on

RATE = np.sqrt(1 + 4)  # length of the curve for a radian


def curve(angle: np.ndarray) -> np.ndarray:
    """A closed curve in five dimensions, at constant pace."""
    waves = [np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle), 0 * angle]
    return np.stack(waves, axis=-1)


def turning(seed: int = 0) -> np.ndarray:
    """Angles of a body that turns by 0.2 rad a step, from anywhere."""
    start = np.random.default_rng(seed).uniform(0, 2 * np.pi, (6, 1))
    return start + 0.2 * np.arange(50)


def test_marks_are_spread_evenly_where_frames_are_not():
    angle = np.concatenate([np.linspace(0, 1, 500), np.linspace(1, 2 * np.pi, 50)])
    places = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    marks, spacings = spread_marks(places, 0.25)
    assert (np.diff(spacings) <= 0).all()
    for count in (5, len(marks)):
        chosen = places[marks[:count]]
        apart = np.sqrt(squared_distances(chosen, chosen))
        away = np.sqrt(((places[:, None] - places[marks[:count]]) ** 2).sum(-1))
        assert away.min(1).max() == spacings[count - 1]
        assert apart[~np.eye(count, dtype=bool)].min() >= spacings[count - 1]
    assert spacings[-1] < 0.25
    assert 2 * np.pi / 0.5 <= len(marks) <= 2 * np.pi / 0.25


def test_ways_follow_the_curve():
    angle = turning()
    ways = ways_on(surface_of(curve(angle)))
    assert ways is not None
    one, other = angle.reshape(-1)[np.asarray(ways.ends)].T
    turn = np.abs((one - other + np.pi) % (2 * np.pi) - np.pi)
    lengths = np.exp(0.5 * np.asarray(ways.lengths))
    np.testing.assert_allclose(lengths, RATE * turn, rtol=0.05)
    assert turn.max() > 0.7


@pytest.mark.parametrize("frames", [300, 900])
def test_a_gap_in_what_was_seen_is_gone_around(frames: int):
    angle = np.linspace(0.4, 2 * np.pi - 0.4, frames).reshape(3, -1)
    places = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    surface = surface_of(places)
    seen = angle.reshape(-1)
    around = np.abs(seen[surface.landmarks][:, None] - seen)
    assert surface.spacing < 0.1
    np.testing.assert_allclose(surface.lengths, around, rtol=0.05, atol=0.02)


def test_what_was_seen_in_two_places_is_joined_where_they_are_nearest():
    step = np.linspace(0, 1, 60)
    here = np.stack([step, np.zeros(60)], axis=1)
    there = here + np.array([2.5, 0.0])
    surface = surface_of(np.stack([here, there]))
    assert np.isfinite(surface.lengths).all()
    assert surface.lengths.max() == pytest.approx(3.5, rel=0.01)


def test_a_body_that_never_moved_has_no_ways_and_all_the_same_coordinates():
    surface = surface_of(np.zeros((1, 4, 3)))
    assert ways_on(surface) is None
    assert (coordinates(surface, 2) == 0).all()


def test_coordinates_of_a_closed_curve_go_round():
    angle = turning()
    surface = surface_of(curve(angle))
    found = coordinates(surface, 2)
    seen = angle.reshape(-1)
    assert len(surface.landmarks) < len(seen) / 2  # most lie between those
    radius = np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(radius, radius.mean(), rtol=0.1)
    turn = np.unwrap(np.arctan2(*found[np.argsort(seen % (2 * np.pi))].T))
    assert abs(turn[-1] - turn[0]) == pytest.approx(2 * np.pi, rel=0.05)
    assert (np.diff(turn) * np.sign(turn[-1]) > -0.02).all()


def test_coordinates_of_a_rolled_sheet_are_those_of_the_sheet():
    """Two angles, of which one hardly closes: no linear map tells them, the ways do."""
    rng = np.random.default_rng(1)
    start, way = rng.uniform(0, 1, (60, 1, 2)), rng.uniform(0, 2 * np.pi, (60, 1))
    step = np.stack([np.cos(way), np.sin(way)], axis=2) * 0.1 * np.arange(50)[:, None]
    walk = 1 - np.abs((start + step / [5.0, 2.0]) % 2 - 1)  # turns back at the edges
    along, over = 5.0 * walk[..., 0], 2.0 * walk[..., 1]
    places = np.stack([np.cos(along), np.sin(along), over], axis=2)
    surface = surface_of(places)
    found = coordinates(surface, 2)
    sheet = np.stack([along, over], axis=2).reshape(-1, 2)
    sheet = sheet - sheet.mean(0)
    left, _, right = np.linalg.svd(found.T @ sheet)
    away = np.linalg.norm((found - found.mean(0)) @ left @ right - sheet, axis=1)
    assert np.median(away) < 0.1


def test_more_coordinates_than_the_surface_has_directions_are_zero():
    line = np.linspace(0, 1, 40)[None, :, None] * np.array([1.0, 2.0, 0.0])
    found = coordinates(surface_of(line), 4)
    assert np.ptp(found[:, 0]) == pytest.approx(np.sqrt(5), rel=0.05)
    assert np.abs(found[:, 1:]).max() < 1e-2
