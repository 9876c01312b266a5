"""Teaches what a sensor's readings say about the state, from recorded runs in which it spoke."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..jax_setup import set_up_jax
from ..model import Model
from ..runs.recorded import RecordedRun
from ..senses.factor_file import Factor, digest_of, save_factor
from .calibrate import NOMINAL
from .checkpoint import load_model
from .errors import DatasetError, ModelError
from .lessons_of_run import Pairs, pairs_of
from .sensor_fit import Taught, fit

_ENOUGH = 0.9  # of the poses that the model knows


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


def _listed(values: np.ndarray, form: str) -> str:
    return ", ".join(format(value, form) for value in values)
