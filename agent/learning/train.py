"""From recorded experience to a model: the encoder by prediction, the dynamics by inference."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...configs.sections import Train
from ...envs import BodySpec
from ..encoders.choose import ENCODERS
from ..encoders.decoder import fit_decoder
from ..encoders.fitted import Assignment, Schedule
from ..encoders.views import poses_along
from ..graph.features import polynomial_powers
from ..graph.float32 import f32
from ..graph.learn_motion import Learning, learn_motion
from ..model import Model
from .dataset import Dataset
from .spread import spread

_LANDMARKS = 64  # of the sensor's noise

Progress = Callable[[str, int, int, str], None]


def train(
    dataset: Dataset, body: BodySpec, settings: Train, seed: int, progress: Progress | None = None
) -> tuple[Model, dict[str, Any]]:
    """Learn a model of ``body`` from ``dataset``; returns it with its scores.

    ``progress`` is called with what is done, the steps done, those in all, and a figure.
    """

    def tell(stage: str, total: int, figure: str) -> Callable[[int, float], None]:
        def report(done: int, value: float) -> None:
            if progress:
                progress(stage, done, total, f"{figure} {value:.5g}")

        return report

    powers = polynomial_powers(
        2 * settings.poses, body.control_low.size, settings.degree, settings.control_degree
    )
    schedule = Schedule(
        components=settings.components,
        slow_components=settings.slow_components,
        width=settings.width,
        steps=settings.steps,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        window=settings.window,
    )
    asked = Assignment(
        frames=dataset.frames,
        controls=dataset.controls,
        powers=powers,
        poses=settings.poses,
        seed=seed,
        schedule=schedule,
        progress=tell("encoder", settings.steps, "loss"),
    )
    fitted = ENCODERS[settings.encoder](asked)
    poses = np.asarray(poses_along(fitted.encoder, jnp.asarray(dataset.frames)))
    flat = poses.reshape(-1, poses.shape[-1])
    learned = learn_motion(
        fitted.features,
        fitted.last_layer,
        poses,
        dataset.controls,
        Learning(settings.rounds, settings.prior_weight, settings.drift, settings.drift_ratio),
        tell("dynamics", settings.rounds, "log evidence"),
        landmarks=flat[spread(flat, min(_LANDMARKS, len(flat)))],
    )
    frames = dataset.frames.reshape(-1, *dataset.frames.shape[2:])
    decoder = fit_decoder(flat, frames, seed)
    model = Model(
        encoder=fitted.encoder,
        decoder=decoder,
        sensor_noise=learned.sensor_noise,
        transition=learned.transition,
        inflation=f32(1),
        control_low=f32(body.control_low),
        control_high=f32(body.control_high),
        frame_shape=body.frame_shape,
    )
    sensor_covs = np.asarray(jax.vmap(learned.sensor_noise.at)(f32(flat)))
    sensor_std = np.sqrt(np.diagonal(sensor_covs, axis1=1, axis2=2).mean(0))
    process_std = np.linalg.norm(np.asarray(learned.transition.layer.noise_root), axis=1)
    scores = {
        "log_evidence_per_frame": learned.evidence[-1] / dataset.count,
        "sensor_std": [round(float(x), 6) for x in sensor_std],
        "process_std": [round(float(x), 6) for x in process_std],
    }
    if fitted.losses:
        scores["losses"] = [round(loss, 4) for loss in fitted.losses]
    return model, scores
