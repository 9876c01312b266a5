"""Searches for inputs that break what reads from outside, guided by the code that they reach.

``python tools/fuzz_coverage.py wire --minutes 5`` takes Atheris (``pip install atheris``, Linux).
Targets: ``wire`` (the decoder), ``reception`` (peers that join, speak and misbehave, in any order),
``recording``, ``model`` and ``factor`` (the readers of such files). Anything but a refusal, or what
was to be read, ends the search: an exception, a minute without an answer, memory beyond 2 GiB. The
input is kept in the folder of findings; ``--again FILE`` tries it once more, without Atheris.
"""

import argparse
import os
import random
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
SEEDS = 200  # to begin with
HEAD = 52  # bytes of a message's header; the length of the body is its last field
MEMORY_MIB = 2048
SLOWEST_S = 60  # of the wall clock, which a busy machine takes some of


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="jopa-fuzz-", dir=_memory_folder()) as name:
        os.environ["TMPDIR"] = tempfile.tempdir = name
        if arguments.again or arguments.seeds:
            seeds, attempt = TARGETS[arguments.target](Path(name))
            inputs = [file.read_bytes() for file in arguments.again] or list(seeds)
            for data in inputs:
                attempt(data)
            print(f"{len(inputs)} inputs of {arguments.target}: nothing but refusals")
            return 0
        return _search(arguments, Path(name))


def _search(arguments: argparse.Namespace, folder: Path) -> int:
    """Search until the time is up; Atheris ends the process."""
    try:
        atheris: Any = import_module("atheris")
    except ImportError:
        print("Atheris is not installed: pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["jopa_agent", "mcap"]):
        seeds, attempt = TARGETS[arguments.target](folder)
    corpus, findings = arguments.corpus or folder / "corpus", arguments.findings
    for place in (corpus, findings):
        place.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds):
        (corpus / f"seed-{number:03}").write_bytes(data)
    options = [
        f"-max_total_time={round(60 * arguments.minutes)}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-timeout={SLOWEST_S}",
        f"-artifact_prefix={findings}/{arguments.target}-",
        f"-seed={arguments.seed}",
        "-max_len=300000",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *options], attempt)
    atheris.Fuzz()
    return 0


Target = tuple[Iterator[bytes], Callable[[bytes], None]]


def wire(_: Path) -> Target:
    """The first byte says whether the length of the body is put right."""
    from jopa_agent.transport.codec import WireError, decode, encode

    fuzz = _other_fuzzer()

    def attempt(data: bytes) -> None:
        body = bytearray(data[1:])
        if len(body) >= HEAD and data[0] % 2:
            struct.pack_into("<I", body, HEAD - 4, len(body) - HEAD)
        with suppress(WireError):
            header, message = decode(bytes(body))
            again = decode(encode(header, message))
            assert again[0] == header
            assert encode(*again) == encode(header, message)

    def seeds() -> Iterator[bytes]:
        rng, samples = random.Random(0), fuzz.true_messages()
        yield from (b"\1" + sample for sample in samples)
        for _ in range(SEEDS):
            yield b"\1" + fuzz.damaged(rng, samples)

    return seeds(), attempt


