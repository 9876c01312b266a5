"""Processes that die or hang on the way: they are replaced, and the run goes on."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from typing import Any

import psutil
from jopa_agent.configs.settings import Settings

WaitUntil = Callable[..., Any]
LOOP = ("inference", "actuation", "sensing")


def endless(place: Any, clock: str, **runtime: Any) -> Settings:
    settings = place.settings(clock=clock, duration_s=0.0)
    return settings.model_copy(update={"runtime": settings.runtime.model_copy(update=runtime)})


def at_work(place: Any, name: str) -> dict[str, Any] | None:
    """What ``processes.json`` says of a process that works."""
    file = place.out / "processes.json"
    found = json.loads(file.read_text()).get(name) if file.exists() else None
    return found if found and found["state"] == "running" else None


def harm(place: Any, wait_until: WaitUntil, name: str, number: signal.Signals) -> dict[str, Any]:
    """Send a process a signal, and wait until another does its work; what is said of that one."""
    before = wait_until(lambda: at_work(place, name))
    os.kill(before["pid"], number)
    after = wait_until(
        lambda: (now := at_work(place, name)) and now["pid"] != before["pid"] and now
    )
    assert after["restarts"] == before["restarts"] + 1
    assert not psutil.pid_exists(before["pid"])
    return after


def ended(place: Any, supervisor: Any, status: int = 0) -> dict[str, Any]:
    """Ask the run to end; its figures."""
    supervisor.terminate()
    assert supervisor.wait(timeout=60) == status
    assert not place.remains()
    return json.loads((place.out / "run.json").read_text())


def test_whoever_is_killed_or_hangs_is_replaced(place: Any, wait_until: WaitUntil) -> None:
    # patient, so that nobody is taken for hanging who waits for a core
    settings = endless(place, "realtime", restarts=10, stall_timeout_s=3.0)
    supervisor = place.spawn(settings)
    spare = wait_until(lambda: (now := at_work(place, "inference")) and now["standby_pid"])
    for number in (signal.SIGKILL, signal.SIGSTOP):
        for name in LOOP:
            after = harm(place, wait_until, name, number)
            if (name, number) == ("inference", signal.SIGKILL):
                assert after["pid"] == spare
    summary = ended(place, supervisor)
    assert [fault["process"] for fault in summary["faults"]] == [*LOOP, *LOOP]
    causes = [fault["what"] for fault in summary["faults"]]
    assert all("SIGKILL" in cause for cause in causes[:3])
    assert all("hangs" in cause for cause in causes[3:])
    assert all(fault["back_after_s"] is not None for fault in summary["faults"])
    assert summary["restarts"] == 6
    roll = json.loads((place.out / "processes.json").read_text())
    assert {each["state"] for each in roll.values()} == {"ended"}


def test_lockstep_loses_no_tick_to_a_killed_process(place: Any, wait_until: WaitUntil) -> None:
    supervisor = place.spawn(endless(place, "lockstep"))
    for name in LOOP:
        harm(place, wait_until, name, signal.SIGKILL)
    summary = ended(place, supervisor)
    assert summary["missed_deadlines"] <= 2  # of commands that died with sensing
    assert summary["dropped_frames"] == 0


def test_it_gives_up_where_replacing_does_not_help(place: Any, wait_until: WaitUntil) -> None:
    supervisor = place.spawn(endless(place, "realtime", restarts=1))
    harm(place, wait_until, "actuation", signal.SIGKILL)
    os.kill(wait_until(lambda: at_work(place, "actuation"))["pid"], signal.SIGKILL)
    assert supervisor.wait(timeout=60) == 1
    assert "it was replaced 1 times within a minute: giving up" in place.terminal()
    assert not place.remains()


def test_the_run_goes_on_without_a_recorder(place: Any, wait_until: WaitUntil) -> None:
    supervisor = place.spawn(endless(place, "realtime", restarts=1))
    harm(place, wait_until, "recorder", signal.SIGKILL)
    os.kill(wait_until(lambda: at_work(place, "recorder"))["pid"], signal.SIGKILL)
    wait_until(lambda: "giving up" in place.terminal())
    harm(place, wait_until, "actuation", signal.SIGKILL)
    faults = ended(place, supervisor)["faults"]
    assert [fault["back_after_s"] is None for fault in faults] == [False, True, False]


def test_the_run_goes_on_without_its_folder(place: Any, wait_until: WaitUntil) -> None:
    supervisor = place.spawn(endless(place, "realtime"))
    wait_until(lambda: at_work(place, "inference"))
    wait_until(lambda: shutil.rmtree(place.out, ignore_errors=True) or not place.out.exists())
    os.kill(place.child("actuation").pid, signal.SIGKILL)
    wait_until(lambda: "actuation is back" in place.terminal())
    supervisor.terminate()
    assert supervisor.wait(timeout=60) == 1
    assert "run.json cannot be written" in place.terminal()
    assert not place.remains()


def test_a_process_that_is_stopped_does_not_outlive_a_killed_supervisor(
    place: Any, wait_until: WaitUntil
) -> None:
    supervisor = place.spawn(endless(place, "realtime", stall_timeout_s=60.0))
    stopped = wait_until(lambda: at_work(place, "inference"))["pid"]
    os.kill(stopped, signal.SIGSTOP)
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: not place.remains(), timeout_s=30)
