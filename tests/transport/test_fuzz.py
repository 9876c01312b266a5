"""Hostile bytes, in the short form of what ``tools/fuzz.py`` does at length."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


def test_nothing_but_a_refusal_comes_of_hostile_bytes() -> None:
    command = [sys.executable, str(TOOLS / "fuzz.py"), "--messages", "20000"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "20000 messages" in found.stdout


@pytest.mark.parametrize("target", ["wire", "reception", "recording"])
def test_what_a_guided_search_begins_from_is_refused_or_read(target: str) -> None:
    command = [sys.executable, str(TOOLS / "fuzz_coverage.py"), target, "--seeds"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "nothing but refusals" in found.stdout
