"""Senses of remote sensors: what is declared, what is taught, and what one reading does."""

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.learning.lessons_of_run import pairs_of
from jopa_agent.agent.learning.sensor_fit import fit
from jopa_agent.agent.senses.factor_file import Factor, digest_of, save_factor
from jopa_agent.agent.senses.factors import Linear, Sense, Sight, Taught, senses_of
from jopa_agent.agent.senses.places import Places, places_of
from jopa_agent.configs.sections import Sensor
from jopa_agent.configs.settings import SettingsError

from .swings import TICK_NS, listen, model, pendulum, recorded, taught


@pytest.fixture(scope="module")
def places() -> Places:
    return places_of(model())


def belief_about(mean: Sequence[float], std: float = 0.03) -> Belief:
    """Correlated, but sure of the pose."""
    root = np.random.default_rng(2).normal(size=(6, 6)) * std / np.sqrt(6)
    return Belief.of(jnp.asarray(mean, jnp.float32), jnp.asarray(root, jnp.float32))


def fused(
    places: Places,
    sense: Sense,
    belief: Belief,
    values: Sequence[np.ndarray],
    ages: Sequence[float],
    strange: int = 0,
    alone: bool = False,
) -> tuple[Belief, int]:
    size = sense.capacity
    padded = np.full((size, *sense.shape), 99, sense.dtype)
    moments = np.full(size, 0.5, np.float32)
    padded[: len(values)], moments[: len(ages)] = values, ages
    after, count = listen(
        sense,
        places,
        model().system().prior,
        belief,
        jnp.asarray(strange, jnp.int32),
        padded,
        moments,
        np.arange(size) < len(values),
        np.bool_(alone),
    )
    return after, int(count)


def declared(**given: object) -> dict[str, Sensor]:
    return {"it": Sensor.model_validate(given)}


def linear(matrix: list[list[float]], std: float = 0.05, offset: list[float] | None = None):
    m = len(matrix)
    sensors = declared(
        size=m, matrix=matrix, offset=offset or [], covariance=(std**2 * np.eye(m)).tolist()
    )
    sense = senses_of(sensors, model())["it"]
    assert isinstance(sense, Linear)
    return sense


def test_a_declared_sense_is_a_dense_kalman_update(places: Places):
    matrix = np.array([[1.0, 0.5, 2.0, 0.0], [0.0, -1.0, 0.0, 3.0]])
    sense = linear(matrix.tolist(), offset=[0.1, -0.2])
    belief = belief_about([1.0, 1.0, 0.1, -0.1, 0.01, 0.0])
    values, ages = [np.array([1.9, -1.5]), np.array([1.7, -1.6])], [0.8, 0.1]
    after, strange = fused(places, sense, belief, values, ages)

    mean, cov = np.asarray(belief.mean, np.float64), np.asarray(belief.cov, np.float64)
    for value, age in zip(values, ages, strict=True):
        earlier = np.eye(6)
        earlier[:2, 2:4] = -age * np.eye(2)
        seen = np.pad(matrix, ((0, 0), (0, 2))) @ earlier
        innovation = seen @ cov @ seen.T + 0.05**2 * np.eye(2)
        gain = np.linalg.solve(innovation, seen @ cov).T
        mean = mean + gain @ (value - seen @ mean - [0.1, -0.2])
        cov = cov - gain @ seen @ cov
    assert strange == 0
    np.testing.assert_allclose(after.mean, mean, rtol=0, atol=2e-5)  # in float32
    np.testing.assert_allclose(after.cov, cov, rtol=0, atol=2e-6)


def test_a_reading_counts_the_less_the_farther_off_it_is(places: Places):
    """Beyond three sigmas the change of the belief falls; a spike of any size does nothing."""
    sense, belief = linear([[1.0]]), belief_about([1.0, 1.0, 0, 0, 0, 0])
    moved = []
    for off in (0.1, 0.5, 1.0, 10.0, 1e4, 3e38):
        after, strange = fused(places, sense, belief, [np.array([1.0 + off])], [0.0])
        moved.append(abs(float(after.mean[0] - belief.mean[0])))
        assert strange == (off > 0.4)
        assert np.isfinite(after.root).all()
    assert moved[0] > 0.01
    assert (np.array(moved[2:]) < 0.03 * moved[0]).all()
    assert (np.diff(moved) <= 0).all()


