"""The pose encoder against plain matrix products, and the whitening that holds it up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jopa_agent.agent.encoders.pose import PoseEncoder, whitening

SHAPE, COMPONENTS, WIDTH, POSES = (6, 8, 1), 5, 7, 2

whitened = jax.jit(whitening)
pose_of = jax.jit(lambda encoder, frame: (encoder(frame), encoder.components(frame)))
poses_of = jax.jit(lambda encoder, frames: jax.vmap(encoder)(frames))


@pytest.fixture(scope="module")
def encoder() -> PoseEncoder:
    rng, pixels = np.random.default_rng(0), int(np.prod(SHAPE))

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    return PoseEncoder(
        mean=normal(pixels),
        projection=normal(COMPONENTS, pixels),
        linear=normal(POSES, COMPONENTS),
        gain=normal(COMPONENTS),
        layers=((normal(COMPONENTS, WIDTH), normal(WIDTH)), (normal(WIDTH, POSES), normal(POSES))),
        centre=normal(POSES),
        whitening=normal(POSES, POSES),
    )


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *SHAPE), dtype=np.uint8)


def test_the_pose_is_slow_features_and_a_small_correction(encoder: PoseEncoder):
    frame = frames(1)[0]
    e = jax.tree.map(lambda x: np.asarray(x, np.float64), encoder)
    components = e.projection @ (frame.reshape(-1) / 255 - e.mean)
    (first, first_bias), (last, last_bias) = e.layers
    hidden = np.tanh((components * e.gain) @ first + first_bias)
    raw = e.linear @ components + 0.1 * (hidden @ last + last_bias)
    pose, found = pose_of(encoder, frame)
    assert pose.shape == (POSES,)
    assert pose.dtype == jnp.float32
    # sums of 48 products of order one, in float32
    np.testing.assert_allclose(found, components, atol=1e-4)
    np.testing.assert_allclose(pose, e.whitening @ (raw - e.centre), rtol=0, atol=5e-4)


def test_many_frames_at_once_are_the_frames_one_by_one(encoder: PoseEncoder):
    many = frames(4)
    together = poses_of(encoder, many)
    assert together.shape == (4, POSES)
    one_by_one = [pose_of(encoder, frame)[0] for frame in many]
    np.testing.assert_allclose(together, one_by_one, rtol=0, atol=5e-4)
    assert encoder.raw(jnp.zeros((2, 3, COMPONENTS))).shape == (2, 3, POSES)


@given(seed=st.integers(0, 1000), d=st.integers(1, 3))
@settings(max_examples=20)
def test_whitening_gives_zero_mean_and_unit_covariance(seed: int, d: int):
    rng = np.random.default_rng(seed)
    mixing = 0.3 * rng.normal(size=(d, d)) + np.eye(d)
    values = (rng.normal(size=(500, d)) @ mixing.T + rng.normal(size=d)).astype(np.float32)
    centre, white = (np.asarray(x) for x in whitened(jnp.asarray(values), ridge=0.0))
    assert (np.triu(white, 1) == 0).all()
    after = (values - centre) @ white.T
    np.testing.assert_allclose(after.mean(0), 0, atol=1e-4)
    # covariances in float32, worse by the condition of the mixing
    tolerance = 1e-5 * np.linalg.cond(mixing) ** 2
    np.testing.assert_allclose(after.T @ after / 500, np.eye(d), rtol=0, atol=tolerance)


def test_the_ridge_bounds_what_is_made_of_nothing():
    """A variance s becomes s / (s + ridge): constant values stay finite, and near zero."""
    values = jnp.zeros((100, 2)).at[:, 0].set(jnp.linspace(-1, 1, 100))
    centre, white = whitening(values, ridge=1e-4)
    after = np.asarray((values - centre) @ white.T)
    spread = np.var(np.linspace(-1, 1, 100))
    assert after[:, 0].var() == pytest.approx(spread / (spread + 1e-4), rel=1e-4)
    assert (after[:, 1] == 0).all()
