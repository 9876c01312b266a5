"""Goals that change in mid-run: in time, compared with the optimum, and bad requests."""

import json
from itertools import pairwise
from pathlib import Path

import platformdirs
import pytest
from jopa_agent.agent.cli import main

GOALS = "--goals=170,180,190"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory):
    folder = str(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platformdirs, "user_cache_dir", lambda _: folder)
        yield


def test_goals_near_hanging_are_reached_one_after_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "figures.json"
    words = ["--reset", "hanging", "--switch", "3", "--seconds", "10", "--starts", "1"]
    assert main(["evaluate", "pendulum", GOALS, *words, "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    legs = figures["legs"]
    assert len(legs) == 3  # the rest of the time is too short for another
    assert {leg["goal"] for leg in legs} <= {"170deg", "180deg", "190deg"}
    assert all(a["goal"] != b["goal"] for a, b in pairwise(legs))
    assert all(leg["reached"] for leg in legs)
    assert all(0 <= leg["optimum"] <= leg["ticks_away"] < 30 for leg in legs)
    assert "reached 100.0% of 3 goals in 3 s each" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--switch", "0"], "switch 0"),
        (["--switch", "nan"], "switch nan"),
        (["--switch", "40"], "switch 40"),
        (["--switch", "2", "--kick", "8"], "--kick"),
        (["--switch", "2", "--report", "r.html"], "--report"),
    ],
)
def test_what_cannot_be_switched_is_refused_in_one_line(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["evaluate", "pendulum", GOALS, *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert named in line


def test_one_goal_alone_cannot_be_switched(capsys: pytest.CaptureFixture[str]):
    assert main(["evaluate", "pendulum", "--switch", "2"]) == 2
    assert "one goal alone" in capsys.readouterr().err
