"""Variational EM of a window autoencoder and the motion of its latent.

The E step smooths the messages of the encoder with the dynamics learned from them; the M step
refines encoder and decoder under the smoothed beliefs.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..graph.gaussian import Belief
from ..graph.learn_motion import Learning, first_regression, learn_motion, smoothed_poses
from ..graph.motion import pose_features
from .fitted import Assignment, Fitted
from .pose import whitening
from .prediction import fit_last_layer
from .seen import see
from .vae import LearnedVAE
from .views import poses_along, views
from .window_vae import WindowVAE

_ROUNDS = 6  # of EM, after the autoencoder was trained alone
_EPOCHS = 60
_M_STEPS = 300  # of Adam in each M step
_E_STEP = Learning(rounds=4, prior_weight=1.0, drift=0.998, drift_ratio=0.1)


def fit_variational(asked: Assignment) -> Fitted:
    """An autoencoder of views of some frames, refined with the motion of its latent.

    The first quarter of the progress tells what a round of EM lost, the rest the error of
    predictions.
    """
    even, steps, progress = see(asked).even, asked.schedule.steps, asked.progress
    seen = jax.vmap(lambda each: views(each, asked.schedule.window))(jnp.asarray(asked.frames))
    flat = np.asarray(seen.reshape(-1, *seen.shape[2:]))
    vae = LearnedVAE.fit(flat, asked.poses, epochs=_EPOCHS, seed=asked.seed)
    losses = []
    for done in range(_ROUNDS):
        beliefs, divergence = _smoothed(_whitened(vae, flat, even, asked), asked)
        losses.append((divergence - vae.log_likelihood(flat, beliefs, asked.seed)) / len(flat))
        vae, _ = vae.refined(flat, beliefs, steps=_M_STEPS, seed=asked.seed + done)
        if progress:
            progress(steps * (done + 1) // (4 * _ROUNDS), losses[-1])
    encoder = _whitened(vae, flat, even, asked)

    def tell(done: int, loss: float) -> None:
        if progress:
            progress(steps // 4 + 3 * done // 4, loss)

    poses = np.asarray(poses_along(encoder, jnp.asarray(asked.frames)))
    found = fit_last_layer(poses, replace(asked, progress=tell), even)
    return Fitted(encoder, *found, tuple(losses))


def _whitened(vae: LearnedVAE, flat: np.ndarray, even: Array, asked: Assignment) -> WindowVAE:
    means = jax.lax.map(lambda view: vae.moments(view)[0], jnp.asarray(flat), batch_size=256)
    return WindowVAE(vae, *whitening(means, even), asked.schedule.window)


def _smoothed(encoder: WindowVAE, asked: Assignment) -> tuple[Belief, float]:
    """Beliefs about the autoencoder's latents, ``(S * T,)`` of them, and their divergence from
    what the motion foretells."""
    poses = np.asarray(poses_along(encoder, jnp.asarray(asked.frames)))
    features = pose_features(poses, asked.controls, asked.powers)
    basis, layer = first_regression(features, poses, asked.controls)
    learned = learn_motion(features, basis @ layer.weights, poses, asked.controls, _E_STEP)
    told = smoothed_poses(learned, poses, asked.controls)
    count, d = poses.shape[0] * poses.shape[1], poses.shape[-1]
    white = np.asarray(encoder.whitening)
    mean = np.linalg.solve(white, told.mean.reshape(count, d).T).T + np.asarray(encoder.centre)
    root = np.linalg.solve(white, told.root.reshape(count, d, -1))
    return Belief.of(jnp.asarray(mean), jnp.asarray(root)), told.divergence
