"""Throws hostile bytes at the decoder of the wire: nothing but a refusal may come of them.

``python tools/fuzz.py --messages 1000000`` damages true messages in every way it knows (bits,
lengths, splices, truncations, other types, nesting, extensions) and prints the rate, how many were
refused, and how far the memory grew. It ends with 1 where anything but a refusal or a message of
ours came out.
"""

import argparse
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable

import msgpack
import numpy as np
import psutil
from jopa_agent.transport.codec import WireError, decode, encode
from jopa_agent.transport.messages import (
    Belief,
    Command,
    Frame,
    Goal,
    Header,
    Health,
    Join,
    Kind,
    Message,
    Origin,
    Plan,
    Pong,
    Reading,
    Role,
    Sighting,
    Start,
    State,
    Stop,
    Truth,
)

HEAD = 52  # bytes of the header; the length of the body is its last field
GROWTH_MIB = 50.0


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition(chr(10))[0])
    parser.add_argument("--messages", type=int, default=1_000_000, help="how many [1000000]")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng, outcomes = random.Random(arguments.seed), Counter()
    samples, process = true_messages(), psutil.Process()
    before, began, worst_s = process.memory_info().rss, time.perf_counter(), 0.0
    for number in range(arguments.messages):
        data = damaged(rng, samples)
        at = time.perf_counter()
        try:
            header, message = decode(data)
        except WireError as error:
            outcomes[str(error).split(":")[0].split(" ")[0]] += 1
        except Exception as error:  # what must not be  # noqa: BLE001
            print(f"message {number}: {type(error).__name__}: {error}: {data.hex()}")
            return 1
        else:
            outcomes["well formed"] += 1
            encode(header, message)
        worst_s = max(worst_s, time.perf_counter() - at)
    seconds = time.perf_counter() - began
    growth = (process.memory_info().rss - before) / 2**20
    print(f"{arguments.messages} messages, {arguments.messages / seconds:.0f} a second; "
          f"the slowest took {1000 * worst_s:.1f} ms; memory grew by {growth:.1f} MiB")  # fmt: skip
    for outcome, count in outcomes.most_common(12):
        print(f"{count:9} {outcome}")
    return 0 if growth < GROWTH_MIB else 1


def damaged(rng: random.Random, samples: list[bytes]) -> bytes:
    """One of ``samples``, damaged in one of the ways below."""
    return bytes(rng.choice(_WAYS)(rng, bytearray(rng.choice(samples)), samples))


def true_messages() -> list[bytes]:
    """A true message of each kind."""
    rng = np.random.default_rng(0)
    row, rows = np.zeros(5, np.float32), np.zeros((40, 5), np.float32)
    image = rng.integers(0, 256, (32, 32, 1), dtype=np.uint8)
    messages: list[Message] = [
        Frame(image, row[:1], 1, 0),
        Plan(rows[:, :1], 1, 1.0, 1.0, 1.0),
        Belief(row, row, rows, rows, row[:2], 1.0, 1.0),
        Command(row[:1], Origin.PLAN, 1),
        Goal(image, "upright"),
        Truth(np.zeros(2), 0.0),
        Health(State.RUNNING, "", 0, 0, 0, 0, 0, 0, 0.0),
        Start(0, 1, True, 0),
        Stop(),
        Join(Role.SENSOR, "gyro", Kind.VECTOR, np.ones(1, np.int64), 100.0, "rad/s"),
        Pong(1, 1),
        Reading("gyro", row[:1]),
        Sighting("eye", image),
    ]
    return [encode(Header(1, 1, 1, 1, 1), message) for message in messages]


def _bits(rng: random.Random, data: bytearray, _: list[bytes]) -> bytearray:
    for _number in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _body_bits(rng: random.Random, data: bytearray, _: list[bytes]) -> bytearray:
    if len(data) > HEAD:
        for _number in range(rng.randint(1, 4)):
            data[rng.randrange(HEAD, min(len(data), HEAD + 64))] = rng.randrange(256)
    return data


