"""Files that are damaged or hostile are refused in one line, and allocate nothing big."""

import hashlib
import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.block import Block
from jopa_agent.agent.graph.factorised_linear import FactorisedLinear
from jopa_agent.agent.graph.joint import JointModel
from jopa_agent.agent.graph.known import KnownLinear, KnownPhysics
from jopa_agent.agent.graph.learned_affine import LearnedAffine
from jopa_agent.agent.graph.learned_linear import LearnedLinear
from jopa_agent.agent.graph.sensors import CallableSensor, FixedSensor
from jopa_agent.agent.learning.errors import ModelError
from jopa_agent.agent.store.model_file import load_graph, save_graph
from safetensors import safe_open
from safetensors.numpy import save_file

Tensors = dict[str, np.ndarray]


def small() -> JointModel:
    return JointModel([Block("x", LearnedLinear(2), FixedSensor(np.eye(2), np.eye(2)))])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_graph(small(), tmp_path / "model")
    return tmp_path / "model"


def refused(path: Path, *words: str, functions: dict[str, Any] | None = None) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ModelError) as error:
            load_graph(path, functions)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50e6
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 500 + len(str(path))
    for word in (repr(str(path)), "save_graph", *words):
        assert word in text


def changed(path: Path, change: Callable[[dict[str, Any], Tensors], Any], digest: bool = True):
    """Write the file again after ``change`` to its tree and arrays, with its checksum right."""
    with safe_open(path, "np") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tree = json.loads(metadata["page"])
    page = json.dumps(change(tree, tensors) or tree)
    metadata["page"] = page
    if digest:
        found = hashlib.sha256(page.encode())
        for name in sorted(tensors):
            value = tensors[name]
            found.update(f"{name} {value.dtype} {value.shape}".encode())
            found.update(np.ascontiguousarray(value).data)
        metadata["sha256"] = found.hexdigest()
    save_file(tensors, path, metadata)


def test_a_missing_file_and_a_folder(tmp_path: Path):
    refused(tmp_path / "nowhere", "no model file", "make one")
    refused(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_a_truncated_file(path: Path, share: float):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path)


def test_any_byte_that_changed(path: Path):
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(0, len(content), 300):
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.integers(0, 8)
        path.write_bytes(damaged)
        refused(path)


@pytest.mark.parametrize("content", [b"a", b"\x00" * 64, b"\xff" * 64, b"{}", b"PK\x03\x04" * 9])
def test_foreign_files(tmp_path: Path, content: bytes):
    (tmp_path / "model").write_bytes(content)
    refused(tmp_path / "model", "damaged or no model file")


def test_a_pickle_is_not_read(tmp_path: Path):
    marker = tmp_path / "unpickled"
    (tmp_path / "model").write_bytes(b"cos\nmkdir\n(V" + bytes(marker) + b"\ntR.")
    refused(tmp_path / "model")
    assert not marker.exists()


@pytest.mark.parametrize(
    "shape", [[1 << 40], [1 << 62, 1 << 62], [0, 1 << 62], [-1], [1.5], "large"], ids=str
)
def test_a_header_with_a_huge_shape(path: Path, shape: Any):
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    header["blocks.0.prior.mean"]["shape"] = shape
    again = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(again)) + again + content[8 + size :])
    refused(path)


def test_a_huge_header_and_a_huge_file(path: Path):
    content = path.read_bytes()
    path.write_bytes(struct.pack("<Q", 1 << 60) + content[8:])
    refused(path)
    with path.open("r+b") as file:
        file.truncate(1 << 33)
    refused(path, "8589934592 bytes")


@pytest.mark.parametrize("version", ["2", "0", "1.0", "", "one"])
def test_another_version(path: Path, version: str):
    save_file({"a": np.zeros(1)}, path, {"format": version})
    refused(path, f"has format {version}, this version reads 1")


def test_other_files_of_tensors(path: Path):
    save_file({"a": np.zeros(1)}, path)
    refused(path, "is no model file")
    save_file({"a": np.zeros(1)}, path, {"format": "1"})
    refused(path)
    save_file({"a": np.zeros(1)}, path, {"format": "1", "page": "{}", "sha256": "0"})
    refused(path, "checksum")


def test_a_wrong_checksum(path: Path):
    changed(path, lambda _, tensors: tensors["blocks.0.prior.mean"].fill(1), digest=False)
    refused(path, "checksum")


def block(tree: dict[str, Any]) -> dict[str, Any]:
    return tree["fields"]["blocks"][0]["fields"]


def prior(tree: dict[str, Any]) -> dict[str, Any]:
    return block(tree)["transition"]["fields"]["prior"]["fields"]


PAGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "an unknown class": (lambda t: block(t)["prior"].update({"class": "Popen"}), "'Popen'"),
    "a module": (lambda t: t.update({"class": "os.system"}), "'os.system'"),
    "swapped": (
        lambda t: block(t).update(prior=block(t)["observe"], observe=block(t)["prior"]),
        "observe of its Block"),
    "a missing field": (lambda t: block(t).pop("observe"), "['name', 'prior', 'transition']"),
    "one field more": (lambda t: block(t).update(more=1), "'more'"),
    "an array twice": (lambda t: prior(t).update(precision=prior(t)["mean"]), "two places"),
    "an unknown array": (lambda t: prior(t).update(mean={"array": "a"}), "'a' is missing"),
    "no array": (lambda t: prior(t).update(mean=1.5), "mean of its MatrixNormalWishart is 1.5"),
    "left out": (lambda t: prior(t).update(dof=4.0), "dof of its MatrixNormalWishart"),
    "a function": (lambda t: block(t).update(name={"function": "f"}), "needs the functions 'f'"),
    "an odd node": (lambda t: block(t).update(name={"class": "Block"}), "says nothing"),
    "more in a node": (lambda t: t.update(more=1), "says nothing"),
    "a number for a name": (lambda t: block(t).update(name=3), "name of its Block is 3"),
    "an empty name": (lambda t: block(t).update(name=""), "its Block cannot be made"),
    "no blocks": (lambda t: t["fields"].update(blocks=[]), "blocks are empty"),
    "a wrong choice": (
        lambda t: t["fields"]["inference"]["fields"].update(scan="x"), "scan of its Inference"),
    "a large number": (lambda t: block(t).update(name=1 << 31), "a number of more than"),
    "a text": (lambda _: "model", "not part of it"),
    "NaN": (lambda t: block(t).update(name=float("nan")), "the number NaN"),
}  # fmt: skip


@pytest.mark.parametrize("kind", PAGES)
def test_pages_that_make_no_sense(path: Path, kind: str):
    change, text = PAGES[kind]
    changed(path, lambda tree, _: change(tree) if kind == "a text" else [change(tree), None][1])
    if kind == "a function":
        with pytest.raises(ModelError, match=text):
            load_graph(path)
        return
    refused(path, text)


def test_a_page_that_is_nested_too_deep(path: Path):
    page = '{"list": [' * 100_000 + "]}" * 100_000
    digest = hashlib.sha256(page.encode()).hexdigest()
    save_file({}, path, {"format": "1", "page": page, "sha256": digest})
    refused(path, "nested too deep")


MEAN = "blocks.0.transition.prior.mean"
SCALE = "blocks.0.transition.posterior.inverse_scale"
ARRAYS = {
    "float16": (MEAN, np.eye(2, dtype=np.float16), "float16"),
    "int64": (MEAN, np.eye(2, dtype=np.int64), "int64"),
    "uint8": (MEAN, np.eye(2, dtype=np.uint8), "mean of its MatrixNormalWishart is uint8(2, 2)"),
    "nan": (MEAN, np.full((2, 2), np.nan, "f"), f"{MEAN!r} has numbers that are not finite"),
    "infinite": (MEAN, np.full((2, 2), np.inf, "f"), "not finite"),
    "three axes": (MEAN, np.ones((1, 2, 2), "f"), "mean of its MatrixNormalWishart"),
    "one row more": (SCALE, np.eye(3, dtype="f"), "inverse_scale of its MatrixNormalWishart"),
    "indefinite": (SCALE, -np.eye(2, dtype="f"), "is not positive definite"),
    "few dof": ("blocks.0.transition.prior.dof", np.ones((), "f"), "dof of its Matrix"),
    "spare": ("spare", np.ones(3, "f"), "not part of it: 'spare'"),
    "sensor": ("blocks.0.observe.C", np.ones((2, 3), "f"), "its Block cannot be made"),
    "state": ("blocks.0.prior.mean", np.ones(3, "f"), "root of its Belief"),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_that_do_not_fit(path: Path, kind: str):
    name, value, text = ARRAYS[kind]
    changed(path, lambda _, tensors: tensors.update({name: value}))
    refused(path, text)


def test_parts_that_do_not_fit_each_other(tmp_path: Path):
    path = tmp_path / "model"
    save_graph({"a": FactorisedLinear(2), "b": FactorisedLinear(3)}, path)

    def swap(tree: dict[str, Any], _: Tensors) -> None:
        one, two = (tree["dict"][name]["fields"] for name in "ab")
        one["prior"], two["prior"] = two["prior"], one["prior"]

    changed(path, swap)
    refused(path, "prior and posterior have the shapes")
    save_graph(KnownPhysics(2, noise=np.eye(2), function=lambda x, _: x), path)
    changed(path, lambda tree, _: tree["fields"].update(dim=10**9))
    refused(path, "dim=1000000000", functions={"function": lambda x, _: x})
    save_graph(CallableSensor(jnp.sin, np.eye(2), 2), path)
    changed(path, lambda tree, _: tree["fields"].update(outputs=10**9))
    refused(path, "R has the shape", functions={"sin": jnp.sin})
    save_graph(LearnedAffine(2, 1), path)
    changed(path, lambda tree, _: tree["fields"].update(controls=1))
    refused(path, "3 regressors")
    save_graph(KnownLinear(np.eye(2), np.eye(2)), path)
    changed(path, lambda _, tensors: tensors.update(offset=np.zeros(3, "f")))
    refused(path, "offset of its KnownLinear")
