"""The work of the commands for discrete agents in the line world."""

import argparse
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ...configs.settings import Settings, SettingsError
from ...envs import GoalError, read_goal
from ...envs.line_trajectories import draw_trajectories
from ...envs.line_world import STATES, transition_matrix
from ...envs.spot import VIEW
from ..bodies import body_for
from ..jax_setup import set_up_jax
from ..learning.errors import ModelError
from ..options import model_of
from ..output import OutputError, check_writable, write_json
from ..progress import progress_bars
from .checkpoint import Trained, load_trained, read_log, read_page, save_trained
from .evaluate import ROLL_OUTS, Evaluation
from .evaluate import evaluate as evaluated
from .extra import pymdp
from .mind import check_settings
from .model import DiscreteModel, self_showing
from .training import as_seen, first_layers
from .training import train as trained_on

_VAGUE_COUNT = 5.0  # of a column of the vague B
_VAGUE_ERROR, _VAGUE_SIGHTS = 0.1, 50.0  # of the vague A, and how often it counts as seen
_UNKNOWN = ("goals", "kick", "fault", "change", "switch")  # options of other agents' evaluation


def check_trusted(folder: Path) -> None:
    """Any trained agent is: it is not validated. :class:`ModelError` where there is none, and
    ``MissingExtraError`` where nothing could run it."""
    pymdp()
    read_page(folder)


def train(settings: Settings, arguments: argparse.Namespace) -> int:
    """Train an encoder, without labels, through the agent's inference."""
    check_writable(arguments.out / "model.toml")
    check_writable(arguments.json)
    if arguments.dataset:
        raise SettingsError(
            "--dataset: discrete agents learn from trajectories that they draw themselves, by "
            "--seed; leave it out"
        )
    pymdp()
    set_up_jax()
    seed, chosen = settings.run.seed, settings.discrete
    seen, _ = draw_trajectories((seed, 0), chosen.trajectories, chosen.length)
    about = {
        "environment": settings.body.name,
        "seed": seed,
        "settings": {"discrete": chosen.model_dump()},
        "versions": {n: version(n) for n in ("jopa-agent", "jax", "inferactively-pymdp", "optax")},
    }
    folder = _training_folder(arguments.out, about)
    with progress_bars() as progress:
        task = progress.add_task("training", total=chosen.steps, figure="")

        def show(step: int, loss: float) -> None:
            progress.update(task, completed=step, figure=f"objective {loss:.3f} nats")

        encoder, model, log = trained_on(
            as_seen(*seen), _start_model(settings), chosen, seed, folder, show
        )
    save_trained(Trained(encoder, model, VIEW), about, log, arguments.out)
    shutil.rmtree(folder)
    print(f"model: {arguments.out}: objective {log[-1]['loss']:.3f} nats a frame")
    if arguments.json:
        write_json(log[-1] | {"seed": seed}, arguments.json)
    return 0


def evaluate(settings: Settings, arguments: argparse.Namespace) -> int:
    """Score an agent beside exact inference, and by roll-outs."""
    for name in _UNKNOWN:
        if getattr(arguments, name):
            raise SettingsError(f"--{name} is of no use with discrete agents: leave it out")
    if settings.run.duration_s == 0:
        raise SettingsError("run.duration_s = 0: an episode needs some --seconds")
    if settings.run.learn:
        raise SettingsError("--learn: it is the run that goes on learning; leave it out")
    check_settings(settings)
    check_writable(arguments.json)
    check_writable(arguments.report)
    pymdp()
    set_up_jax()
    folder = model_of(arguments)
    trained, found = score(folder, settings, arguments.starts or ROLL_OUTS)
    figures = found.figures | {"environment": settings.body.name, "model": str(folder)}
    for line in _lines(figures):
        print(line)
    if arguments.report:
        _report(arguments.report, folder, trained, found, figures)
    if arguments.json:
        write_json(figures, arguments.json)
    return 0


def score(folder: Path, settings: Settings, count: int) -> tuple[Trained, Evaluation]:
    """The agent in ``folder``, and how it fares in ``count`` roll-outs and on new trajectories."""
    trained, page = load_trained(folder), read_page(folder)
    if trained.model.transition.shape != transition_matrix().shape:
        raise ModelError(
            f"model folder {str(folder)!r} is of an agent with {trained.model.states} states, but "
            f"the line has {STATES}: train one with 'jopa-agent train lineworld'"
        )
    chosen = settings.discrete.model_copy(update={"width": page["settings"]["discrete"]["width"]})
    layers = first_layers(len(trained.encoder.centre), trained.model, chosen, page["seed"])
    untrained = trained.encoder.with_layers(layers)
    return trained, evaluated(trained, untrained, settings, _target(settings), count)


def _start_model(settings: Settings) -> DiscreteModel:
    """The agent's matrices: known, or vague ones to be learned."""
    chosen = settings.discrete
    likelihood, sights = self_showing(STATES, chosen.error), None
    transition, moves = transition_matrix(), None
    if chosen.learn == "A+B":
        likelihood = self_showing(STATES, _VAGUE_ERROR)
        sights = _VAGUE_SIGHTS * likelihood
    if chosen.learn != "nothing":
        transition = transition_matrix(chosen.vague_noise)
        moves = _VAGUE_COUNT * transition
    return DiscreteModel(likelihood, transition, None, sights, moves)


def _training_folder(out: Path, about: dict[str, Any]) -> Path:
    """Where the training keeps its state, one folder for each way to train."""
    import hashlib
    import json

    told = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:8]
    return out.with_name(f"{out.name}.training-{told}")


def _target(settings: Settings) -> int:
    body = body_for(settings)
    try:
        goal = read_goal(settings.run.goal, body)
    finally:
        body.close()
    if not goal.state:
        raise GoalError(
            f"goal {settings.run.goal!r}: roll-outs begin in state 0 and go to a state that has a "
            "number; give 'state 1' ... 'state 4'"
        )
    return int(goal.state)


def _report(
    path: Path, folder: Path, trained: Trained, found: Evaluation, figures: dict[str, Any]
) -> None:
    from .pictures import pictures_of
    from .report import save_report

    try:
        save_report(path, figures, pictures_of(trained, read_log(folder), found))
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror}") from None
    print(f"report: {path}")


def _lines(figures: dict[str, Any]) -> list[str]:
    """The figures as a person reads them."""

    def percent(name: str) -> str:
        return f"{figures[name]:.2%}"

    error = np.round(figures["transition_error"], 3)
    return [
        f"encoder   {percent('encoder_accuracy')} right; Bayes' rule for single frames "
        f"{percent('bayes_ceiling')}; untrained {percent('untrained_encoder_accuracy')}",
        f"filter    {percent('state_accuracy')} right; exact {percent('filter_ceiling')}; "
        f"untrained {percent('untrained_state_accuracy')}",
        f"smoother  {percent('smoothed_accuracy')} right; exact {percent('smoother_ceiling')}",
        f"reached   {percent('reached_fraction')} in {figures['target']} steps, held "
        f"{percent('held_fraction')}, where moves are sure; with their noise "
        f"{percent('noisy_reached_fraction')}, at best {percent('noisy_reached_at_best')}",
        f"present   {percent('noisy_present_share')} of all steps with the moves' noise, at best "
        f"{percent('noisy_present_at_best')}",
        f"B         differs from the true one by up to {error:g}",
    ]
