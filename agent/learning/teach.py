"""Teaches what a sensor's readings say about the state, from recorded runs in which it spoke."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..graph.features import PolynomialFeatures, polynomial_powers
from ..graph.layer import layer_of
from ..graph.learned_affine import LearnedAffine
from ..graph.learned_features import small_weights
from ..graph.matrix_normal_wishart import MatrixNormalWishart
from ..jax_setup import set_up_jax
from ..model import Model
from ..replay.run import RecordedRun
from ..senses.places import places_of
from .calibrate import NOMINAL, coverage
from .checkpoint import load_model
from .errors import DatasetError, ModelError
from .factor_file import Factor, digest_of, save_factor
from .lessons_of_run import Pairs, pairs_of

_FEWEST = 200  # readings
_STILL = 0.1  # of the standard deviation of the poses of experience: a body that hardly moved
_ENOUGH = 0.9  # of the poses that the model knows
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


def teach(runs: Sequence[Path], sensor: str, model: Path | None, out: Path) -> list[str]:
    """Fit the factor of ``sensor`` to the recordings of ``runs``, write it to the file ``out``, and
    return lines that tell how good it is.

    ``model`` is the folder of the model that ran, where that has moved. Raises ``ValueError`` in
    one line for a recording or model that cannot be used.
    """
    set_up_jax()
    recordings = [RecordedRun(run) for run in runs]
    minds = [_model(each.launch.model, model, each.launch.settings.body) for each in recordings]
    mind, launch = minds[0], recordings[0].launch
    for run, other in zip(runs, minds, strict=True):
        if digest_of(other) != digest_of(mind):
            raise ModelError(
                f"the run {str(run)!r} had another model than {str(runs[0])!r}, and poses of one "
                "mean something else to the other: leave one of them out"
            )
    pairs = _joined([_pairs(*each, sensor, mind) for each in zip(runs, recordings, strict=True)])
    declared = launch.settings.sensors.get(sensor)
    units = declared.units if declared else ""
    found = fit(pairs, sensor, mind)
    figures = {"learned": float(found.learned), "held": float(found.held)}
    figures |= {f"r2_{i}": float(x) for i, x in enumerate(found.scores.r2)}
    figures |= {f"rms_{i}": float(x) for i, x in enumerate(found.scores.rms)}
    figures |= {f"covered_{i}": x for i, x in enumerate(found.scores.covered)}
    factor = Factor(sensor, units, digest_of(mind), found.features, found.posterior, figures)
    save_factor(factor, out)
    return [*told(found, sensor, units), f"factor      {out}"]


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


def told(found: Taught, sensor: str, units: str) -> list[str]:
    """Lines about how well a sensor was learned."""
    scores = found.scores
    best = found.evidence[found.degree]
    others = ", ".join(
        f"{each}: {value - best:.0f}" for each, value in found.evidence.items() if value != best
    )
    lines = [
        f"sensor      {sensor}, {len(scores.r2)} numbers{f' in {units}' if units else ''}",
        f"readings    {found.learned} learned from, {found.held} held back, the last of each run",
        f"degree      {found.degree} in pose and velocity"
        + (f" (evidence of degree {others} nats against it)" if others else ""),
        f"R²          {_listed(scores.r2, '.4f')}",
        f"RMS error   {_listed(scores.rms, '.3g')}{f' {units}' if units else ''}",
        "coverage    "
        + ", ".join(
            f"{share:.0%} of {nominal:.0%}"
            for share, nominal in zip(scores.covered, NOMINAL, strict=True)
        ),
        f"seen        {scores.seen:.0%} of the poses that the model knows",
    ]
    if scores.seen < _ENOUGH:
        lines.append(
            "warning     elsewhere its readings will be believed less: add a run that goes there"
        )
    if (scores.r2 < 0.2).any():
        lines.append("warning     it says next to nothing about the body in some of its numbers")
    return lines


def _pairs(run: Path, recorded: RecordedRun, sensor: str, model: Model) -> Pairs:
    """What one run says about ``sensor``."""
    launch = recorded.launch
    late = launch.settings.body.frame_delay
    pairs = pairs_of(recorded, sensor, launch.body.period_s, late)
    if len(pairs.values) and pairs.states.shape[1] != 2 * model.transition.outputs:
        raise ModelError(
            f"beliefs of the run {str(run)!r} have poses of {pairs.states.shape[1] // 2}, those of "
            f"the model {model.transition.outputs}: give the model that ran"
        )
    return pairs


def _joined(runs: list[Pairs]) -> Pairs:
    """All of them, such that the last fifth is that of each."""
    cuts = [len(pairs.values) - len(pairs.values) // 5 for pairs in runs]
    states = [p.states[:cut] for p, cut in zip(runs, cuts, strict=True)]
    states += [p.states[cut:] for p, cut in zip(runs, cuts, strict=True)]
    values = [p.values[:cut] for p, cut in zip(runs, cuts, strict=True)]
    values += [p.values[cut:] for p, cut in zip(runs, cuts, strict=True)]
    sizes = {part.shape[1] for part in values}
    if len(sizes) > 1:
        raise DatasetError(f"readings of the runs have the sizes {sorted(sizes)}: leave one out")
    return Pairs(np.concatenate(states), np.concatenate(values))


def _model(ran: Path, given: Path | None, body) -> Model:
    """The model that ran, from where it was or from where it is said to be now."""
    model = load_model(given or ran, body)
    if given is not None and ran.is_dir() and digest_of(load_model(ran, body)) != digest_of(model):
        raise ModelError(
            f"model {str(given)!r} is not the one that ran, {str(ran)!r}: poses of one mean "
            "something else to the other; leave it out"
        )
    return model


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


def _listed(values: np.ndarray, form: str) -> str:
    return ", ".join(format(value, form) for value in values)
