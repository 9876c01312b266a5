"""Real runs with a window, and a person in front of it."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jopa_agent.agent.replay.verify import verify
from jopa_agent.agent.runs.recorded import RecordedRun
from jopa_agent.agent.runtime import member
from jopa_agent.transport.messages import (
    Belief,
    Command,
    Do,
    Frame,
    Goal,
    Order,
    Origin,
    Pace,
    Push,
)

Watched = Callable[..., list[Any]]


@pytest.fixture
def watched(place: Any, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Runs with a person who follows a script; returns all that was recorded."""
    python = place.temporary.parent / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parent}/person.py "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")

    def run(acts: list[list[Any]], **settings: Any) -> list[Any]:
        monkeypatch.setenv("JOPA_PERSON", json.dumps(acts))
        with monkeypatch.context() as context:
            context.setattr(member, "sys", SimpleNamespace(executable=str(python)))
            place.run(place.settings(headless=False, **settings))
        return list(RecordedRun(place.out))

    return run


def of(kind: type, recorded: list[Any]) -> list[Any]:
    return [each for each in recorded if isinstance(each.message, kind)]


def test_a_goal_a_push_and_a_pause(
    watched: Watched, place: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = Path(os.environ.get("JOPA_PHOTO", place.temporary.parent / "photo.png"))
    recorded = watched(
        [
            ["goal", "165deg"],
            ["tick", 100],
            ["drag", [0.0, 0.8], [1.0, 0.8], 8],
            ["tick", 250],
            ["photo", str(photo)],
            ["key", "space"],
            ["refreshes", 20],
            ["key", "right"],
            ["refreshes", 20],
            ["key", "space"],
            ["refreshes", 10],
            ["key", "q"],
        ],
        goal="hanging",
        duration_s=0.0,
    )
    told = capsys.readouterr().err  # the window comes first: somebody waits for it
    assert told.index("viewer: starting") < told.index("sensing: starting")
    goals = of(Goal, recorded)
    assert {each.header.epoch for each in goals} == {2}
    assert goals[0].message.name == "165deg"
    # it goes there and holds, is pushed away, and comes back
    distance = {each.header.tick: each.message.distance for each in of(Belief, recorded)}
    pushed = min(each.header.tick for each in of(Push, recorded))
    assert max(distance[tick] for tick in range(90, 100)) < 0.1
    assert max(distance[tick] for tick in range(pushed, pushed + 80)) > 0.3
    assert max(distance[tick] for tick in range(240, 250)) < 0.1
    # no tick goes by in the pause but the one that was asked for
    paces = of(Pace, recorded)
    assert [each.message.paused for each in paces] == [True, False, True, False]
    frames = {each.header.tick: each for each in of(Frame, recorded)}
    alone = paces[0].header.tick
    assert frames[alone].arrived_ns - frames[alone - 1].arrived_ns > 300_000_000
    assert frames[alone + 1].arrived_ns - frames[alone].arrived_ns > 300_000_000
    assert sorted(frames) == list(range(max(frames) + 1))


def test_orders_leave_a_recording_that_can_be_repeated_and_a_run_outlives_its_window(
    watched: Watched, place: Any
) -> None:
    """In a pause first, lest a tick that an order names is over before it is heard of."""
    recorded = watched(
        [
            ["tick", 10],
            ["key", "space"],
            ["refreshes", 5],
            ["key", "l"],
            ["key", "p"],
            ["refreshes", 5],
            ["key", "space"],
            ["tick", 40],
            ["key", "p"],
            ["key", "g"],
            ["type", "170deg"],
            ["key", "return"],
            ["tick", 80],
            ["key", "backspace"],
            ["tick", 100],
            ["close"],
        ],
        goal="hanging",
        duration_s=8.0,
        on_close="go on",
    )
    orders = of(Order, recorded)
    assert [each.message.what for each in orders] == [
        Do.PAUSE, Do.LEARN, Do.PLANNER, Do.RESUME, Do.PLANNER, Do.GOAL, Do.RESET,
    ]  # fmt: skip
    # while nobody wanted a plan the safe control was out, and no deadline was missed by that,
    off, on = (each.header.stamp_ns for each in orders[3:5])
    idle = [each for each in of(Command, recorded) if off < each.header.stamp_ns < on]
    assert len(idle) > 10
    assert {each.message.origin for each in idle[2:-2]} == {Origin.SAFE}
    summary = json.loads((place.out / "run.json").read_text())
    # but for those ticks at which the one process had heard of the order, and the other had not;
    # a busy machine misses some elsewhere
    assert summary["missed_deadlines"] < 0.8 * len(idle), summary["misses"]
    assert of(Goal, recorded)[-1].message.name == "170deg"
    frames = of(Frame, recorded)
    assert sorted({each.message.episode for each in frames}) == [0, 1]
    # the run goes on without its window
    assert max(each.header.tick for each in frames) == 160
    assert "viewer" not in json.loads((place.out / "processes.json").read_text())
    found = verify(RecordedRun(place.out))
    assert (found.first, found.skipped, found.compared) == (None, 0, len(frames))
