"""Graph models on disk: they come back bit for bit, and functions by name."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.encoders.layers import Network
from jopa_agent.agent.encoders.vae import LearnedVAE
from jopa_agent.agent.graph.block import Block
from jopa_agent.agent.graph.encoder_sensor import Frozen
from jopa_agent.agent.graph.factorised_linear import FactorisedLinear
from jopa_agent.agent.graph.gaussian import Belief, Gaussian
from jopa_agent.agent.graph.joint import JointModel
from jopa_agent.agent.graph.known import CallableProcessNoise, KnownPhysics
from jopa_agent.agent.graph.learned_features import LearnedFeatures
from jopa_agent.agent.graph.learned_linear import LearnedLinear
from jopa_agent.agent.graph.linear_gaussian_joint import LinearWithNoiseAtArrival
from jopa_agent.agent.graph.linear_gaussian_model import LinearGaussianModel
from jopa_agent.agent.graph.matrix_normal_wishart import MatrixNormalWishart
from jopa_agent.agent.graph.sensors import CallableSensor
from jopa_agent.agent.graph.skeleton import second_order
from jopa_agent.agent.graph.wishart import Wishart
from jopa_agent.agent.learning.checkpoint import load_model
from jopa_agent.agent.learning.errors import ModelError
from jopa_agent.agent.store.model_file import load_graph, save_graph
from jopa_agent.configs.sections import Body
from jopa_agent.configs.settings import shipped_model

from .data.make_model_file import FUNCTIONS, angle, encode, models, numbers, shaking, swing

DATA = Path(__file__).parent / "data"


def same(found: Any, expected: Any) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, two in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (one.dtype, one.shape) == (two.dtype, two.shape)
        assert np.asarray(one).tobytes() == np.asarray(two).tobytes()


def vae() -> LearnedVAE:
    rng = np.random.default_rng(0)

    def network(inputs: int, outputs: int) -> Network:
        layers = tuple(
            (jnp.asarray(rng.normal(size=(i, o)), jnp.float32), jnp.zeros(o))
            for i, o in ((inputs, 5), (5, outputs))
        )
        return Network(jnp.asarray(rng.normal(size=(inputs, outputs)), jnp.float32), layers)

    return LearnedVAE(
        network(6, 4), network(2, 6), jnp.zeros(6), jnp.float32(0.3), jnp.float32(1), (3, 2)
    )


MODELS: dict[str, Callable[[], Any]] = {
    "everything": models,
    "belief": lambda: Belief(np.ones(2), np.array([[2.0, 1.0], [1.0, 0.5]])),
    "beliefs": lambda: Belief.of(jnp.ones((4, 2)), jnp.ones((4, 2, 1))),
    "message": lambda: Gaussian(np.ones(2), np.zeros((2, 2))),
    "wishart": lambda: Wishart(3.5, np.eye(2)),
    "matrix": lambda: MatrixNormalWishart(np.ones((2, 3)), np.eye(3), np.eye(2), 4),
    "without controls": lambda: FactorisedLinear(2),
    "skeleton": lambda: LearnedFeatures(
        3, jnp.sin, seen=2, skeleton=second_order(0.9, jnp.ones(1)), prior=MatrixNormalWishart(
            np.ones((1, 2)), np.eye(2), np.eye(1), 3.0)),
    "linearised": lambda: KnownPhysics(
        2, noise=np.eye(2), linearize=lambda *_: (jnp.eye(2), jnp.zeros((2, 0)), jnp.zeros(2))),
    "at arrival": lambda: LinearWithNoiseAtArrival(
        jnp.eye(2), jnp.ones((2, 1)), CallableProcessNoise(shaking)),
    "eye of an agent": lambda: load_model(shipped_model("pendulum"), Body()).sensor,
    "encoder": lambda: Block("picture", LearnedLinear(2), vae()),
    "sensor": lambda: LinearGaussianModel(
        np.eye(2), np.eye(1, 2), np.eye(2), np.eye(1), Belief(np.zeros(2), np.eye(2)),
        observation=CallableSensor(angle, lambda x: jnp.eye(1) + x[0] ** 2, 1)),
    "containers": lambda: {"a": (1, 2.5, None, "text", True, -np.inf), "b": [np.float32(3)]},
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_models_come_back_bit_for_bit(kind: str, tmp_path: Path):
    model = MODELS[kind]()
    save_graph(model, tmp_path / "new" / "model")
    functions: dict[str, Any] = {**FUNCTIONS, "sin": jnp.sin}
    if kind == "linearised":
        functions["linearize"] = model.linearize
    if kind == "sensor":
        functions["observation.noise"] = model.observation.noise
    found = load_graph(tmp_path / "new" / "model", functions)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["model"]
    if kind == "containers":
        assert found == model
    else:
        same(found, model)


def test_an_agents_model_comes_back(tmp_path: Path):
    """What its layer is worked out from comes back bit for bit, the layer within rounding."""
    model = load_model(shipped_model("pendulum"), Body())
    save_graph(model, tmp_path / "model")
    found = load_graph(tmp_path / "model")
    same(found.sensor, model.sensor)
    same(found.transition.posterior, model.transition.posterior)
    state, control = jnp.array([0.5, 1.0, 0.1, -0.1, 0.0, 0.0]), jnp.ones(1)
    for one, two in zip(
        found.transition.local(state, control, "predictive"),
        model.transition.local(state, control, "predictive"),
        strict=True,
    ):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-6), one, two)


def test_float64_comes_back_bit_for_bit(tmp_path: Path):
    with jax.enable_x64(True):
        model = Block("x", LearnedLinear(3, 1))
        save_graph(model, tmp_path / "model")
        found = load_graph(tmp_path / "model")
        assert found.transition.A.dtype == jnp.float64
        same(found, model)
    assert load_graph(tmp_path / "model").transition.A.dtype == jnp.float32


def test_the_file_of_format_1():
    found = load_graph(DATA / "model_file_1.safetensors", FUNCTIONS)
    expected = json.loads((DATA / "model_file_1.json").read_text("utf-8"))
    values = numbers(found)
    assert len(expected) > 60
    for name, value in expected.items():
        if isinstance(value, str | int):
            assert values[name] == value
        else:
            np.testing.assert_allclose(values[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_saving_again_replaces_what_was_there(tmp_path: Path):
    for name in ("a", "b"):
        save_graph(Block(name, LearnedLinear(2)), tmp_path / "model")
    assert load_graph(tmp_path / "model").name == "b"


def refused(action: Callable[[], Any], *words: str) -> None:
    with pytest.raises(ModelError) as error:
        action()
    text = str(error.value)
    assert "\n" not in text
    for word in words:
        assert word in text


def test_functions_that_are_missing_are_listed(tmp_path: Path):
    sensor = CallableSensor(angle, lambda _: jnp.eye(1), 1)
    model = JointModel([Block("x", KnownPhysics(2, 1, noise=np.eye(2), function=swing), {
        "one": sensor, "two": Frozen(partial(encode))})])  # fmt: skip
    save_graph(model, tmp_path / "model")
    places = "blocks.0.observe.one.noise", "blocks.0.observe.two.encode"
    listed = f"needs the functions {', '.join(map(repr, ('angle', *places, 'swing')))}:"
    refused(lambda: load_graph(tmp_path / "model"), listed, f"'{places[0]}': ...")
    some = {"angle": angle, "swing": swing, places[0]: sensor.noise}
    refused(lambda: load_graph(tmp_path / "model", some), f"needs the functions '{places[1]}':")
    found = load_graph(tmp_path / "model", {**some, places[1]: encode})
    assert found.blocks[0].observe["two"].encode is encode


def test_functions_may_be_named(tmp_path: Path):
    def encode(y: Any) -> Gaussian:
        return Gaussian.of(y, jnp.eye(2))

    pair = {"a": Frozen(FUNCTIONS["encode"]), "b": Frozen(encode)}
    save_graph(pair, tmp_path / "model")
    refused(lambda: load_graph(tmp_path / "model"), "needs the functions 'b.encode', 'encode':")
    save_graph(pair, tmp_path / "model", {"mine": encode})
    found = load_graph(tmp_path / "model", {"mine": encode, "encode": FUNCTIONS["encode"]})
    same(found, pair)


def test_functions_that_do_not_fit_are_refused(tmp_path: Path):
    save_graph(KnownPhysics(2, 1, noise=np.eye(2), function=swing), tmp_path / "model")
    for wrong, text in (
        (3, "function of its KnownPhysics is 3"),
        (angle, "its KnownPhysics cannot be made"),
        (lambda x, u: x[:1] + u, "have the shapes"),
    ):
        refused(lambda wrong=wrong: load_graph(tmp_path / "model", {"swing": wrong}), text)


class Own:
    """A class that files do not know."""


def test_objects_of_other_classes_have_to_be_named(tmp_path: Path):
    path, own = tmp_path / "model", Own()
    refused(lambda: save_graph({"a": (1, own)}, path), "a.1 is a Own", "name it in functions")
    save_graph({"a": (1, own)}, path, {"own": own})
    assert load_graph(path, {"own": own})["a"][1] is own
    assert not (tmp_path / "model.part").exists()


def test_models_that_are_not_whole_are_not_saved(tmp_path: Path):
    path = tmp_path / "model"
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), LearnedLinear(2))
    refused(lambda: save_graph(stacked, path), "mean of its MatrixNormalWishart")
    broken = jax.tree.map(lambda leaf: jnp.nan * leaf, LearnedLinear(2))
    refused(lambda: save_graph(broken, path), "'prior.mean' has numbers that are not finite")
    refused(lambda: save_graph(np.zeros(2, np.complex64), path), "type complex64")
    itself: list[Any] = []
    itself.append(itself)
    refused(lambda: save_graph(itself, path), "holds itself")
    assert not path.exists()


def test_a_place_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    refused(lambda: save_graph(Wishart(3, np.eye(2)), tmp_path / "file" / "model"), "written")
