"""What a run writes of itself, and how it is shown."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jopa_agent.agent.runtime.errors import RunError
from jopa_agent.agent.runtime.slowness import Slowness
from jopa_agent.agent.runtime.top import newest_run, picture, watch
from rich.console import Console


def top(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "jopa_agent.agent", "top", *arguments]
    environment = os.environ | {"COLUMNS": "120"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_a_run_is_shown_while_it_goes_on_and_after(place: Any, wait_until: Any) -> None:
    supervisor = place.spawn(place.settings(clock="realtime", duration_s=0.0))
    wait_until((place.out / "status.json").exists)
    shown = top(str(place.out), "--once")
    assert shown.returncode == 0, shown.stderr
    for word in (
        "inference",
        "running",
        "wire",
        "settle",
        "total",
        "p99",
        "goal upright",
        "missed",
    ):
        assert word in shown.stdout
    supervisor.send_signal(signal.SIGTERM)
    supervisor.wait(timeout=60)
    ended = top(str(place.out))
    assert ended.returncode == 0, ended.stderr
    assert "ended" in ended.stdout
    status = json.loads((place.out / "status.json").read_text())
    assert status["tick"] >= 1
    assert not list(place.out.glob("*.unfinished"))


def test_eighty_columns_hold_the_largest_numbers(tmp_path: Path) -> None:
    process = {"pid": 4194304, "state": "starting", "restarts": 12, "standby_pid": 4194303}
    (tmp_path / "processes.json").write_text(json.dumps({"inference": process}))
    stages = ("wire", "filter", "plan", "settle", "hold", "total")
    spread = {"p50": 1234.56, "p99": 12345.67, "max": 12345.67}
    peer = {
        "name": "N" * 40, "role": "observer", "presence": "cut_off", "rate_hz": 999.9,
        "offset_ms": -123456789.1, "delay_ms": 999.9, "accepted": 9999999, "refused": 9999999,
        "note": "4 cut off",
    }  # fmt: skip
    status = {
        "tick": 1, "last": 200, "rate_hz": 20.0, "goal": "upright", "distance": 1.0,
        "surprise": None, "free_energy": 1.0, "stages_ms": dict.fromkeys(stages, spread),
        "misses": {"late plan": 3, "no plan": 0}, "missed": 3, "peers": [peer], "slow": None,
    }  # fmt: skip
    (tmp_path / "status.json").write_text(json.dumps(status))
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(picture(tmp_path))
    lines = console.export_text().splitlines()
    row = next(line.split() for line in lines if line.startswith("NNN"))
    numbers = ["999.9", "999.9", "-123456789", "9999999", "9999999"]
    assert row == ["N" * 11 + "…", "observer", "cut_off", *numbers]
    assert [*("ms", *stages)] in [line.split() for line in lines]
    assert ["p99", *["12345.67"] * 6] in [line.split() for line in lines]
    assert f"{'N' * 40} was refused: 4 cut off" in lines
    assert "missed: 3 late plan" in lines


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run in"):
        newest_run(tmp_path)
    with pytest.raises(RunError, match="cannot be read"):
        watch(tmp_path, once=True)
    shown = top(str(tmp_path / "nowhere"), "--once")
    assert shown.returncode == 2
    assert shown.stderr.count("\n") == 1


class Missing:
    """A timeline whose last ticks missed, for one cause."""

    def __init__(self, count: int, **misses: int) -> None:
        self.count, self._misses = count, misses

    def misses(self, last: int) -> dict[str, int]:
        assert last < self.count
        return {name.replace("_", " "): count for name, count in self._misses.items()}


def test_whoever_is_slow_is_named_until_it_is_not() -> None:
    slowness: Any = Slowness()
    slowness.look(Missing(20, late_plan=20))
    assert slowness.process is None  # too early to tell
    slowness.look(Missing(100, late_plan=9, late_step=1))
    assert slowness.process == "inference"
    assert "late plan" in slowness.what
    slowness.look(Missing(100, late_plan=4))
    assert slowness.process == "inference"
    slowness.look(Missing(100, late_plan=1))
    assert slowness.process is None