def _cut(rng: random.Random, data: bytearray, _: list[bytes]) -> bytearray:
    return data[: rng.randrange(len(data))]


def _splice(rng: random.Random, data: bytearray, samples: list[bytes]) -> bytearray:
    other = rng.choice(samples)
    return _sized(data[:HEAD] + other[HEAD:])


def _length(rng: random.Random, data: bytearray, _: list[bytes]) -> bytearray:
    struct.pack_into(
        "<I", data, HEAD - 4, rng.choice([0, 1, 2**31, 2**32 - 1, rng.getrandbits(32)])
    )
    return data


def _other_values(rng: random.Random, data: bytearray, _: list[bytes]) -> bytearray:
    """The true names with other values: types, sizes, nesting, extensions."""
    fields = msgpack.unpackb(bytes(data[HEAD:]), ext_hook=msgpack.ExtType)
    if fields:
        name = rng.choice(list(fields))
        fields[name] = rng.choice(_VALUES)(rng)
    if rng.random() < 0.2:
        fields["more"] = 1
    return _sized(data[:HEAD] + bytearray(msgpack.packb(fields) or b""))


def _nested(rng: random.Random, data: bytearray, _: list[bytes]) -> bytearray:
    depth = rng.choice([2, 100, 1000, 5000])
    opening = rng.choice([b"\x91", b"\x81\xa1a", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff"])
    return _sized(data[:HEAD] + opening * depth)


def _announced(rng: random.Random, data: bytearray, _: list[bytes]) -> bytearray:
    """Strings, arrays, maps and extensions that announce more than there is."""
    kind = rng.choice([b"\xdb", b"\xc6", b"\xdd", b"\xdf", b"\xc9"])
    return _sized(data[:HEAD] + kind + struct.pack(">I", rng.getrandbits(32)) + bytes(8))


def _noise(rng: random.Random, data: bytearray, _: list[bytes]) -> bytearray:
    noise = rng.randbytes(rng.choice([0, 1, 51, 52, 200, 4000]))
    return bytearray(noise) if rng.random() < 0.5 else _sized(data[:HEAD] + noise)


def _array(rng: random.Random) -> msgpack.ExtType:
    axes = rng.randint(0, 6)
    head = bytes([rng.randint(0, 6), axes]) + bytes(6)
    lengths = [rng.choice([0, 1, 2, 5, 40, 2**31, 2**62, 2**64 - 1]) for _ in range(axes)]
    data = head + struct.pack(f"<{axes}Q", *lengths) + rng.randbytes(rng.choice([0, 4, 20, 1024]))
    return msgpack.ExtType(rng.choice([1, 1, 1, 0, 2, 127]), data)


_VALUES: list[Callable[[random.Random], object]] = [
    _array,
    _array,
    lambda rng: rng.choice([None, True, -1, 2**63, -(2**63), 2**64 - 1, 0]),
    lambda rng: rng.choice([float("nan"), float("inf"), 1e308, 0.0]),
    lambda rng: "ü" * rng.choice([0, 1, 2000, 2001, 9000]),
    lambda rng: rng.randbytes(rng.choice([0, 4, 1000])),
    lambda rng: [0] * rng.choice([0, 1, 1000]),
    lambda rng: {"a": {"b": rng.random()}},
    lambda rng: msgpack.Timestamp(rng.getrandbits(32)),
]

_WAYS = (
    _bits, _body_bits, _cut, _splice, _length, _other_values, _other_values, _nested, _announced,
    _noise,
)  # fmt: skip


def _sized(data: bytearray) -> bytearray:
    """``data`` with the true length of its body in the header."""
    data = bytearray(data)
    struct.pack_into("<I", data, HEAD - 4, len(data) - HEAD)
    return data


if __name__ == "__main__":
    sys.exit(main())
