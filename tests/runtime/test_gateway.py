"""Remote sensors and viewers at the port of a run: real sockets, real processes."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jopa_agent.agent.replay.verify import verify
from jopa_agent.agent.runs.recorded import RecordedRun
from jopa_agent.agent.runtime.port import Port
from jopa_agent.agent.viewer.remote import RemoteRun
from jopa_agent.configs.sections import Gateway
from jopa_agent.configs.settings import settings_from
from jopa_agent.transport import PeerError, Sensor
from jopa_agent.transport.clock import NS_PER_MS, now_ns
from jopa_agent.transport.messages import Belief, Fused, Goal, Join, Kind, Reading, Role
from jopa_agent.transport.peer import Peer

from .conftest import Place

STILL = 1e6 * np.eye(2)


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def status(place: Place) -> dict:
    try:
        return json.loads((place.out / "status.json").read_text())
    except (OSError, ValueError):
        return {}


def peers(place: Place) -> dict[str, dict]:
    return {peer["name"]: peer for peer in status(place).get("peers", [])}


def test_sensors_and_viewers_come_and_go_while_the_run_goes_on(
    place: Place, wait_until: Callable
) -> None:
    address = free_address()
    sensor = {"size": 2, "rate_hz": 100.0, "required": True}
    # It says nothing of the pose, in effect: what it tells is taken in all the same.
    sensor |= {"matrix": [[1.0, 0.0], [0.0, 1.0]], "covariance": STILL.tolist()}
    settings = place.settings(clock="realtime", duration_s=60.0)
    settings = settings_from(
        settings.model_dump(),
        {"gateway": {"listen": address}, "sensors": {"pose": sensor}, "runtime": {"spare": False}},
    )
    supervised = place.spawn(settings)
    with Sensor(address, "pose", size=2, rate_hz=100.0, timeout_s=60.0) as pose:
        join = Join(Role.VIEWER, "desk", Kind.NOTHING, np.ones(1, np.int64), 20.0, "")
        wait_until(lambda: status(place).get("tick", -1) > 5)
        viewer = RemoteRun(Peer(address, join))
        state = viewer.state()
        assert state.goal.name == "upright"
        with socket.create_connection(address.removeprefix("tcp://").split(":")) as stranger:
            stranger.sendall(os.urandom(5000))
        until, epoch = now_ns() + 60_000 * NS_PER_MS, 0
        while (epoch < 2 or pose.sent < 40) and now_ns() < until:
            pose.send((0.0, 0.0))
            for header, message, _ in viewer.messages(now_ns() + 10 * NS_PER_MS):
                state.take(header, message)
                if isinstance(message, Belief):
                    epoch = header.epoch
            if state.image is not None:
                viewer.publish("goal", Goal(state.image, "here"), epoch=2)
        assert epoch == 2
        here = wait_until(lambda: peers(place)["pose"]["accepted"] >= 40 and peers(place))
        assert here["pose"]["presence"] in ("live", "silent")
        assert here["desk"]["role"] == "viewer"
        assert here["desk"]["accepted"] > 0
    wait_until(lambda: peers(place)["pose"]["presence"] == "gone")
    before = status(place)["tick"]
    wait_until(lambda: status(place)["tick"] > before + 10)
    supervised.terminate()
    assert supervised.wait(30) == 0, place.terminal()
    assert not place.remains()
    recorded = [each.message for each in RecordedRun(place.out)]
    assert sum(isinstance(message, Reading) for message in recorded) > 10
    assert any(isinstance(message, Fused) and message.last_reading > 5 for message in recorded)
    found = verify(RecordedRun(place.out))
    assert found.compared > 20
    assert found.first is None


@pytest.mark.parametrize(
    ("listen", "reason"),
    [
        ("tcp://0.0.0.0:5600", "asks for keys: no keys in .* jopa-agent keys new --keys"),
        ("tcp://*:5600", "asks for keys"),
        ("tcp://127.0.0.1:99999", "not tcp://HOST:PORT"),
        ("127.0.0.1:5600", "not tcp://HOST:PORT"),
    ],
)
def test_a_port_that_is_not_to_be_opened_is_refused(tmp_path: Path, listen: str, reason: str):
    with pytest.raises(ValueError, match=reason):
        Port(Gateway(listen=listen, keys=str(tmp_path)), 5000)


def test_a_port_in_use_is_refused_with_the_remedy():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ValueError, match="choose another port"):
            Port(Gateway(listen=listen), 5000)


def test_an_agent_that_is_not_there_is_said_so_and_another_host_needs_keys():
    with pytest.raises(PeerError, match=r"no answer from .* is the agent running"):
        Sensor(free_address(), "gyro", timeout_s=0.2)
    with pytest.raises(ValueError, match="on another host, where keys are asked for"):
        Sensor("tcp://192.0.2.1:5600", "gyro", timeout_s=0.2)


def test_a_sensor_starts_without_jax_and_quickly_enough_to_be_tried_often():
    code = (
        "import sys, jopa_agent.transport\n"
        "sys.exit(any(name in sys.modules for name in ('jax', 'gymnasium', 'pygame', 'mcap')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import jopa_agent.transport"], check=True)
    print(f"import: {time.perf_counter() - began:.2f} s")
