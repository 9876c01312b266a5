"""An agent and its sensor on two hosts: network namespaces, with keys, delay, loss, and a cut.

Packets that are lost are sent again by TCP, so that a stream shows them as gaps: a relay on the
sensor's host delays all bytes, now and then by much.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from jopa_agent.configs.settings import settings_from
from jopa_agent.transport import keys
from jopa_agent.transport.messages import Role

from .conftest import Place

HERE, THERE = "10.213.77.1", "10.213.77.2"

_RELAY = """
import asyncio, random

async def carry(reader, writer):
    while data := await reader.read(65536):
        await asyncio.sleep(0.02 + 0.2 * (random.random() < 0.02))
        writer.write(data)

async def meet(reader, writer):
    there = await asyncio.open_connection("{here}", 5600)
    await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))

async def main():
    async with await asyncio.start_server(meet, "127.0.0.1", 5601) as server:
        await server.serve_forever()

asyncio.run(main())
"""
_SENSE = """
import sys, time
from jopa_agent.transport import Sensor

with Sensor("tcp://127.0.0.1:5601", "clock", size=1, rate_hz=50, timeout_s=60,
            server_key=sys.argv[1], keys=sys.argv[2]) as sensor:
    for number in range(10**6):
        sensor.send(number)
        time.sleep(0.02)
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def hosts() -> Iterator[SimpleNamespace]:
    """Two network namespaces with a cable between them; what runs ``inside`` is on one of them."""
    mark = f"jopa{os.getpid() % 10000}"
    a, b = f"{mark}a", f"{mark}b"
    try:
        for name in (a, b):
            ip("netns", "add", name)
        ip("link", "add", a, "netns", a, "type", "veth", "peer", "name", b, "netns", b)
        for name, address in ((a, HERE), (b, THERE)):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", name)
            ip("-n", name, "link", "set", name, "up")
            ip("-n", name, "link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError) as error:
        _remove(a, b)
        pytest.skip(f"network namespaces cannot be made here ({error})")

    def inside(name: str, command: list[str]) -> list[str]:
        return ["ip", "netns", "exec", name, *command]

    def cable(state: str) -> None:
        ip("-n", b, "link", "set", b, state)

    yield SimpleNamespace(a=a, b=b, inside=inside, cable=cable)
    _remove(a, b)


def _remove(*names: str) -> None:
    for name in names:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _peer(place: Place) -> dict:
    try:
        status = json.loads((place.out / "status.json").read_text())
    except (OSError, ValueError):
        return {}
    return next((peer for peer in status["peers"] if peer["name"] == "clock"), {})


def test_a_sensor_on_another_host_survives_delay_loss_and_a_cut(
    place: Place, hosts: SimpleNamespace, wait_until: Callable
) -> None:
    agent, robot = place.out.parent / "agent", place.out.parent / "robot"
    server, client = keys.new(agent), keys.new(robot)
    keys.allow(agent, "robot", Role.SENSOR, client.public)
    wide = (1e6 * np.eye(1)).tolist()
    settings = settings_from(
        place.settings(clock="realtime", duration_s=120.0).model_dump(),
        {
            "gateway": {"listen": f"tcp://{HERE}:5600", "keys": str(agent)},
            "sensors": {"clock": {"rate_hz": 50.0, "matrix": [[1.0]], "covariance": wide}},
            "runtime": {"spare": False},
        },
    )
    place.prefix = hosts.inside(hosts.a, [])
    supervised = place.spawn(settings)
    python = hosts.inside(hosts.b, [sys.executable, "-c"])
    relay = subprocess.Popen([*python, _RELAY.format(here=HERE)], stderr=subprocess.DEVNULL)
    sensor = subprocess.Popen([*python, _SENSE, server.public, str(robot)])
    try:
        there = wait_until(lambda: _peer(place).get("accepted", 0) > 20 and _peer(place))
        assert 39 < there["delay_ms"] < 200
        assert abs(there["offset_ms"]) < there["delay_ms"]
        hosts.cable("down")
        wait_until(lambda: _peer(place)["presence"] == "gone")
        hosts.cable("up")
        wait_until(lambda: _peer(place)["presence"] == "live" and _peer(place)["accepted"] > 20)
        keys.revoke(agent, "robot")
        wait_until(lambda: _peer(place)["presence"] == "gone")
        assert supervised.poll() is None, place.terminal()
    finally:
        for process in (sensor, relay):
            process.kill()
            process.wait()
        supervised.terminate()
        assert supervised.wait(30) == 0, place.terminal()
    summary = json.loads((place.out / "run.json").read_text())
    assert not summary["faults"]
    assert not place.remains()
