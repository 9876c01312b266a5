"""The two rooms: frames, motion, walks and the environment."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st
from jopa_agent.envs import two_rooms_env
from jopa_agent.envs.two_rooms import (
    DOOR_RANGE,
    DOT_SIGMA_PX,
    FRAME_SHAPE,
    UNSEEN_WALLS,
    WALL_RANGE,
    Layout,
    drawn_layouts,
    fixed_layout,
    frames_of,
    is_free,
    seen_walls,
    wall_pictures,
)
from jopa_agent.envs.two_rooms_motion import first_hit, free_places, moved
from jopa_agent.envs.two_rooms_walks import go_to_goals, walk, walk_by_door, walk_into_wall
from scipy.stats import kstest, truncnorm, vonmises

ONE = Layout(np.array([32]), np.array([20]))


def stepped(start, step, layout=ONE, seed=0):
    place, stopped = moved(np.array([start], float), np.array([step], float), layout,
                           np.random.default_rng(seed))  # fmt: skip
    return place[0], bool(stopped[0])


def test_a_frame_is_the_formula_at_every_pixel():
    position = np.array([17.3, 41.85])
    frame = frames_of(position, fixed_layout(32, 20))
    y, x = np.mgrid[:65, :65]
    squared = (x - position[0]) ** 2 + (y - position[1]) ** 2
    exact = 255 * np.exp(-squared / (2 * DOT_SIGMA_PX**2))
    assert frame.shape == FRAME_SHAPE
    assert frame.dtype == np.uint8
    # float32 may round a value that is whole by a hair to the other side
    assert (
        np.abs(frame[..., 0] - np.floor(exact)) <= (np.abs(exact - np.round(exact)) < 1e-3)
    ).all()


def test_walls_stand_where_the_layout_says():
    walls = wall_pictures(fixed_layout(32, 20)) == 255
    assert walls[[4, 60]].all()
    assert walls[:, [4, 60]].all()
    inside = walls[5:60, 5:60]
    rows, columns = np.nonzero(inside)
    assert set(columns + 5) == {31, 32, 33}
    assert set(range(5, 60)) - set(rows + 5) == set(range(16, 25))
    assert len(rows) == 3 * (55 - 9)


def test_a_move_that_meets_nothing_is_made():
    place, stopped = stepped((10, 10), (1.5, -0.5))
    assert not stopped
    np.testing.assert_allclose(place, (11.5, 9.5))


@pytest.mark.parametrize(
    ("start", "step", "share", "normal"),
    [
        ((30, 40), (2, 1), 0.5, (-1, 0)),  # the wall's left face
        ((34, 40), (-2, 0), 0.5, (1, 0)),
        ((5, 40), (-1.6, 0), 0.625, (1, 0)),  # the border
        ((50, 59), (0, 1.25), 0.8, (0, -1)),
        ((32, 23), (0.2, 1.25), 0.8, (0, -1)),  # the door's lower edge, from inside
        ((32, 17), (0, -2), 0.5, (0, 1)),
        ((5, 5), (-2, -1.25), 0.5, (1, 0)),  # a corner
    ],
)
def test_a_move_is_stopped_by_the_first_wall_that_it_meets(start, step, share, normal):
    hit = first_hit(np.array([start], float), np.array([step], float), ONE)
    np.testing.assert_allclose(hit.share, [share], atol=1e-12)
    np.testing.assert_array_equal(hit.normal, [normal])


def test_the_door_lets_through():
    for y, through in ((20, True), (15.9, False), (24.1, False)):
        _, stopped = stepped((30.9, y), (1.8, 0))
        assert stopped is not through
    place, stopped = stepped((30.8, 23.5), (1.6, 0.9))  # in by the door, and against its edge
    assert stopped
    assert place[1] < 24


def test_a_push_back_is_half_normal_away_from_the_wall_and_normal_along_it():
    count = 20_000
    layout = Layout(np.full(count, 32), np.full(count, 20))
    start = np.tile([28.0, 40.0], (count, 1))
    place, stopped = moved(start, np.tile([4.0, 0.0], (count, 1)), layout, np.random.default_rng(0))
    assert stopped.all()
    away, along = 31 - place[:, 0], place[:, 1] - 40
    assert kstest(along / 0.5, "norm").pvalue > 1e-3
    assert away.min() == pytest.approx(0.3)
    clear = away[away > 0.3 + 1e-9]
    expected = truncnorm(0.6, np.inf, scale=0.5)
    assert kstest(clear, expected.cdf).pvalue > 1e-3


@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 2.45),
)
def test_no_dot_is_ever_in_a_wall(seed, length):
    rng = np.random.default_rng(seed)
    layout = drawn_layouts(rng, 200, np.arange(*WALL_RANGE))
    place = free_places(layout, rng)
    for _ in range(12):
        angle = rng.uniform(0, 2 * np.pi, 200)
        step = length * np.stack([np.cos(angle), np.sin(angle)], -1)
        before = place
        place, stopped = moved(place, step, layout, rng)
        assert is_free(place, layout).all()
        other_side = (before[:, 0] < layout.wall_x) != (place[:, 0] < layout.wall_x)
        rows = np.abs(place[other_side, 1] - layout.door_y[other_side])
        assert (rows <= 4 + length).all()
        assert (~stopped | (np.linalg.norm(place - before, axis=-1) < length + 4)).all()


def test_walks_turn_and_step_as_they_should():
    rng = np.random.default_rng(1)
    walks = walk(drawn_layouts(rng, 2000, seen_walls()), 17, rng)
    length = np.linalg.norm(walks.controls, axis=-1)
    expected = truncnorm(-2, 2, loc=1.0, scale=0.4)
    assert kstest(length.ravel(), expected.cdf).pvalue > 1e-3
    angle = np.arctan2(walks.controls[..., 1], walks.controls[..., 0])
    assert kstest(angle[:, 0], "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-3
    turn = np.angle(np.exp(1j * np.diff(angle, axis=1)))
    assert kstest(turn.ravel(), vonmises(5.0).cdf).pvalue > 1e-3
    went = np.diff(walks.positions, axis=1)
    np.testing.assert_allclose(went[~walks.stopped], walks.controls[~walks.stopped], atol=1e-12)
    assert set(walks.layout.wall_x) == set(range(*WALL_RANGE)) - set(UNSEEN_WALLS)
    assert walks.layout.door_y.min() == DOOR_RANGE[0]
    assert walks.layout.door_y.max() == DOOR_RANGE[1] - 1


def test_walks_into_walls_meet_them_and_experts_pass_doors():
    rng = np.random.default_rng(2)
    layout = drawn_layouts(rng, 500, np.array(UNSEEN_WALLS))
    assert walk_into_wall(layout, 17, rng).stopped.any(1).mean() > 0.5
    ways = go_to_goals(layout, 91, rng)
    right = ways.positions[..., 0] > layout.wall_x[:, None]
    assert (right.any(1) & ~right.all(1)).mean() > 0.99
    assert not ways.stopped.any()


def test_walks_by_doors_pass_them_again_and_again():
    rng = np.random.default_rng(3)
    layout = drawn_layouts(rng, 500, seen_walls())

    def passes(walks):
        right = walks.positions[..., 0] > layout.wall_x[:, None]
        return np.diff(right, axis=1).sum(axis=1).mean()

    walks = walk_by_door(layout, 91, rng)
    assert walks.positions.shape == (500, 91, 2)
    assert walks.controls.shape == (500, 90, 2)
    assert passes(walks) > 2
    assert passes(walk(layout, 91, rng)) < 1
    went = np.diff(walks.positions, axis=1)
    np.testing.assert_allclose(went[~walks.stopped], walks.controls[~walks.stopped], atol=1e-12)


def test_the_environment_is_one_of_gymnasiums_and_repeats_itself():
    env = gymnasium.make("TwoRooms-v0", render_mode="rgb_array").unwrapped
    assert isinstance(env, two_rooms_env.TwoRooms)
    check_env(env, skip_render_check=False)
    runs = []
    for _ in range(2):
        frame, info = env.reset(seed=5)
        frames = [frame] + [env.step(np.array([1.7, 0.6], np.float32))[0] for _ in range(60)]
        runs.append((np.stack(frames), info["wall_x"], info["door_y"]))
    np.testing.assert_array_equal(runs[0][0], runs[1][0])
    assert runs[0][1:] == runs[1][1:]
    picture = np.asarray(env.render())
    assert picture.shape == (260, 260, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 2


def test_a_long_step_is_shortened_and_options_are_heeded():
    env = two_rooms_env.TwoRooms(wall_x=25)
    _, info = env.reset(seed=0, options={"door_y": 40, "position": (40.0, 30.0)})
    assert (info["wall_x"], info["door_y"]) == (25, 40)
    info = env.step(np.array([3.0, 4.0]))[4]
    np.testing.assert_allclose(info["position"], (40 + 1.08, 30 + 1.44))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"wall_x": 5}, "wall_x = 5: the rooms"),
        ({"door": 5}, "option 'door' is not known"),
        ({"wall_x": 32, "door_y": 20, "position": (32.0, 40.0)}, "is no free place"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(options, words):
    with pytest.raises(ValueError, match=words):
        two_rooms_env.TwoRooms().reset(seed=0, options=options)
