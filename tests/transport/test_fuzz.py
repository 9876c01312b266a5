"""Hostile bytes, in the short form of what ``tools/fuzz.py`` does at length."""

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "fuzz.py"


def test_nothing_but_a_refusal_comes_of_hostile_bytes() -> None:
    command = [sys.executable, str(TOOL), "--messages", "20000"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "20000 messages" in found.stdout
