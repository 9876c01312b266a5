"""Variational EM of a window autoencoder and the motion of its latent.

The E step smooths the messages of the encoder with the dynamics learned from them; the M step
refines encoder and decoder under the smoothed beliefs.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from ..graph.features import Powers
from ..graph.gaussian import Belief
from ..graph.learn_motion import Learning, first_regression, learn_motion, smoothed_poses
from ..graph.motion import pose_features
from .fitted import Fitted, Schedule
from .pose import whitening
from .prediction import fit_last_layer
from .slow import slow_encoder
from .vae import LearnedVAE
from .views import views
from .window_vae import WindowVAE

_ROUNDS = 6  # of EM, after the autoencoder was trained alone
_EPOCHS = 60
_M_STEPS = 300  # of Adam in each M step
_E_STEP = Learning(rounds=4, prior_weight=1.0, drift=0.998, drift_ratio=0.1)
_ROOM = 1.5


def fit_variational(
    frames: UInt8[np.ndarray, "S T height width channel"],
    controls: Float[np.ndarray, "S T-1 p"],
    powers: Powers,
    poses: int,
    seed: int,
    schedule: Schedule,
    progress: Callable[[int, float], None] | None = None,
) -> Fitted:
    """An autoencoder of views of ``schedule.window`` frames, refined with the motion of its latent.

    ``progress`` is called with the optimiser's steps done, of ``schedule.steps``, and the loss:
    first with what a round of EM lost, then with the error of predictions.
    """
    even = slow_encoder(frames, poses, schedule).even
    window = schedule.window
    seen = np.asarray(jax.vmap(lambda each: views(each, window))(jnp.asarray(frames)))
    flat = seen.reshape(-1, *seen.shape[2:])
    vae = LearnedVAE.fit(flat, poses, epochs=_EPOCHS, seed=seed)
    losses = []
    for done in range(_ROUNDS):
        encoder = _whitened(vae, flat, even, window)
        beliefs, divergence = _smoothed(encoder, seen, controls, powers)
        losses.append((divergence - vae.log_likelihood(flat, beliefs, seed)) / len(flat))
        vae, _ = vae.refined(flat, beliefs, steps=_M_STEPS, seed=seed + done)
        if progress:
            progress(schedule.steps * (done + 1) // (4 * _ROUNDS), losses[-1])
    encoder = _whitened(vae, flat, even, window)
    values = _poses(encoder, seen)

    def tell(done: int, loss: float) -> None:
        if progress:
            progress(schedule.steps // 4 + 3 * done // 4, loss)

    found = fit_last_layer(values, controls, powers, even, seed, schedule, tell)
    return Fitted(encoder, *found, tuple(losses))


def _whitened(vae: LearnedVAE, flat: np.ndarray, even: Array, window: int) -> WindowVAE:
    means = jax.lax.map(lambda view: vae.moments(view)[0], jnp.asarray(flat), batch_size=256)
    encoder = WindowVAE(vae, *whitening(means, even), jnp.zeros(()), window)
    left = jax.lax.map(encoder.unexplained, jnp.asarray(flat), batch_size=256)
    return WindowVAE(vae, encoder.centre, encoder.whitening, _ROOM * left.max(), window)


def _poses(encoder: WindowVAE, seen: np.ndarray) -> Float[np.ndarray, "S T d"]:
    flat = jnp.asarray(seen.reshape(-1, *seen.shape[2:]))
    found = jax.lax.map(encoder, flat, batch_size=256)
    return np.asarray(found).reshape(*seen.shape[:2], -1)


def _smoothed(
    encoder: WindowVAE, seen: np.ndarray, controls: np.ndarray, powers: Powers
) -> tuple[Belief, float]:
    """Beliefs about the autoencoder's latents, ``(S * T,)`` of them, and their divergence from
    what the motion foretells."""
    poses = _poses(encoder, seen)
    features = pose_features(poses, controls, powers)
    basis, layer = first_regression(features, poses, controls)
    learned = learn_motion(features, basis @ layer.weights, poses, controls, _E_STEP)
    told = smoothed_poses(learned, poses, controls)
    count, d = poses.shape[0] * poses.shape[1], poses.shape[-1]
    back = np.linalg.inv(np.asarray(encoder.whitening, np.float64)).astype(np.float32)
    mean = told.mean.reshape(count, d) @ back.T + np.asarray(encoder.centre)
    root = back @ told.root.reshape(count, d, -1)
    return Belief.of(jnp.asarray(mean), jnp.asarray(root)), told.divergence
