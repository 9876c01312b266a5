"""Besieges the port of a real run, and measures what that does to it.

``python tools/siege.py --seconds 60`` runs the agent with a port and an honest sensor, and lets
attackers at it, one kind after another: damaged messages of peers that have joined and of
strangers, bytes that are not ZeroMQ's, a flood of valid readings, viewers that never read, storms
of connections, messages that never end. For each it prints how much was sent, how many deadlines
were missed meanwhile, beside a time of peace before, how far the gateway's memory grew, and whether
the honest sensor was heard all the time. It ends with 1 where the gateway was lost, grew by more
than 50 MiB, or lost the sensor.
"""

import argparse
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
import zmq
from fuzz import damaged, true_messages
from jopa_agent.transport import PeerError, Sensor
from jopa_agent.transport.clock import now_ns
from jopa_agent.transport.codec import encode
from jopa_agent.transport.messages import Header, Join, Kind, Reading, Role
from jopa_agent.transport.peer import Peer

GROWTH_MIB = 50.0
NICE = 19  # the attackers': they share the host with control, which real ones do not


def garbage(address: str, seconds: float, seed: int) -> int:
    """Damaged messages, by strangers and by peers that have joined, over a few connections."""
    rng, samples, sent = random.Random(seed), true_messages(), 0
    context, end = zmq.Context(), time.monotonic() + seconds
    while time.monotonic() < end:
        line = _line(context, address)
        if rng.random() < 0.5:
            join = Join(Role.OBSERVER, "spy", Kind.NOTHING, np.ones(1, np.int64), 1.0, "")
            line.send(encode(Header(0, 0, now_ns()), join))
        for _ in range(2000):
            sent += _put(line, damaged(rng, samples))
        line.close(linger=0)
    return sent


def noise(address: str, seconds: float, seed: int) -> int:
    """Bytes that are not even ZeroMQ's."""
    rng, sent, end = random.Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with socket.create_connection(_place(address), timeout=1) as line:
                line.sendall(rng.randbytes(rng.choice([1, 10, 64, 1000, 100_000])))
                sent += 1
        except OSError:
            pass
    return sent


def flood(address: str, seconds: float, seed: int) -> int:
    """Valid readings, as many as go, under the name of a sensor that is declared."""
    del seed
    sent, number, end = 0, 0, time.monotonic() + seconds
    join = Join(Role.SENSOR, "flood", Kind.VECTOR, np.ones(1, np.int64), 100.0, "")
    peer = Peer(address, join)
    try:
        peer.join(10)
    except PeerError:
        return 0
    value = np.zeros(1, np.float32)
    while time.monotonic() < end:
        for _ in range(100):
            sent += peer.send(Reading("flood", value))
            number += 1
    peer.close()
    return sent


def deaf(address: str, seconds: float, seed: int) -> int:
    """Observers that join, and never read."""
    del seed
    context, lines = zmq.Context(), []
    for number in range(20):
        line = _line(context, address)
        join = Join(Role.OBSERVER, f"deaf{number}", Kind.NOTHING, np.ones(1, np.int64), 1.0, "")
        line.send(encode(Header(0, 0, now_ns()), join))
        lines.append(line)
    time.sleep(seconds)
    context.destroy(linger=0)
    return len(lines)


def storm(address: str, seconds: float, seed: int) -> int:
    """Connections, as many as go, some of them left half open."""
    rng, sent, open_lines = random.Random(seed), 0, []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            line = socket.create_connection(_place(address), timeout=1)
        except OSError:
            continue
        sent += 1
        if rng.random() < 0.1 and len(open_lines) < 200:
            open_lines.append(line)
        else:
            line.close()
    return sent


def endless(address: str, seconds: float, seed: int) -> int:
    """Messages whose last part never comes, in ZeroMQ's own protocol (ZMTP 3.1, RFC 37)."""
    del seed
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    part = b"\x03" + struct.pack(">Q", 4000) + bytes(4000)
    sent, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(_place(address), timeout=1) as line:
            line.sendall(greeting + bytes([4, len(ready)]) + ready)
            answer = b""
            while b"READY" not in answer:
                answer += line.recv(1000)
            while time.monotonic() < end:
                line.sendall(100 * part)
                sent += 100
    return sent


