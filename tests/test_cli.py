"""The command line, as a user meets it."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jopa_agent.agent.cli import main
from jopa_agent.agent.learning.dataset import load_dataset
from jopa_agent.agent.learning.page import read_page
from jopa_agent.configs.settings import read_file, settings_from, shipped_model
from PIL import Image

FIGURES = {
    "ticks", "goal", "reached", "held", "steps_to_reach", "final_error", "max_error_last_10s",
    "frame_to_command_ms", "filter_ms", "plan_ms", "missed_deadlines", "late_plans", "restarts",
}  # fmt: skip


def command(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command as a user's shell runs it, in a folder of the user's."""
    return subprocess.run(
        [sys.executable, "-m", "jopa_agent.agent", *words],
        cwd=folder,
        env=os.environ | {"SDL_VIDEODRIVER": "dummy"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_leaves_figures_picture_and_settings(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[planner]\nhorizon = 30\niterations = 2\n")
    words = ["--clock", "lockstep", "--duration", "1", "--planner.iterations", "1"]
    done = command(
        "run", "pendulum", *words, "--settings", "mine.toml", "--goal", "hanging",
        "--out", "here", "--json", "figures.json", folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no display found" in done.stderr
    assert "reached   after 0 steps" in done.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures.keys() >= FIGURES
    assert figures["ticks"] == 20
    assert figures["goal"] == "hanging"
    assert figures["plan_ms"].keys() == {"p50", "p99"}
    used = read_file(tmp_path / "here" / "settings.toml")
    assert used["planner"]["horizon"] == 30
    assert used["planner"]["iterations"] == 1
    with Image.open(tmp_path / "here" / "run.png") as picture:
        assert picture.width > 1000


@pytest.mark.long
def test_the_settings_file_goes_over_a_commands_own_defaults(tmp_path: Path) -> None:
    file, figures = tmp_path / "mine.toml", tmp_path / "figures.json"
    file.write_text('[run]\nseed = 9\ngoal = "hanging"\nstart = "hanging"\nduration_s = 0.5\n')
    words = ["--settings", str(file), "--episodes", "1", "--json", str(figures)]
    assert main(["evaluate", "pendulum", *words, "--seconds", "0.1"]) == 0
    scores = json.loads(figures.read_text())
    used = [scores[name] for name in ("seed", "goal", "reset", "seconds")]
    assert used == [9, "hanging", "hanging", 0.1]


def test_a_goal_that_cannot_be_held_is_said_to_be(tmp_path: Path) -> None:
    words = ["--headless", "--clock", "lockstep", "--duration", "0.2", "--out", "here"]
    done = command("run", "pendulum", *words, "--goal", "-90deg", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2.5 times the control's limit" in done.stderr


def test_collect_train_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, model, figures = tmp_path / "data", tmp_path / "model", tmp_path / "figures.json"
    assert main(["collect", "pendulum", "--steps", "1300", "--out", str(data)]) == 0
    small = ["--train.steps", "20", "--train.rounds", "1", "--explore.retries", "0"]
    planner = ["--planner.horizon", "3", "--planner.hypotheses", "2", "--planner.iterations", "1"]
    words = ["--dataset", str(data), "--out", str(model), "--seed", "3", *small, *planner]
    assert main(["train", "pendulum", *words, "--json", str(figures)]) == 1
    verdict, page = json.loads(figures.read_text()), read_page(model)
    assert verdict["verdict"] == page["verdict"]["verdict"] == "fail"
    assert verdict["faults"]
    assert verdict["frames"] == 1300
    assert verdict["seconds"] > 0
    assert not (tmp_path / "model.training").exists()
    words = ["--model", str(model), "--json", str(figures), *planner]
    assert main(["validate", "pendulum", *words]) == 1  # by the frames that were kept from learning
    again = json.loads(figures.read_text())
    assert again["error_20"] == pytest.approx(verdict["error_20"], rel=1e-4)
    assert again["frames"] == 150
    assert main(["run", "pendulum", "--model", str(model), "--headless"]) == 2
    assert "--force" in capsys.readouterr().err
    assert page["data"]["frames"] == 1300
    assert page["seed"] == 3
    assert page["settings"]["train"]["steps"] == 20
    words = ["--model", str(model), "--episodes", "2", "--seconds", "1", "--json", str(figures)]
    assert main(["evaluate", "pendulum", *words, "--seed", "7"]) == 0
    scores = json.loads(figures.read_text())
    assert [episode["seed"] for episode in scores["episodes"]] == [7, 8]
    assert scores.keys() >= {"mean_return", "reached_fraction", "held_fraction", "model", "seed"}
    returns = [episode["return"] for episode in scores["episodes"]]
    assert scores["mean_return"] == pytest.approx(sum(returns) / 2)
    assert max(returns) < 0


def test_a_model_without_its_frames_cannot_be_judged_by_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("model.toml", "model.safetensors"):
        (tmp_path / name).write_bytes((shipped_model("pendulum") / name).read_bytes())
    assert main(["validate", "pendulum", "--model", str(tmp_path)]) == 2
    assert "--dataset" in capsys.readouterr().err


def test_init_writes_settings_that_the_other_commands_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, data = tmp_path / "my.toml", tmp_path / "data"
    assert main(["init", "gymnasium:Pendulum-v1", "--out", str(file)]) == 0
    found = settings_from(read_file(file))
    assert (found.body.name, found.run.rate_hz) == ("gymnasium:Pendulum-v1", 20.0)
    assert (found.body.camera_crop_px, found.body.camera_size_px) == (480, 32)
    words = ["--steps", "20", "--settings", str(file), "--out", str(data)]
    assert main(["collect", "gymnasium:Pendulum-v1", *words]) == 0
    assert load_dataset(data).frames.shape == (1, 20, 32, 32, 1)
    capsys.readouterr()
    assert main(["init", "Pendulum-v1", "--out", str(file)]) == 2
    assert "it exists" in capsys.readouterr().err


WRONG = {
    "unknown command": (["fly"], "fly"),
    "unknown environment": (["run", "cartpole"], "unknown environment 'cartpole'"),
    "unknown option": (["run", "pendulum", "--bogus", "1"], "--bogus"),
    "setting of another type": (["run", "pendulum", "--planner.horizon", "far"], "horizon = 'far'"),
    "setting out of range": (["run", "pendulum", "--rate", "0"], "run.rate_hz = '0'"),
    "unknown choice": (["run", "pendulum", "--clock", "cuckoo"], "run.clock = 'cuckoo'"),
    "no settings file": (["run", "pendulum", "--settings", "none.toml"], "none.toml"),
    "unknown setting": (["run", "pendulum", "--settings", "odd.toml"], "'planner.horizn'"),
    "settings not TOML": (["run", "pendulum", "--settings", "text.png"], "text.png"),
    "no such goal": (["run", "pendulum", "--goal", "none.png"], "none.png"),
    "goal not an image": (["run", "pendulum", "--goal", "text.png"], "text.png"),
    "goal of another aspect": (["run", "pendulum", "--goal", "wide.png"], "64x32"),
    "angle too far": (["run", "pendulum", "--goal", "-9000deg"], "-9000deg"),
    "run folder below a file": (["run", "pendulum", "--out", "text.png/x"], "text.png/x"),
    "json below a file": (["run", "pendulum", "--json", "text.png/x"], "text.png/x"),
    "json is a folder": (["run", "pendulum", "--json", "."], "folder"),
    "camera does not divide": (["run", "pendulum", "--body.camera_size_px", "33"], "33"),
    "no model": (["evaluate", "pendulum", "--model", "none"], "'none'"),
    "negative seed": (["evaluate", "pendulum", "--seed", "-1"], "'-1'"),
    "no episodes": (["evaluate", "pendulum", "--episodes", "0"], "'0'"),
    "negative time": (["evaluate", "pendulum", "--seconds", "-3"], "-3"),
    "no time": (["evaluate", "pendulum", "--seconds", "0"], "--seconds"),
    "unknown start": (["evaluate", "pendulum", "--reset", "moon"], "run.start = 'moon'"),
    "no dataset": (["train", "pendulum", "--dataset", "none", "--out", "model"], "'none'"),
    "not a dataset": (["train", "pendulum", "--dataset", "text.png", "--out", "model"], "text.png"),
    "dataset below a file": (["collect", "pendulum", "--out", "text.png/x"], "text.png/x"),
    "nowhere to put it": (["collect", "pendulum"], "--out"),
    "no frames to judge by": (["validate", "pendulum", "--dataset", "none"], "'none'"),
    "no shipped model": (["run", "Pendulum-v1", "--goal", "x.png"], "--model FOLDER"),
    "no such module": (["train", "no_module:It-v0", "--out", "model"], "'no_module:It-v0'"),
    "no continuous action": (["train", "CartPole-v1", "--out", "model"], "Discrete(2)"),
    "no angle to rest at": (
        ["evaluate", "Pendulum-v1", "--model", "none", "--goal", "upright"],
        "'none'",
    ),
    "physics of another body": (
        ["collect", "Pendulum-v1", "--out", "x", "--body.physics", "mass=2"],
        "mass=2",
    ),
    "learning from late frames": (
        ["train", "pendulum", "--out", "model", "--body.frame_delay", "1"],
        "body.frame_delay = 1",
    ),
    "recording late controls": (
        ["collect", "pendulum", "--out", "x", "--body.command_delay", "2"],
        "body.command_delay = 2",
    ),
    "physics unknown": (["run", "pendulum", "--physics", "mas=1"], "mas=1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_gets_one_line_and_exit_code_2(
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    words, said = WRONG[case]
    (tmp_path / "odd.toml").write_text("[planner]\nhorizn = 3\n")
    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (64, 32)).save(tmp_path / "wide.png")
    monkeypatch.chdir(tmp_path)
    if words[0] == "run":
        words = [*words, "--headless"]
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code
    lines = capfd.readouterr().err.splitlines()
    assert code == 2
    assert len(lines) == 1
    assert said in lines[0]


def test_a_run_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    holder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    done = command("run", "pendulum", "--headless", "--out", str(tmp_path), folder=tmp_path)
    os.close(holder)
    assert done.returncode == 2
    assert "in use" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (None, "no model in folder"),
        ("format = 99", "format 99"),
        ("format = 7\n[structure]\nframe_shape = [16, 16, 1]", "[16, 16, 1]"),
        ("format = 7\n[structure]\nframe_shape = [32, 32, 1]", "damaged or incomplete"),
        ("format =", "cannot be read"),
    ],
)
def test_a_model_that_cannot_be_used_ends_the_run_with_its_reason(
    page: str | None, said: str, tmp_path: Path
) -> None:
    if page is not None:
        (tmp_path / "model.toml").write_text(page)
    words = ["--headless", "--model", str(tmp_path), "--out", "here"]
    done = command("run", "pendulum", *words, folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert done.stderr.count(said) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", [None, "run", "init", "collect", "train", "validate", "evaluate"])
def test_help_is_there(name: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([name, "--help"] if name else ["--help"])
    assert end.value.code == 0
    assert "usage: jopa-agent" in capsys.readouterr().out


def test_a_module_of_the_folder_one_is_in_is_found(tmp_path: Path):
    """By the installed command, too, whose path does not begin with that folder."""
    (tmp_path / "lamps.py").write_text(
        "import gymnasium, numpy as np\n"
        "class Lamp(gymnasium.Env):\n"
        "    metadata = {'render_modes': ['rgb_array'], 'render_fps': 40}\n"
        "    action_space = gymnasium.spaces.Box(-1, 1, (1,))\n"
        "    observation_space = gymnasium.spaces.Box(-1, 1, (1,))\n"
        "    def __init__(self, render_mode=None): self.render_mode = render_mode\n"
        "    def reset(self, *, seed=None, options=None): return np.zeros(1), {}\n"
        "    def render(self): return np.zeros((64, 64, 3), np.uint8)\n"
        "gymnasium.register('Lamp-v1', entry_point=Lamp)\n",
        "utf-8",
    )
    told = subprocess.run(
        [sys.executable, "-P", "-m", "jopa_agent.agent", "init", "lamps:Lamp-v1"],
        cwd=tmp_path,
        env=os.environ | {"SDL_VIDEODRIVER": "dummy"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    settings = read_file(tmp_path / "Lamp-v1.toml")
    assert settings["body"]["frame_skip"] == 2
    assert settings["run"]["rate_hz"] == 20
