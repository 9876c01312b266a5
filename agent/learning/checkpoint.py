"""Models on disk: a folder with the numbers (safetensors) and a page about them (TOML)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tomli_w
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from ...configs.sections import Body
from ..encoders.decoder import Decoder
from ..encoders.pose import PoseEncoder
from ..encoders.window_vae import WindowVAE
from ..graph.check import covariances, whole
from ..graph.features import PolynomialFeatures, polynomial_powers
from ..graph.local_noise import LocalNoise
from ..graph.motion import motion
from ..graph.regression import LastLayer
from ..model import Model
from ..store.errors import ModelError
from ..store.model_tree import TreeReader, TreeWriter
from ..store.page import PAGE
from .page import FORMAT, REMAKE, read_page

_TENSORS = "model.safetensors"
_PARTS = ("encoder", "decoder")  # trees of their own
_ENCODERS = (PoseEncoder, WindowVAE)
_AS_LEARNED = ("camera_crop_px", "frame_skip")  # settings of the body that the numbers hang on


def save_model(model: Model, about: Mapping[str, Any], folder: Path) -> None:
    """Write ``model`` to ``folder``, and ``about`` (data, settings, scores) to its page.

    Raises :class:`ModelError` where the folder cannot be written, and for numbers that are not
    finite: nothing is written then.
    """
    features = model.transition.features
    structure = {
        "frame_shape": list(model.frame_shape),
        "poses": model.transition.outputs,
        "controls": model.control_low.shape[0],
        "degree": max(len(power) for power in _without_control(features.powers, model)),
        "control_degree": max(len(power) for power in _with_control(features.powers, model)) - 1,
        "reach": features.reach,
        "transitions": float(model.transition.posterior.dof),
        "inflation": float(model.inflation),
        "landmarks": model.sensor_noise.landmarks.shape[0],
    }
    writer = TreeWriter({})
    parts = {name: writer.written(name, getattr(model, name)) for name in _PARTS}
    page = {"format": FORMAT, "structure": structure, "parts": parts, **about}
    tensors = _tensors(model) | writer.tensors
    astray = [name for name, value in tensors.items() if not np.isfinite(value).all()]
    if astray:
        raise ModelError(
            f"learning has diverged, {len(astray)} of the model's arrays are not finite (as "
            f"{astray[0]}): try a lower train.learning_rate"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _TENSORS).write_bytes(save(tensors))
        (folder / PAGE).write_text(tomli_w.dumps(page), "utf-8")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"model folder {str(folder)!r} cannot be written: {error}") from None


def load_model(folder: Path, body: Body) -> Model:
    """The model in ``folder``, for the camera and the ticks that ``body`` sets.

    Raises :class:`ModelError` for a folder that is missing, damaged, or made for others.
    """
    page = read_page(folder)
    structure = page.get("structure")
    if not isinstance(structure, dict):
        raise ModelError(f"model page {str(folder / PAGE)!r} has no structure: {REMAKE}")
    expected = [body.camera_size_px, body.camera_size_px, 1]
    if structure.get("frame_shape") != expected:
        raise ModelError(
            f"model folder {str(folder)!r} is for frames of {structure.get('frame_shape')}, the "
            f"camera gives {expected}: set body.camera_size_px, or {REMAKE}"
        )
    _check_learned(folder, page, body)
    try:
        return _model(load_file(folder / _TENSORS), structure, page["parts"])
    except (ModelError, OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"model folder {str(folder)!r} is damaged or incomplete ({error}): {REMAKE}"
        ) from None


def _check_learned(folder: Path, page: Mapping[str, Any], body: Body) -> None:
    """Raise :class:`ModelError` where pictures are cut, or ticks last, unlike those learned from.

    Nothing is known of a model whose page does not tell its settings.
    """
    settings = page.get("settings")
    learned = settings.get("body") if isinstance(settings, dict) else None
    if not isinstance(learned, dict):
        return
    for name in _AS_LEARNED:
        now = getattr(body, name)
        if name in learned and learned[name] != now:
            raise ModelError(
                f"model folder {str(folder)!r} learned with body.{name} = {learned[name]}, here it "
                f"is {now}: set it to the same, or {REMAKE}"
            )


def _tensors(model: Model) -> dict[str, np.ndarray]:
    transition = model.transition
    named = {
        "sensor.landmarks": model.sensor_noise.landmarks,
        "sensor.covs": model.sensor_noise.covs,
        "control_low": model.control_low,
        "control_high": model.control_high,
        "transition.scale": transition.features.scale,
        "transition.weights": transition.layer.mean.T,
        "transition.weight_root": np.asarray(transition.layer.doubt_root, np.float64)
        / np.sqrt(transition.outputs),
        "transition.noise_root": transition.layer.noise_root,
        "transition.drift": transition.skeleton.along[-1, -1],
        "transition.drift_std": np.diag(transition.skeleton.extra[2 * transition.outputs :]),
    }
    return {name: np.array(value, np.float32, order="C") for name, value in named.items()}


def _model(
    tensors: dict[str, np.ndarray], structure: Mapping[str, Any], parts: Mapping[str, Any]
) -> Model:
    for name, value in tensors.items():
        if value.dtype != np.float32 or not np.isfinite(value).all():
            raise ValueError(f"{name} is not finite float32")
    shapes = _shapes(structure)
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise ValueError(f"{name} has shape {tensors[name].shape}, expected {shape}")
    value = {name: jnp.asarray(tensors[name]) for name in shapes}
    covariances("sensor.covs", value["sensor.covs"], definite=True)
    noise = LocalNoise.of(value["sensor.landmarks"], value["sensor.covs"])
    if not np.isfinite(jax.vmap(noise.at)(noise.landmarks)).all():
        raise ValueError("sensor.landmarks are too far apart")
    rest = {name: value for name, value in tensors.items() if name not in shapes}
    encoder, decoder = TreeReader(rest, {}).model([parts[name] for name in _PARTS])
    _check_parts(encoder, decoder, structure)
    powers = _powers(structure)
    reach = float(structure["reach"])
    if not reach > 0:
        raise ValueError(f"reach is {reach}, it has to be positive")
    transitions, inflation = (float(structure[name]) for name in ("transitions", "inflation"))
    for name, number in (("transitions", transitions), ("inflation", inflation)):
        if not 0 < number < np.inf:
            raise ValueError(f"{name} is {number}, it has to be positive")
    return Model(
        encoder=encoder,
        decoder=decoder,
        sensor_noise=noise,
        transition=motion(
            features=PolynomialFeatures(value["transition.scale"], powers, reach),
            layer=LastLayer(
                weights=np.asarray(tensors["transition.weights"], np.float64),
                covariance=_squared(tensors["transition.weight_root"]),
                noise=_squared(tensors["transition.noise_root"]),
            ),
            transitions=transitions,
            drift=float(tensors["transition.drift"]),
            drift_std=tensors["transition.drift_std"],
        ),
        inflation=jnp.asarray(inflation, jnp.float32),
        control_low=value["control_low"],
        control_high=value["control_high"],
        frame_shape=tuple(structure["frame_shape"]),
    )


def _check_parts(encoder: Any, decoder: Any, structure: Mapping[str, Any]) -> None:
    """Encoder and decoder are such, and go between frames and poses of the model's own sizes."""
    if not isinstance(encoder, _ENCODERS) or not isinstance(decoder, Decoder):
        raise ValueError(f"{type(encoder).__name__} and {type(decoder).__name__} are not its parts")
    d, frame = structure["poses"], tuple(structure["frame_shape"])
    view = jax.ShapeDtypeStruct((*frame[:2], frame[2] * encoder.window), jnp.uint8)
    pose = jax.eval_shape(encoder, view)
    drawn = jax.eval_shape(decoder, jax.ShapeDtypeStruct((d,), jnp.float32))
    found = pose.shape, drawn.shape
    if found != ((d,), (int(np.prod(frame)),)):
        raise ValueError(f"encoder and decoder give the shapes {found}")


def _shapes(structure: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shape that each tensor of noise, limits and transition must have to fit the others."""
    d, p = structure["poses"], structure["controls"]
    k, landmarks = len(_powers(structure)), whole("landmarks", structure["landmarks"], 1)
    return {
        "sensor.landmarks": (landmarks, d),
        "sensor.covs": (landmarks, d, d),
        "control_low": (p,),
        "control_high": (p,),
        "transition.scale": (2 * d + p,),
        "transition.weights": (k, d),
        "transition.weight_root": (k, k),
        "transition.noise_root": (d, d),
        "transition.drift": (),
        "transition.drift_std": (d,),
    }


def _squared(root: np.ndarray) -> np.ndarray:
    root = np.asarray(root, np.float64)
    return root @ root.T


def _powers(structure: Mapping[str, Any]):
    return polynomial_powers(
        2 * structure["poses"],
        structure["controls"],
        structure["degree"],
        structure["control_degree"],
    )


def _with_control(powers, model):
    return [power for power in powers if any(i >= 2 * model.transition.outputs for i in power)]


def _without_control(powers, model):
    return [power for power in powers if all(i < 2 * model.transition.outputs for i in power)]