def test_one_spike_among_good_readings_does_no_harm(places: Places):
    sense, belief = linear([[1.0]]), belief_about([1.0, 1.0, 0, 0, 0, 0])
    good = [np.array([1.02]), np.array([0.99])]
    without, _ = fused(places, sense, belief, good, [0.5, 0.2])
    spike = [good[0], np.array([50.0]), good[1]]
    with_it, strange = fused(places, sense, belief, spike, [0.5, 0.4, 0.2], alone=True)
    assert strange == 0
    np.testing.assert_allclose(with_it.mean, without.mean, rtol=0, atol=1e-4)


def test_what_lasts_and_is_not_contradicted_is_believed(places: Places):
    """Three strange readings in a row: the belief was wrong, unless a camera says not."""
    sense = linear([[1.0, 0.0], [0.0, 1.0]])
    belief = belief_about([1.4, 0.0, 0, 0, 0, 0])
    there = [np.array([0.0, 1.4])] * 3
    found, strange = fused(places, sense, belief, there, [0.0] * 3, alone=True)
    assert strange == 0
    np.testing.assert_allclose(found.mean[:2], there[0], rtol=0, atol=0.15)
    kept, strange = fused(places, sense, belief, there, [0.0] * 3)
    assert strange == 3
    np.testing.assert_allclose(kept.mean[:2], belief.mean[:2], rtol=0, atol=0.01)


def test_places_are_where_poses_are(places: Places):
    """Every pose that is shown has a place near it; most places are near such a pose."""
    body = pendulum()
    shown = np.array(
        [model().encoder(body.picture(angle)) for angle in np.linspace(0, 2 * np.pi, 60)]
    )
    apart = np.linalg.norm(shown[:, None] - np.asarray(places.poses), axis=2)
    assert apart.min(1).max() < 2 * float(places.apart)
    assert np.quantile(apart.min(0), 0.75) < float(places.apart)


@pytest.mark.parametrize("angle", np.linspace(-3, 3, 4))
def test_a_first_reading_locates_the_body(places: Places, angle: float):
    """From no idea where, with an observation that is no line."""
    reading = np.array([np.cos(angle), np.sin(angle)])
    start = model().system().prior
    after, _ = fused(places, taught("direction"), start, [reading], [0.0], alone=True)
    shown = np.asarray(model().encoder(pendulum().picture(angle)))
    error, std = np.abs(np.asarray(after.mean[:2]) - shown), np.asarray(after.std[:2])
    assert error.max() < 0.3
    assert (error < 3 * std).all()
    assert std.max() < 0.6


def test_a_first_reading_that_fits_two_poses_names_neither(places: Places):
    sense = linear([[1.0]])
    after, _ = fused(places, sense, model().system().prior, [np.zeros(1)], [0.0], alone=True)
    assert abs(float(after.mean[0])) < 0.2
    assert float(after.std[1]) > 0.8


