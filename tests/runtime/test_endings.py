"""However a run ends, it says why, and nothing of it is left."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from jopa_agent.agent.runtime.errors import RunError

WaitUntil = Callable[..., Any]


def endless(place: Any) -> Any:
    return place.settings(clock="realtime", duration_s=0.0)


def recorded_bytes(place: Any) -> int:
    """How much of the run is in its folder so far."""
    return sum(each.stat().st_size for each in place.out.glob("recording-*.mcap"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_with_its_record(
    place: Any, wait_until: WaitUntil, number: signal.Signals
) -> None:
    supervisor = place.spawn(endless(place))
    wait_until(lambda: recorded_bytes(place) > 0)
    recorded = recorded_bytes(place)
    wait_until(lambda: recorded_bytes(place) > recorded)  # there have been frames
    supervisor.send_signal(number)
    assert supervisor.wait(timeout=60) == 0
    assert (place.out / "run.json").exists()
    assert not place.remains()


def test_only_sensing_is_told_where_the_truth_is(place: Any, wait_until: WaitUntil) -> None:
    supervisor = place.spawn(endless(place))
    wait_until(lambda: "sensing: running" in place.terminal())
    (truth,) = place.temporary.glob("*/truth")
    for name in ("sensing", "inference", "actuation"):
        told = str(truth.parent) in place.child(name).info["cmdline"]
        assert told == (name == "sensing")
    supervisor.terminate()
    supervisor.wait(timeout=60)


def test_nothing_outlives_a_killed_supervisor(place: Any, wait_until: WaitUntil) -> None:
    supervisor = place.spawn(endless(place))
    wait_until(lambda: "sensing: running" in place.terminal())
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: not place.remains(), timeout_s=30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_run_that_ends_while_it_starts(
    place: Any, wait_until: WaitUntil, number: signal.Signals
) -> None:
    supervisor = place.spawn(endless(place))
    wait_until(lambda: "inference: " in place.terminal())
    supervisor.send_signal(number)
    status = supervisor.wait(timeout=60)
    wait_until(lambda: not place.remains(), timeout_s=30)
    if number is signal.SIGINT:
        assert status == 130
        assert "stopped before the first frame" in place.terminal()


def test_a_process_that_cannot_start_ends_the_run_with_its_reason(place: Any) -> None:
    place.model = place.out / "no-model"
    with pytest.raises(RunError, match=r"^inference: .*no-model") as ended:
        place.run(place.settings())
    assert ended.value.exit_code == 2
    assert "\n" not in str(ended.value)
    assert not place.remains()


def test_a_process_that_is_killed_before_the_start_ends_the_run_with_its_reason(
    place: Any, wait_until: WaitUntil
) -> None:
    supervisor = place.spawn(endless(place))
    wait_until(lambda: "inference: " in place.terminal())
    os.kill(place.child("inference").pid, signal.SIGKILL)
    assert supervisor.wait(timeout=60) == 2
    assert "inference was killed by SIGKILL" in place.terminal()
    assert not place.remains()
