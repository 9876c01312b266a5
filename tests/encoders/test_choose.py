"""Every kind of encoder on one movie: one interface, white poses, a transition that predicts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.encoders import variational
from jopa_agent.agent.encoders.choose import ENCODERS
from jopa_agent.agent.encoders.fitted import Fitted
from jopa_agent.agent.encoders.views import still_view, views

from .movie import POSES, POWERS, STEPS, assignment, make_movie

WINDOWS = {"predictive": 1, "slow": 1, "vae": 2}
TOLD: dict[str, list[tuple[int, float]]] = {}


@pytest.fixture(scope="module", params=ENCODERS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def fitted(name: str) -> Fitted:
    TOLD[name] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variational, "_ROUNDS", 2)
        patch.setattr(variational, "_EPOCHS", 20)
        told = TOLD[name]
        return ENCODERS[name](assignment(3, lambda done, loss: told.append((done, loss))))


def seen(fitted: Fitted) -> np.ndarray:
    """A view for each frame of the movie, ``(S, T, height, width, channels)``."""
    frames = jnp.asarray(make_movie().frames)
    return np.asarray(jax.vmap(lambda each: views(each, fitted.encoder.window))(frames))


def poses(fitted: Fitted) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(jax.vmap(fitted.encoder)))(seen(fitted)))


def test_a_view_has_as_many_frames_as_the_encoder_asks_for(name: str, fitted: Fitted):
    assert fitted.encoder.window == WINDOWS[name]
    assert poses(fitted).shape == (12, 40, POSES)


def test_the_poses_of_experience_are_spread_alike(fitted: Fitted):
    values = poses(fitted).reshape(-1, POSES)
    assert (np.abs(values.mean(0)) < 0.5).all()
    assert (np.abs(np.log(values.std(0))) < 0.5).all()


def test_frames_that_differ_have_poses_that_differ(fitted: Fitted):
    """The poses are a ring: none is near the middle, and opposite angles are far apart."""
    angles, values = make_movie().angles.reshape(-1), poses(fitted).reshape(-1, POSES)
    turned = np.angle(np.exp(1j * (angles[:, None] - angles)))
    apart = np.linalg.norm(values[:, None] - values, axis=-1)
    assert apart[np.abs(turned) > 3].min() > 0.7


def test_the_transition_predicts_the_poses(fitted: Fitted):
    """Better than supposing that the velocity stays."""
    pose, movie = poses(fitted).astype(np.float64), make_movie()
    velocity, scale = np.diff(pose, axis=1), np.asarray(fitted.features.scale, np.float64)
    inputs = np.concatenate([pose[:, 1:-1], velocity[:, :-1], movie.controls[:, 1:]], -1) / scale
    phi = np.stack([np.prod(inputs[..., list(power)], axis=-1) for power in POWERS], axis=-1)
    change = np.diff(velocity, axis=1)
    assert np.mean((change - phi @ fitted.last_layer) ** 2) < 0.8 * np.mean(change**2)


def test_progress_goes_on_to_the_last_step(name: str, fitted: Fitted):
    del fitted
    done = [step for step, _ in TOLD[name]]
    assert done == sorted(done)
    assert done[-1] == STEPS


def test_variational_em_loses_less_each_round(name: str, fitted: Fitted):
    if name != "vae":
        assert fitted.losses == ()
        return
    assert len(fitted.losses) == 2
    assert fitted.losses[1] < fitted.losses[0]


def test_before_the_first_frame_the_body_was_still():
    frames = np.random.default_rng(0).integers(0, 256, (4, 3, 2, 1), np.uint8)
    told = np.asarray(views(jnp.asarray(frames), 3))
    assert told.shape == (4, 3, 2, 3)
    expected = [(0, 0, 0), (0, 0, 1), (0, 1, 2), (1, 2, 3)]
    for view, steps in zip(told, expected, strict=True):
        np.testing.assert_array_equal(view, np.concatenate([frames[k] for k in steps], -1))
    np.testing.assert_array_equal(still_view(frames[0], 3), told[0])
    assert views(frames, 1) is frames  # type: ignore[arg-type]