def test_noise_is_wider_where_nothing_was_learned():
    sense = taught("rate")
    known = jnp.array([1.45, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert float(sense.noise_root(3 * known)[0, 0]) > 2 * float(sense.noise_root(known)[0, 0])


def test_a_remote_camera_shows_the_pose(places: Places):
    sense = senses_of(declared(kind="frame"), model())["it"]
    assert isinstance(sense, Sight)
    frame = pendulum().picture(0.7)
    pose = np.asarray(model().encoder(frame))
    belief = belief_about(np.r_[pose, 0, 0, 0, 0] + 0.05, 0.1)
    after, _ = fused(places, sense, belief, [frame], [0.0])
    noise = np.asarray(model().sensor_noise.at(jnp.asarray(pose)))
    doubt = np.asarray(belief.cov[:2, :2])
    left = noise @ np.linalg.solve(doubt + noise, np.full(2, 0.05))  # by Bayes' rule
    np.testing.assert_allclose(after.mean[:2], pose + left, rtol=0, atol=1e-4)


def test_a_sensor_that_says_nothing_has_no_sense():
    assert senses_of(declared(size=3), model()) == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"matrix": [[1.0]] * 2, "covariance": [[1.0]]}, r"sensors\.it\.matrix has 2 rows of 1"),
        ({"matrix": [[1.0] * 7], "covariance": [[1.0]]}, "1 rows of 1 to 6"),
        ({"size": 2, "matrix": [[1.0], [1.0, 2.0]]}, "2 rows of 1, 2"),
        ({"matrix": [[]], "covariance": [[1.0]]}, "1 rows of 0"),
        ({"matrix": [[1.0]]}, r"sensors\.it\.covariance is missing"),
        ({"matrix": [[1.0]], "covariance": [[-1.0]]}, r"sensors\.it\.covariance"),
        ({"matrix": [[1.0]], "covariance": [[0.0]]}, r"sensors\.it\.covariance"),
        ({"matrix": [[1.0]], "covariance": [[1.0, 2.0]]}, r"sensors\.it\.covariance"),
        ({"matrix": [[1.0]], "covariance": [[1.0], [1.0, 2.0]]}, r"sensors\.it\.covariance"),
        ({"matrix": [[1.0]], "offset": [1.0, 2.0], "covariance": [[1.0]]}, r"sensors\.it\.offset"),
        ({"covariance": [[1.0]]}, "has covariance but no matrix"),
        ({"matrix": [[1.0]], "covariance": [[1.0]], "factor": "a"}, "a factor and matrix, too"),
        ({"kind": "frame", "factor": "a"}, "sends pictures, and has factor"),
        ({"factor": "/nowhere/a"}, "no factor file '/nowhere/a'"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(given: dict, said: str):
    with pytest.raises(ValueError, match=said) as caught:
        senses_of(declared(**given), model())
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, SettingsError) or "factor" in said


def rate_factor(**changes: object) -> Factor:
    pairs = pairs_of(recorded(), "rate", TICK_NS * 1e-9)
    found = fit(pairs, "rate", model(), (2,))
    values = {
        "sensor": "rate",
        "units": "rad/s",
        "digest": digest_of(model()),
        "features": found.features,
        "posterior": found.posterior,
        "figures": {"held": 1.0},
    }
    return Factor(**(values | changes))  # type: ignore[arg-type]


def test_a_factor_comes_back_from_its_file(tmp_path: Path):
    save_factor(rate_factor(), tmp_path / "rate")
    sense = senses_of(declared(factor="rate"), model(), {"it": tmp_path / "rate"})["it"]
    assert isinstance(sense, Taught)
    jax.tree.map(np.testing.assert_array_equal, sense, taught("rate"))


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\0" * 99])
def test_the_file_that_was_given_is_named_where_a_copy_is_read(
    tmp_path: Path, content: bytes | None
):
    copy = tmp_path / "copy"
    if content is not None:
        copy.write_bytes(content)
    with pytest.raises(ValueError, match=r"'mine/gyro\.factor'") as caught:
        senses_of(declared(factor="mine/gyro.factor"), model(), {"it": copy})
    assert str(tmp_path) not in str(caught.value)


def test_a_factor_of_something_else_is_refused(tmp_path: Path):
    file = tmp_path / "rate"
    save_factor(rate_factor(), file)
    with pytest.raises(ValueError, match=r"readings of 1, but sensors\.it\.size is 2"):
        senses_of(declared(factor=str(file), size=2), model())
    save_factor(rate_factor(digest="0" * 64), file)
    with pytest.raises(ValueError, match="taught with another model"):
        senses_of(declared(factor=str(file)), model())
    save_factor(rate_factor(), file)
    whole = file.read_bytes()
    for damaged in (whole[:-9], b"", whole[:300] + b"!" + whole[301:], whole[:-4] + b"\0\0\0\1"):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged") as caught:
            senses_of(declared(factor=str(file)), model())
        assert "\n" not in str(caught.value)
