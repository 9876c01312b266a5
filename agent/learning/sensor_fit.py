"""Fits what a sensor's readings say about the state, to pairs of the two."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..graph.features import PolynomialFeatures, polynomial_powers
from ..graph.layer import layer_of
from ..graph.learned_affine import LearnedAffine
from ..graph.learned_features import small_weights
from ..graph.matrix_normal_wishart import MatrixNormalWishart
from ..model import Model
from ..senses.places import places_of
from .calibrate import coverage
from .errors import DatasetError
from .lessons_of_run import Pairs

_FEWEST = 200  # readings
_STILL = 0.1  # of the standard deviation of the poses of experience: a body that hardly moved
_STRENGTH, _NOISE = 1e-3, 0.03  # of the prior, in units of the readings' deviation


class Scores(NamedTuple):
    """How well readings that were held back are predicted.

    ``r2`` and ``rms`` ``(m,)``, the latter in the sensor's units; ``covered``: shares within the
    central 50, 90 and 99 %; ``seen``: share of the poses that the model knows at which, or near
    which, there were readings to learn from.
    """

    r2: Float[np.ndarray, "m"]
    rms: Float[np.ndarray, "m"]
    covered: tuple[float, ...]
    seen: float


class Taught(NamedTuple):
    """The best ``features`` and their ``posterior``, the log ``evidence`` of each degree, how many
    pairs were ``learned`` from and ``held`` back, and the ``scores`` on the latter."""

    features: PolynomialFeatures
    posterior: MatrixNormalWishart
    degree: int
    evidence: dict[int, float]
    learned: int
    held: int
    scores: Scores


def fit(pairs: Pairs, sensor: str, model: Model, degrees: tuple[int, ...] = (1, 2, 3)) -> Taught:
    """The factor that pairs tell, but for the last fifth, which it is judged by.

    Monomials of pose and velocity up to the one of ``degrees`` that has most evidence, by conjugate
    regression: the noise that it finds is that of the readings and of the beliefs they were paired
    with. Raises :class:`DatasetError` where nothing can be learned.
    """
    _check(pairs, sensor, model.transition.outputs)
    cut = len(pairs.values) - len(pairs.values) // 5
    known, held = (Pairs(*(part[span] for part in pairs)) for span in (np.s_[:cut], np.s_[cut:]))
    fits = {degree: _fit(degree, known, model) for degree in degrees}
    degree = max(fits, key=lambda each: fits[each][2])
    features, posterior, _ = fits[degree]
    return Taught(
        features=features,
        posterior=posterior,
        degree=degree,
        evidence={each: evidence for each, (*_, evidence) in fits.items()},
        learned=len(known.values),
        held=len(held.values),
        scores=_scores(features, posterior, known, held, model),
    )


def _check(pairs: Pairs, sensor: str, d: int) -> None:
    count = len(pairs.values)
    if count < _FEWEST:
        raise DatasetError(
            f"{count} readings of {sensor!r} fall beside a sure belief, {_FEWEST} are needed: "
            "record a longer run"
        )
    learned = slice(0, count - count // 5)
    values, poses = pairs.values[learned], pairs.states[learned, :d]
    spread = values.std(0)
    flat = spread <= 1e-6 * np.maximum(np.abs(values).max(0), 1e-12)
    if flat.any():
        place = int(np.argmax(flat))
        raise DatasetError(
            f"number {place} of the readings of {sensor!r} is {values[0, place]:g} all along: "
            "there is nothing to learn; look after the sensor"
        )
    moved = float(np.sqrt(poses.var(0).sum()))
    if moved < _STILL:
        raise DatasetError(
            f"the body hardly moved, by {moved:.3f} of the spread of poses it was trained with: "
            "record a run in which it moves about"
        )


def _fit(degree: int, known: Pairs, model: Model) -> tuple:
    """Features, posterior and log evidence of one degree.

    The regression is of readings in units of their deviation, so that the prior is the same for
    all sensors.
    """
    d, m = model.transition.outputs, known.values.shape[1]
    scale = jnp.concatenate([jnp.ones(d), model.transition.features.scale[d : 2 * d]])
    reach = model.transition.features.reach
    features = PolynomialFeatures(scale, polynomial_powers(2 * d, 0, degree, 0), reach)
    phi = _phi(features, known.states)
    centre, spread = known.values.mean(0), known.values.std(0)
    prior = small_weights(m, phi.shape[1], _STRENGTH, _NOISE)
    affine, report = LearnedAffine(phi.shape[1], m, prior).learn(
        phi, (known.values - centre) / spread
    )
    unit = affine.posterior
    mean = spread[:, None] * np.asarray(unit.mean, np.float64)
    mean[:, 0] += centre  # the first monomial is 1
    posterior = MatrixNormalWishart.of(
        jnp.asarray(mean, jnp.float32),
        unit.precision,
        jnp.asarray(np.outer(spread, spread) * np.asarray(unit.inverse_scale), jnp.float32),
        unit.dof,
    )
    return features, posterior, float(report.evidence)


def _phi(features: PolynomialFeatures, states: np.ndarray) -> np.ndarray:
    """Features of each state, ``(N, k)``."""
    inputs = np.asarray(states, np.float32).T / np.asarray(features.scale)[:, None]
    inputs = np.clip(inputs, -features.reach, features.reach)
    columns = [np.prod(inputs[list(power)], axis=0) for power in features.powers]
    return np.stack(columns, axis=1)


def _scores(
    features: PolynomialFeatures,
    posterior: MatrixNormalWishart,
    known: Pairs,
    held: Pairs,
    model: Model,
) -> Scores:
    layer = layer_of(posterior)
    phi = _phi(features, held.states)
    miss = held.values - phi @ np.asarray(layer.mean).T
    doubt = np.sum((phi @ np.asarray(layer.doubt_root)) ** 2, axis=1) / miss.shape[1]
    std = np.sqrt(np.sum(np.asarray(layer.predictive_root) ** 2, axis=1))
    sigma = np.sqrt(1 + doubt)[:, None] * std
    variance = np.maximum(held.values.var(0), 1e-30)
    places = places_of(model)
    apart = _nearest(np.asarray(places.poses), known.states[:, : model.transition.outputs])
    return Scores(
        r2=1 - (miss**2).mean(0) / variance,
        rms=np.sqrt((miss**2).mean(0)),
        covered=coverage(miss / sigma),
        seen=float((apart <= places.apart).mean()),
    )


def _nearest(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance of each of ``some`` poses to the nearest of the ``others``."""
    return np.array([np.linalg.norm(others - each, axis=1).min() for each in some])
