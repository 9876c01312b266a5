"""jopa-agent: run the agent, collect experience, train a model, evaluate it."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ..configs.settings import SettingsError, preset_names
from ..envs import GoalError
from ..transport.curve import AddressError
from ..transport.keys import KeysError
from ..transport.peer import PeerError
from ..transport.recording import RecordingError
from . import kinds
from .discrete.extra import MissingExtraError
from .evaluation.conditions import ConditionsError
from .learning.errors import DatasetError, ModelError
from .options import Parser, add_settings, chosen_settings, model_of, preset_of
from .output import OutputError, check_writable, write_text
from .remote.commands import add_remote
from .runtime.errors import RunError

_STOPPED = 130
_MISTAKES = (
    SettingsError,
    GoalError,
    ModelError,
    DatasetError,
    ConditionsError,
    OutputError,
    RecordingError,
    KeysError,
    PeerError,
    AddressError,
    MissingExtraError,
)

# Short names for the settings that a user reaches for first.
_BODY = {"body.physics": "--physics"}
_SEEDED = _BODY | {"run.seed": "--seed"}
_RUN_SHORT = _SEEDED | {
    "run.goal": "--goal",
    "run.start": "--start",
    "run.clock": "--clock",
    "run.rate_hz": "--rate",
    "run.duration_s": "--duration",
    "run.tolerance_rad": "--tolerance",
    "gateway.listen": "--listen",
}
_EVALUATE_SHORT = _SEEDED | {
    "run.goal": "--goal",
    "run.start": "--reset",
    "run.duration_s": "--seconds",
    "run.tolerance_rad": "--tolerance",
}

_FILM_HELP = {
    "gif": "the viewer's picture of the run",
    "mp4": "the same as a film (extra 'video')",
}
_FILMS = tuple(_FILM_HELP)
_DATASET_HELP = "from 'collect', or the folder of a recorded run"
_EVALUATE_DEFAULTS = {"start": "gymnasium", "duration_s": 30.0}

_RUN = """
Drive the body from camera frames to the goal, in real time, in separate processes: sensing,
inference, actuation and a window, in which a click on a frame makes it the new goal. It goes on
until the window is closed, Ctrl-C, or the duration is over; then it prints what was reached, and
leaves the figures, a picture and the settings as they were used in the run folder.
"""
_TOP = """
Show how a run goes, in a terminal, until it ends: its processes, how long each part of a tick's way
takes, from a frame's capture to the control that it leads to, and which deadlines were missed, and
why.
"""
_REPLAY = """
Show a recorded run in the viewer's window: space plays and pauses, the arrows step, up and down
change the speed, the mouse on the bar goes anywhere. With --verify the recorded frames go through
inference again instead, and every plan and belief is compared with the recorded one: on the machine
that recorded them they are equal to the bit. The exit code is 1 where they differ by more than the
tolerance.
"""
_INFO = """
Say what a recorded run holds.
"""
_EXPORT = """
Write a recorded run in other formats; several at once are possible.
"""
_INIT = """
Write the settings that follow from an environment of Gymnasium's, its period and its picture, into
a file to be edited and given with --settings.
"""
_COLLECT = """
Record frames and controls under random controls, from the environment's own resets.
"""
_TRAIN = """
Learn a model: an encoder whose poses can be predicted, then the dynamics and noises by variational
message passing. The agent gathers its own frames, first under random controls, then in rounds on
the way to goals of its own choosing; with a dataset it learns from that alone. Each round's model
is validated, and the newest that passes is kept; while none does, rounds are added. A training that
was cut off goes on where it ended. The model is a folder: numbers and frames (safetensors), and a
page about them (TOML). The exit code is 1 where no model passed.
"""
_VALIDATE = """
Judge a model without the true state, from frames that it has not learned from: how well and how
honestly it predicts 1 and 20 steps, whether frames that look alike have poses that are, and whether
it reaches and holds a spread of goals in a rehearsal in the model itself. The exit code is 1 where
it fails.
"""
_EVALUATE = """
Score the same agent without processes, as fast as the cores allow: the environment's own return
over its first 200 steps, whether the goal was reached, in how many steps, and whether it was held
over the last 10 seconds. The true state serves scoring only. Unless told otherwise, episodes start
from the environment's own resets and last 30 seconds.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 ended by a fault, 2 a mistake of input."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parsed = _parser().parse_args(words)
    parsed.words = words
    try:
        return parsed.command(parsed)
    except _MISTAKES as error:
        print(f"jopa-agent: {error}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"jopa-agent: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("jopa-agent: stopped", file=sys.stderr)
        return _STOPPED


def run(arguments: argparse.Namespace) -> int:
    """``jopa-agent run``"""
    from . import running

    settings = chosen_settings(arguments)
    model = model_of(arguments)
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    name = arguments.environment.rpartition(":")[2].replace("/", "-")
    out = arguments.out or Path("runs") / f"{name}-{stamp}"
    check_writable(arguments.json)
    films = {name: getattr(arguments, name) for name in _FILMS if getattr(arguments, name)}
    for name, file in films.items():
        if not settings.run.record:
            raise SettingsError(f"--{name} shows what was recorded: leave --run.record on")
        check_writable(file)
    if not arguments.force:
        kinds.check_trusted(model, settings)
    running.run(settings, model, out, arguments.json)
    if films:
        from .replay.commands import write

        write(out, films)
    return 0


def top(arguments: argparse.Namespace) -> int:
    """``jopa-agent top``"""
    from .runtime.top import newest_run, watch

    watch(arguments.run or newest_run(Path("runs")), arguments.once)
    return 0


def replay(arguments: argparse.Namespace) -> int:
    """``jopa-agent replay``"""
    if arguments.verify:
        from .replay.commands import check

        return 0 if check(arguments.run, arguments.model, arguments.tolerance) else 1
    from .runs.recorded import RecordedRun
    from .viewer.replay import show

    show(RecordedRun(arguments.run), arguments.speed)
    return 0


def info(arguments: argparse.Namespace) -> int:
    """``jopa-agent info``"""
    from .replay.commands import tell

    tell(arguments.run)
    return 0


def export(arguments: argparse.Namespace) -> int:
    """``jopa-agent export``"""
    from .replay.commands import write

    names = ("npz", *_FILMS, "rerun", "minari")
    write(arguments.run, {name: getattr(arguments, name) for name in names})
    return 0


def init(arguments: argparse.Namespace) -> int:
    """``jopa-agent init``"""
    import tomli_w

    name = arguments.environment.rpartition(":")[2].replace("/", "-")
    out = arguments.out or Path(f"{name}.toml")
    check_writable(out)
    if out.exists():
        raise OutputError(f"cannot write {str(out)!r}: it exists; remove it, or give another --out")
    text = tomli_w.dumps(preset_of(arguments.environment))
    write_text(f"# Settings of {arguments.environment}, for --settings.\n\n{text}", out)
    print(f"settings: {out}")
    return 0


def collect(arguments: argparse.Namespace) -> int:
    """``jopa-agent collect``"""
    return _work("collect", arguments)


def train(arguments: argparse.Namespace) -> int:
    """``jopa-agent train``"""
    return _work("train", arguments)


def validate(arguments: argparse.Namespace) -> int:
    """``jopa-agent validate``"""
    return _work("validate", arguments)


def evaluate(arguments: argparse.Namespace) -> int:
    """``jopa-agent evaluate``"""
    return _work("evaluate", arguments, **_EVALUATE_DEFAULTS)


def _work(name: str, arguments: argparse.Namespace, **defaults: Any) -> int:
    """The work of a command, as the kind of agent that drives the body does it."""
    settings = chosen_settings(arguments, **defaults)
    return kinds.command(settings, name)(settings, arguments)


def _parser() -> Parser:
    parser = Parser(
        prog="jopa-agent",
        description="An agent that learns how its body moves from camera frames, and drives it "
        "to a goal given as a picture, by message passing on one factor graph.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)

    command = _command(commands, "run", run, "drive a body to a goal", _RUN)
    _add_flag(command, "headless", "no window")
    _add_flag(command, "learn", "go on learning while acting")
    _add_model(command)
    command.add_argument("--force", action="store_true", help="with a model that failed too")
    command.add_argument("--out", type=Path, metavar="FOLDER", help="run folder [runs/NAME-TIME]")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    for name, what in _FILM_HELP.items():
        command.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write {what}, too")
    command.add_argument(
        "--sensor", action="append", metavar="NAME,SETTINGS",
        help="a remote sensor, as gyro,size=1,rate_hz=100,units=rad/s,factor=FILE; several times",
    )  # fmt: skip
    sections = ["run", "runtime", "planner", "online", "discrete", "body", "gateway"]
    add_settings(command, sections, _RUN_SHORT)

    command = commands.add_parser(
        "top", help="watch a run", description=_TOP, usage="jopa-agent top [RUN] [--once]"
    )
    command.set_defaults(command=top)
    command.add_argument("run", type=Path, nargs="?", help="run folder [the newest in runs]")
    command.add_argument("--once", action="store_true", help="show how it stands, and end")

    command = _run_command(commands, "replay", replay, "show a recorded run, or check it", _REPLAY)
    command.add_argument(
        "--speed", type=float, default=1.0, metavar="NUMBER", help="times real [1]"
    )
    command.add_argument("--verify", action="store_true", help="infer again, and compare")
    _add_model(command, "model to verify with [the run's own]")
    command.add_argument(
        "--tolerance", type=float, default=0.0, metavar="NUMBER",
        help="largest difference that is accepted [0]",
    )  # fmt: skip

    _run_command(commands, "info", info, "say what a recorded run holds", _INFO)

    command = _run_command(
        commands, "export", export, "write a recorded run as other files", _EXPORT
    )
    for name, what in (
        ("npz", "frames, controls, beliefs and stamps as numpy's arrays"),
        *_FILM_HELP.items(),
        ("rerun", "for Rerun's viewer (extra 'rerun')"),
    ):
        command.add_argument(f"--{name}", type=Path, metavar="FILE", help=what)
    command.add_argument(
        "--minari", metavar="NAME",
        help="a Minari dataset such as pendulum/run-v0, where Minari keeps them (extra 'minari')",
    )  # fmt: skip

    add_remote(commands)
    command = _command(commands, "init", init, "write the settings of an environment", _INIT)
    command.add_argument("--out", type=Path, metavar="FILE", help="the settings [NAME.toml]")

    command = _command(commands, "collect", collect, "record random experience", _COLLECT)
    command.add_argument("--out", type=Path, metavar="FILE", required=True, help="the dataset")
    add_settings(command, ["collect", "body"], _SEEDED | {"collect.frames": "--steps"})

    command = _command(commands, "train", train, "learn a model", _TRAIN)
    command.add_argument(
        "--dataset", type=Path, metavar="FILE", help="from 'collect', or a recorded run"
    )
    command.add_argument("--out", type=Path, metavar="FOLDER", required=True, help="the model")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the verdict there")
    sections = ["explore", "train", "discrete", "jepa", "collect", "planner", "body"]
    add_settings(command, sections, _SEEDED)

    command = _command(commands, "validate", validate, "judge a model", _VALIDATE)
    _add_model(command)
    command.add_argument("--dataset", type=Path, metavar="FILE", help="to judge by [its own]")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the verdict there")
    add_settings(command, ["planner", "body"], _BODY)

    command = _command(commands, "evaluate", evaluate, "score a model", _EVALUATE)
    _add_model(command)
    command.add_argument(
        "--goals", metavar="GOALS", help="several: all (24 angles), or degrees such as 0,10,180"
    )
    command.add_argument(
        "--starts", "--episodes", type=_count, metavar="COUNT",
        help="starts, or episodes, for each goal [20]",
    )  # fmt: skip
    command.add_argument(
        "--kick", metavar="SPEED|torque",
        help="blow in the middle: to this rad/s of either sign, or 1 s of full torque",
    )  # fmt: skip
    command.add_argument(
        "--fault", default="", metavar="FAULTS",
        help="of the camera: loss=0.2,blackout=0.5,noise=0.1,occlusion=0.2",
    )  # fmt: skip
    command.add_argument(
        "--change", default="", metavar="PHYSICS",
        help="of the pendulum in the middle of the episode: mass=1.3,length=0.7,gravity=12",
    )  # fmt: skip
    command.add_argument(
        "--switch", type=float, metavar="SECONDS",
        help="another of the goals every so often, drawn by lot, in episodes of --seconds",
    )  # fmt: skip
    _add_flag(command, "learn", "go on learning while acting")
    command.add_argument("--report", type=Path, metavar="FILE", help="write a report there (HTML)")
    command.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    sections = ["planner", "online", "discrete", "body"]
    add_settings(command, sections, _EVALUATE_SHORT, **_EVALUATE_DEFAULTS)
    return parser


def _command(commands, name: str, function, summary: str, description: str) -> Parser:
    usage = f"jopa-agent {name} ENVIRONMENT [options]"
    command = commands.add_parser(name, help=summary, description=description, usage=usage)
    command.set_defaults(command=function)
    presets = ", ".join(preset_names())
    command.add_argument(
        "environment", help=f"one of: {presets}; or one of Gymnasium's, as module:EnvId"
    )
    return command


def _run_command(commands, name: str, function, summary: str, description: str) -> Parser:
    """A command about a run that is over."""
    usage = f"jopa-agent {name} RUN [options]"
    command = commands.add_parser(name, help=summary, description=description, usage=usage)
    command.set_defaults(command=function)
    command.add_argument("run", type=Path, help="folder of a recorded run, or an MCAP file of one")
    return command


def _add_model(command: Parser, what: str = "model [the shipped one]") -> None:
    command.add_argument("--model", type=Path, metavar="FOLDER", help=what)


def _add_flag(command: Parser, name: str, what: str) -> None:
    """``--name`` for the setting ``run.name``."""
    command.add_argument(
        f"--{name}",
        dest=f"run.{name}",
        action="store_true",
        default=argparse.SUPPRESS,
        help=what,
    )


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)