ATTACKS = (garbage, noise, flood, deaf, storm, endless)


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition(chr(10))[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each attack [60]")
    parser.add_argument("--only", choices=[each.__name__ for each in ATTACKS], help="one of them")
    arguments = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory(prefix="jopa-siege-") as name:
        out = Path(name) / "run"
        command = [sys.executable, "-m", "jopa_agent.agent", "run", "pendulum", "--headless"]
        command += ["--out", str(out), "--listen", address, "--sensor", "honest,rate_hz=20"]
        command += ["--sensor", "flood,rate_hz=100"]
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with Sensor(address, "honest", rate_hz=20, timeout_s=60) as honest:
                attacks = [a for a in ATTACKS if arguments.only in (None, a.__name__)]
                return _besiege(out, honest, address, arguments.seconds, attacks)
        finally:
            run.terminate()
            run.wait()


def _besiege(out: Path, honest: Sensor, address: str, seconds: float, attacks: list) -> int:
    while _status(out).get("tick", -1) < 200:  # until it stands by, compiled
        _speak(honest, 1.0)
    rows = [_row("peace", out, honest, seconds, lambda: None)]
    for number, attack in enumerate(attacks):
        context = get_context("spawn")
        counts = context.Queue()
        attacker = context.Process(target=_attack, args=(attack, address, seconds, number, counts))
        rows.append(_row(attack.__name__, out, honest, seconds, attacker.start))
        rows[-1]["sent"] = counts.get(timeout=60)
        attacker.join()
    print(f"{'attack':8} {'sent':>9} {'missed':>9} {'heard':>7} {'MiB':>7}")
    for row in rows:
        print(
            f"{row['name']:8} {row['sent']:9} {row['missed']:4}/{row['ticks']:4} "
            f"{row['heard']:6.0%} {row['grown']:7.1f}"
        )
    lost = any(row["lost"] for row in rows)
    if lost:
        print("the gateway was lost")
    heard = min(row["heard"] for row in rows)
    return int(lost or heard < 0.9 or max(row["grown"] for row in rows) > GROWTH_MIB)


def _row(name: str, out: Path, honest: Sensor, seconds: float, begin) -> dict:
    """What happens within ``seconds`` from ``begin``."""
    gateway = _gateway(out)
    before, ticks = _missed(out)
    memory, heard = gateway.memory_info().rss, _heard(out)
    begin()
    spoken = _speak(honest, seconds)
    after, later = _missed(out)
    lost = not gateway.is_running()
    grown = 0.0 if lost else (gateway.memory_info().rss - memory) / 2**20
    return {
        "name": name,
        "sent": 0,
        "missed": after - before,
        "ticks": later - ticks,
        "heard": (_heard(out) - heard) / max(1, spoken),
        "grown": grown,
        "lost": lost,
    }


def _attack(attack, address: str, seconds: float, seed: int, counts) -> None:
    os.nice(NICE)
    counts.put(attack(address, seconds, seed))


def _speak(honest: Sensor, seconds: float) -> int:
    """Send readings at 20 Hz; how many."""
    number, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        honest.send(0.0)
        number += 1
        time.sleep(0.05)
    time.sleep(1.0)  # until the status has it
    return number


def _missed(out: Path) -> tuple[int, int]:
    """Deadlines that sensing has missed so far, and ticks."""
    status = _status(out)
    return status["missed"], status["tick"]


def _heard(out: Path) -> int:
    return sum(p["accepted"] for p in _status(out)["peers"] if p["name"] == "honest")


def _status(out: Path) -> dict:
    try:
        return json.loads((out / "status.json").read_text())
    except (OSError, ValueError):
        return {}


def _gateway(out: Path) -> psutil.Process:
    return psutil.Process(json.loads((out / "processes.json").read_text())["gateway"]["pid"])


def _line(context: zmq.Context, address: str) -> zmq.Socket:
    line = context.socket(zmq.DEALER)
    line.setsockopt(zmq.LINGER, 0)
    line.setsockopt(zmq.SNDTIMEO, 1000)
    line.connect(address)
    return line


def _put(line: zmq.Socket, data: bytes) -> bool:
    try:
        line.send(data)
    except zmq.Again:
        return False
    return True


def _place(address: str) -> tuple[str, int]:
    host, port = address.removeprefix("tcp://").split(":")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