def reception(_: Path) -> Target:
    """Eight bytes an event: who, what, and how."""
    import numpy as np
    from jopa_agent.transport.codec import WireError, encode
    from jopa_agent.transport.guest import Declared
    from jopa_agent.transport.messages import (
        Command,
        Goal,
        Header,
        Join,
        Kind,
        Origin,
        Pong,
        Reading,
        Role,
        Scene,
        Sighting,
    )  # fmt: skip
    from jopa_agent.transport.reception import Reception

    shape = (2, 2, 1)
    pictures = [np.zeros(shape, np.uint8), np.ones((3, 2, 1), np.uint8)]
    names = ["gyro", "eye", "", "a" * 2000, "\u202e\0", "gyro\n", "Ü"]
    numbers = [0.0, 1.0, -1.0, 1e-300, 1e30, 100.0, 20.0]
    stamps = [0, 1, -1, 2**62, -(2**62), 2**63 - 1, -(2**63), 10**9, 60 * 10**9]
    keys = ["", "sensor", "viewer", "stranger"]
    holders = {"sensor": ("gyro", Role.SENSOR), "viewer": ("me", Role.VIEWER)}

    def said(what: int, how: int, more: int, now: int) -> Any:
        name, number = names[how % len(names)], numbers[more % len(numbers)]
        stamp = stamps[more % len(stamps)]
        match what % 7:
            case 0:
                sizes = np.array([[1], [0], [2, 2, 1], [2**62], [-1]][how % 5], np.int64)
                return Join(Role(how % 3), names[more % 7], Kind(how // 3 % 3), sizes, number, name)
            case 1:
                return Reading(name, np.full(1 + how // 8 % 2, number, np.float64).astype("f4"))
            case 2:
                return Sighting(name, pictures[how % 2])
            case 3:
                return Goal(pictures[how % 2], name)
            case 4:
                return Pong(now + (stamp if how % 2 else 0), stamp)
            case 5:
                return Command(np.zeros(1, np.float32), Origin.PLAN, stamp)
        return Join(Role.SENSOR, "gyro", Kind.VECTOR, np.ones(1, np.int64), 100.0, "")

    def attempt(data: bytes) -> None:
        desk = Reception(
            {
                "gyro": Declared(Kind.VECTOR, (1,), 100.0, "rad/s"),
                "eye": Declared(Kind.FRAME, shape, 20.0, ""),
            },
            shape,
            Scene("pendulum", 0.05, -np.ones(1, np.float32), np.ones(1, np.float32)),
            Goal(pictures[0], "upright"),
            holders.get,
        )
        now, joined = 10**10, 0
        for at in range(0, len(data) - 7, 8):
            who, what, how, more, key, passed, sequence, damage = data[at : at + 8]
            now += [0, 1, 10**6, 5 * 10**7, 10**9, 6 * 10**9][passed % 6]
            header = Header(0, at * (sequence % 3), now + stamps[sequence % len(stamps)] // 2)
            try:
                letter = bytearray(encode(header, said(what, how, more, now)))
            except (WireError, ValueError, struct.error):
                continue
            if damage:
                letter[damage % len(letter)] ^= more
            desk.receive(bytes([who % 40]), bytes(letter), now, keys[key % 4])
            desk.tend(now)
            joined = max(joined, len(list(desk.present(now, *Role))))
            out = [each.message for each in (*desk.letters, *desk.news)] + desk.report(now)
            assert joined <= 32
            assert len(out) <= 200
            for message in out:  # what is said of strangers can be said on the wire
                encode(header, message)
            desk.letters.clear()
            desk.news.clear()

    def seeds() -> Iterator[bytes]:
        rng = random.Random(0)
        for count in range(SEEDS):
            yield rng.randbytes(8 * (1 + count))
        yield bytes([1, 6, 0, 0, 0, 0, 1, 0]) + bytes([1, 1, 0, 1, 0, 2, 1, 0]) * 80

    return seeds(), attempt


def recording(folder: Path) -> Target:
    """The bytes are an MCAP file of a run."""
    from jopa_agent.agent.runs.recorded import RecordedRun
    from jopa_agent.transport.recording import Recording, RecordingError
    from jopa_agent.transport.recording_writer import RecordingWriter

    file = folder / "a.mcap"

    def attempt(data: bytes) -> None:
        file.write_bytes(data)
        with suppress(RecordingError):
            found = Recording(file)
            span = found.span_ns
            for raw in found.raw():
                with suppress(RecordingError):
                    raw.read()
            if span:
                list(found.raw(["frame"], sum(span) // 2))
            assert isinstance(found.foreign, frozenset)
        with suppress(RecordingError):
            RecordedRun(file)

    def seeds() -> Iterator[bytes]:
        whole = Recording(ROOT / "tests" / "replay" / "data" / "reference.mcap")
        for count in (0, 1, 8, 60):
            part = folder / f"seed-{count}.mcap"
            writer = RecordingWriter(part, {}, dict(whole.attachments))
            for _, raw in zip(range(count), whole.raw(), strict=False):
                read = raw.read()
                writer.add(raw.stream, read.header, read.message, raw.data, raw.arrived_ns)
            writer.close()
            data = part.read_bytes()
            yield from (data, data[: len(data) // 2], data[: 9 * len(data) // 10])

    return seeds(), attempt


def model(folder: Path) -> Target:
    """After a first byte that is odd the bytes are the page of a model whose checksum is right,
    otherwise the whole file."""
    import numpy as np
    from jopa_agent.agent.graph.features import PolynomialFeatures, polynomial_powers
    from jopa_agent.agent.store.errors import ModelError
    from jopa_agent.agent.store.model_file import load_graph, save_graph
    from safetensors import safe_open

    file = folder / "model"
    scale = np.ones(3, np.float32)
    save_graph({"a": PolynomialFeatures(scale, polynomial_powers(2, 1, 2, 1), 3.0)}, file)
    with safe_open(file, "np") as opened:
        page = opened.metadata()["page"]
        arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    whole = file.read_bytes()
    others = (ROOT / "tests" / "learning" / "data" / "model_file_1.safetensors").read_bytes()

    def attempt(data: bytes) -> None:
        _write_page(file, data, arrays)
        with suppress(ModelError):
            load_graph(file, dict.fromkeys(("f", "encode"), abs))

    return iter([b"\1" + page.encode(), b"\0" + whole, b"\0" + others]), attempt


def factor(folder: Path) -> Target:
    """As ``model``, of the factor of a sensor."""
    import jax.numpy as jnp
    import numpy as np
    from jopa_agent.agent.graph.features import PolynomialFeatures, polynomial_powers
    from jopa_agent.agent.graph.matrix_normal_wishart import MatrixNormalWishart
    from jopa_agent.agent.senses.factor_file import Factor, load_factor, save_factor
    from jopa_agent.agent.store.errors import ModelError
    from safetensors import safe_open

    file, powers = folder / "factor", polynomial_powers(2, 0, 1, 0)
    features = PolynomialFeatures(jnp.ones(2), powers, 3.0)
    posterior = MatrixNormalWishart.of(
        jnp.zeros((1, len(powers))), jnp.eye(3), jnp.eye(1), jnp.asarray(5.0)
    )
    save_factor(Factor("gyro", "rad/s", "0" * 64, features, posterior, {"held": 1.0}), file)
    with safe_open(file, "np") as opened:
        page = opened.metadata()["page"]
        arrays = {name: np.array(opened.get_tensor(name)) for name in opened.keys()}  # noqa: SIM118
    whole = file.read_bytes()

    def attempt(data: bytes) -> None:
        _write_page(file, data, arrays)
        with suppress(ModelError):
            load_factor(file)

    return iter([b"\1" + page.encode(), b"\0" + whole]), attempt


TARGETS: dict[str, Callable[[Path], Target]] = {
    "wire": wire,
    "reception": reception,
    "recording": recording,
    "model": model,
    "factor": factor,
}


def _write_page(file: Path, data: bytes, arrays: dict[str, Any]) -> None:
    """Write what ``data`` stands for: a whole file, or a page with the checksum that it has to
    have."""
    from jopa_agent.agent.store import model_file
    from safetensors.numpy import save

    if not data or data[0] % 2 == 0:
        file.write_bytes(data[1:])
        return
    page = data[1:].decode("utf-8", "replace")
    digest = model_file._digest(page, arrays)
    file.write_bytes(save(arrays, {"format": "1", "page": page, "sha256": digest}))


def _other_fuzzer() -> ModuleType:
    """The tool beside this one, which damages messages at random."""
    sys.path.insert(0, str(Path(__file__).parent))
    import fuzz

    return fuzz


def _memory_folder() -> str | None:
    """Where files are written without a disk, if there is such a place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition(chr(10))[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=5.0, help="length of the search [5]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="folder to begin from, and to add to")
    parser.add_argument("--findings", type=Path, default=Path("findings"), help="[findings]")
    parser.add_argument("--seeds", action="store_true", help="try the first inputs alone")
    parser.add_argument("--again", type=Path, nargs="+", default=[], help="try these files alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
