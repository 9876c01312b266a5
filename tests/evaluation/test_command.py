"""An evaluation as a user asks for it: goals, blows, delays; its figures, its report."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from jopa_agent.agent.cli import main
from jopa_agent.agent.evaluation.command import _replay
from jopa_agent.agent.evaluation.episode import Episode
from jopa_agent.agent.evaluation.score import score_errors

SHORT = ["--seconds", "1", "--starts", "1"]


def evaluated(tmp_path: Path, *words: str) -> tuple[dict, str]:
    figures, report = tmp_path / "figures.json", tmp_path / "report.html"
    files = ["--json", str(figures), "--report", str(report)]
    assert main(["evaluate", "pendulum", *SHORT, *files, *words]) == 0
    return json.loads(figures.read_text()), report.read_text()


def test_goals_under_a_blow_with_a_faulty_late_camera(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["--goals", "180,90", "--kick", "8", "--fault", "loss=0.2", "--body.frame_delay", "1"]
    figures, report = evaluated(tmp_path, *words, "--reset", "hanging")
    assert [goal["goal"] for goal in figures["goals"]] == ["180deg", "90deg"]
    assert [goal["can_be_held"] for goal in figures["goals"]] == [True, False]
    assert figures["goal"] == ["180deg", "90deg"]
    first = figures["episodes"][0]
    assert first["steps_to_reach"] == 0  # it hangs there already
    assert first["final_error"] > 0.5  # and was hit
    assert not first["succeeded"]  # a second is too short to count as held
    assert figures["regret"] is None  # of other goals the return says nothing
    assert "succeeded 0.0%" in capsys.readouterr().out
    assert report.count("<img") >= 5
    assert not re.findall(r"(?:src|href)='?https?:", report)
    assert "--goals 180deg --starts 1 --seed 0" in report
    assert "--kick 8 --fault loss=0.2 --body.frame_delay 1" in report


def test_what_cannot_be_asked_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]):
    cases = {
        "kick": ["--kick", "hard"],
        "fault": ["--fault", "fog=1"],
        "goal": ["--goals", "moon"],
        "frame_delay": ["--body.frame_delay", "-1"],
    }
    for name, words in cases.items():
        assert main(["evaluate", "pendulum", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert name in line


def test_a_replay_is_the_same_command_for_one_episode():
    episode = Episode(
        goal="-15deg", goal_can_be_held=True, seed=7,
        score=score_errors(np.zeros(3), 0.05, 0.1), reward_sum=0.0, poses=2,
        **dict.fromkeys(
            ("states", "controls", "distances", "errors", "surprises", "filter_ms", "plan_ms",
             "frames", "frame_ticks"), np.zeros(0),
        ),
    )  # fmt: skip
    words = ["evaluate", "pendulum", "--goals=all", "--starts", "4", "--kick", "8", "--seed=3"]
    assert _replay(words, episode) == (
        "jopa-agent evaluate pendulum --kick 8 --goals -15deg --starts 1 --seed 7"
    )
