"""The table of processes, and what each of them imports."""

import subprocess
import sys
from importlib.util import resolve_name

import pytest
from jopa_agent.agent import runtime
from jopa_agent.agent.runtime.table import (
    INFERENCE,
    PRIVATE,
    PROCESSES,
    TOLD,
    open_streams,
    places,
    wanted,
)
from jopa_agent.configs.settings import settings_from
from jopa_agent.transport.messages import STREAMS


def test_each_stream_has_one_writer_but_goals_which_may_come_from_everywhere() -> None:
    written = [stream for process in PROCESSES for stream in process.writes]
    assert sorted([*written, *TOLD]) == sorted([*STREAMS, "goal", "goal"])
    assert places("goal", settings_from()) == ("goal", "goal.viewer")
    outside = settings_from({"gateway": {"listen": "tcp://127.0.0.1:5600"}})
    assert places("goal", outside) == ("goal", "goal.viewer", "goal.gateway")
    assert places("goal", outside, but="gateway") == ("goal", "goal.viewer")


def test_no_process_reads_the_truth() -> None:
    for process in PROCESSES:
        assert not set(process.reads).intersection(PRIVATE)
    assert "truth" in PRIVATE
    assert "truth" not in open_streams(settings_from())


@pytest.mark.parametrize("headless", [False, True])
def test_the_viewer_and_its_stream_are_there_with_a_window(headless: bool) -> None:
    settings = settings_from({"run": {"headless": headless}})
    names = {process.name for process in wanted(settings)}
    assert names == {"sensing", "inference", "actuation", "recorder"} | (
        set() if headless else {"viewer"}
    )
    assert ("order" in open_streams(settings)) is not headless


@pytest.mark.parametrize(
    "module",
    [
        *(process.module for process in PROCESSES if process is not INFERENCE),
        ".supervisor",
        ".__main__",
    ],
)
def test_only_inference_imports_jax(module: str) -> None:
    name = resolve_name(module, runtime.__name__)
    code = f"import sys, {name}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
