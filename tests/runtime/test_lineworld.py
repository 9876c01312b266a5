"""The processes with a discrete agent in them: recorded, and inferred again from the recording."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from jopa_agent.agent.cli import main
from jopa_agent.transport.beliefs import is_categorical
from jopa_agent.transport.messages import Belief
from PIL import Image


def test_a_run_is_scored_recorded_and_repeated_to_the_bit(
    tmp_path: Path, capsys: Any, monkeypatch: Any
):
    monkeypatch.chdir(tmp_path)
    words = ["--headless", "--clock", "lockstep", "--duration", "10", "--seed", "3"]
    assert main(["run", "lineworld", *words, "--out", "here"]) == 0
    told = capsys.readouterr().out
    assert "states" in told
    figures = json.loads((tmp_path / "here" / "run.json").read_text())
    assert (figures["ticks"], figures["goal"], figures["missed_deadlines"]) == (40, "state 4", 0)
    assert figures["reached"]
    assert figures["steps_to_reach"] >= 1
    with Image.open(tmp_path / "here" / "run.png") as picture:
        assert picture.width > 1000
    assert main(["replay", "here", "--verify"]) == 0
    assert "equal     to the bit" in capsys.readouterr().out
    from jopa_agent.agent.runs.recorded import RecordedRun

    beliefs = [m.message for m in RecordedRun(Path("here")) if isinstance(m.message, Belief)]
    assert len(beliefs) == 41
    assert all(is_categorical(each.mean, each.std) for each in beliefs)
    assert np.mean([each.mean.argmax() == 4 for each in beliefs]) > 0.4
