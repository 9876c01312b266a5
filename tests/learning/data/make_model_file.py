"""Makes the files that every later version has to read: run once for each format."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jopa_agent.agent.graph.block import Block
from jopa_agent.agent.graph.coupling import LinearCoupling
from jopa_agent.agent.graph.encoder_sensor import Frozen
from jopa_agent.agent.graph.factorised_linear import FactorisedLinear
from jopa_agent.agent.graph.features import PolynomialFeatures, polynomial_powers
from jopa_agent.agent.graph.gaussian import Belief, Gaussian
from jopa_agent.agent.graph.inference import Inference
from jopa_agent.agent.graph.joint import JointModel
from jopa_agent.agent.graph.known import CallableProcessNoise, KnownLinear, KnownPhysics
from jopa_agent.agent.graph.learned_affine import LearnedAffine
from jopa_agent.agent.graph.learned_features import LearnedFeatures
from jopa_agent.agent.graph.learned_linear import LearnedLinear
from jopa_agent.agent.graph.linear_gaussian_model import LinearGaussianModel
from jopa_agent.agent.graph.matrix_normal_wishart import Statistics
from jopa_agent.agent.graph.model_structure import ModelStructure
from jopa_agent.agent.graph.sensors import CallableSensor, FixedSensor


def swing(x, u):
    return x + 0.1 * jnp.stack([x[1], u[0] - jnp.sin(x[0])])


def shaking(x):
    return (0.01 + 0.001 * x[1] ** 2) * jnp.eye(2)


def angle(x):
    return jnp.sin(x[:1])


def encode(y):
    return Gaussian.of(4.0 * y, 4.0 * jnp.eye(2))


FUNCTIONS = {"swing": swing, "shaking": shaking, "angle": angle, "encode": encode}


def taught(part: Any, inputs: int, seed: int) -> Any:
    """``part`` after forty random transitions."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(40, inputs))
    e = 0.2 * z[:, :2] + 0.1 * rng.normal(size=(40, 2))
    sums = (z.T @ z, z.T @ e, e.T @ e, np.float64(40))
    return part.learned(Statistics(*(jnp.asarray(x, jnp.float32) for x in sums)))


def joint_model() -> JointModel:
    """One block of each transition."""
    powers = polynomial_powers(2, 1, 2, 0)
    features = PolynomialFeatures(jnp.array([1.0, 2.0, 1.0]), powers, reach=5.0)
    C, R = np.array([[1.0, 0.5]]), 0.04 * np.eye(1)
    blocks = [
        Block("linear", taught(LearnedLinear(2, 1), 3, 0), FixedSensor(C, R, [0.1])),
        Block(
            "factorised",
            taught(FactorisedLinear(2, 1), 3, 1),
            {"left": FixedSensor(C, R), "right": CallableSensor(angle, R, 1)},
        ),
        Block("features", taught(LearnedFeatures(2, features, controls=1), len(powers), 2)),
        Block(
            "swing",
            KnownPhysics(2, 1, noise=CallableProcessNoise(shaking), function=swing),
            Frozen(encode),
            Belief(np.ones(2), 0.1 * np.eye(2)),
        ),
        Block("known", KnownLinear(0.9 * np.eye(2), 0.1 * np.eye(2))),
    ]
    couplings = [
        LinearCoupling("linear", "features", np.eye(2), 0.5 * np.eye(2), [0.2, 0.0]),
        LinearCoupling("swing", "known", np.eye(2), np.eye(2)),
    ]
    return JointModel(blocks, couplings, Inference(iterations=2))


def models() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    x, u = rng.normal(size=(20, 2)), rng.normal(size=(20, 1))
    affine, _ = LearnedAffine(2, 1, controls=1, intercept=True).learn(x, x[:, :1] + u, u)
    linear = LinearGaussianModel(
        0.9 * np.eye(2), np.eye(1, 2), 0.1 * np.eye(2), np.eye(1), Belief(np.ones(2), np.eye(2)),
        control=np.ones((2, 1)), structure=ModelStructure(factors=[("both", (0, 1))]),
    )  # fmt: skip
    return {"joint": joint_model(), "affine": affine, "linear_gaussian": linear}


def numbers(models: dict[str, Any]) -> dict[str, Any]:
    """What the models mean, whichever way queries to them go."""
    x, u = jnp.array([0.3, -0.7]), jnp.array([0.4])
    found: dict[str, Any] = {"inference": list(vars(models["joint"].inference).values())}
    for block in models["joint"].blocks:
        control = u[: block.transition.controls]
        local = block.transition.local(x, control, "variational")
        wide = block.transition.local(x, control, "predictive").noise
        found[block.name] = {
            "mean": local.mean,
            "along": jnp.concatenate([local.along_state, local.along_control], axis=1),
            "noise": local.noise @ local.noise.T,
            "predictive": wide @ wide.T,
            "doubt": local.doubt.matrix.T @ local.doubt.matrix,
            "scale": local.doubt.log_scale,
            "prior": (block.prior.mean, block.prior.cov),
            "sensors": {
                name: (sensor.expect(x), sensor.near(x), getattr(sensor, "encode", jnp.sum)(x))
                for name, sensor in block.sensors.items()
            },
        }
        if not block.transition.certain:
            found[block.name]["divergence"] = block.transition.divergence()
    found["couplings"] = [(c.source, c.target, c.rows(0, 2, 4)) for c in models["joint"].couplings]
    belief = models["affine"].predict(x[None], u[None])
    found["affine"] = (belief.mean, belief.cov, models["affine"].divergence())
    found["linear_gaussian"] = (models["linear_gaussian"], models["linear_gaussian"].structure)
    leaves, _ = jax.tree_util.tree_flatten_with_path(found)
    return {
        jax.tree_util.keystr(path): leaf
        if isinstance(leaf, str | int)
        else str(leaf)
        if isinstance(leaf, ModelStructure)
        else np.asarray(leaf, np.float64).tolist()
        for path, leaf in leaves
    }


if __name__ == "__main__":
    from jopa_agent.agent.store.model_file import save_graph

    here = Path(__file__).parent
    made = models()
    save_graph(made, here / "model_file_1.safetensors")
    (here / "model_file_1.json").write_text(json.dumps(numbers(made), indent=0) + "\n", "utf-8")
