"""The agent, and the graph library that it is built on: models, factors and queries by name.

Names are imported when they are first used, so that processes without inference start without jax.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .discrete.block import Categorical, DiscreteBlock, DiscretePlan
    from .discrete.model import DiscreteModel
    from .encoders.categorical import CategoricalEncoder
    from .encoders.vae import LearnedVAE
    from .graph.block import Block
    from .graph.coupling import LinearCoupling
    from .graph.encoder_sensor import Frozen
    from .graph.expected_free_energy import ExpectedFreeEnergy
    from .graph.factorised_density import FactorisedDensity, MatrixGaussian
    from .graph.factorised_linear import FactorisedLinear
    from .graph.features import PolynomialFeatures, polynomial_powers
    from .graph.gaussian import Belief, Gaussian
    from .graph.inference import Inference
    from .graph.joint import JointModel
    from .graph.known import CallableProcessNoise, DynamicsNoise, KnownLinear, KnownPhysics
    from .graph.learned_affine import LearnedAffine
    from .graph.learned_features import LearnedFeatures
    from .graph.learned_linear import LearnedLinear, near_identity
    from .graph.linear_gaussian_model import LinearGaussianModel
    from .graph.matrix_normal_wishart import MatrixNormalWishart
    from .graph.model_structure import ModelStructure
    from .graph.sensors import CallableSensor, FixedSensor
    from .graph.skeleton import Skeleton
    from .graph.wishart import Wishart
    from .store.model_file import load_graph, save_graph

_HOMES = {
    "discrete.block": ("Categorical", "DiscreteBlock", "DiscretePlan"),
    "discrete.model": ("DiscreteModel",),
    "encoders.categorical": ("CategoricalEncoder",),
    "graph.block": ("Block",),
    "graph.coupling": ("LinearCoupling",),
    "graph.expected_free_energy": ("ExpectedFreeEnergy",),
    "graph.features": ("PolynomialFeatures", "polynomial_powers"),
    "graph.gaussian": ("Belief", "Gaussian"),
    "graph.inference": ("Inference",),
    "graph.joint": ("JointModel",),
    "graph.known": ("CallableProcessNoise", "DynamicsNoise", "KnownLinear", "KnownPhysics"),
    "graph.factorised_density": ("FactorisedDensity", "MatrixGaussian"),
    "graph.factorised_linear": ("FactorisedLinear",),
    "store.model_file": ("load_graph", "save_graph"),
    "graph.learned_affine": ("LearnedAffine",),
    "graph.learned_features": ("LearnedFeatures",),
    "graph.learned_linear": ("LearnedLinear", "near_identity"),
    "graph.linear_gaussian_model": ("LinearGaussianModel",),
    "graph.matrix_normal_wishart": ("MatrixNormalWishart",),
    "graph.model_structure": ("ModelStructure",),
    "graph.encoder_sensor": ("Frozen",),
    "graph.sensors": ("CallableSensor", "FixedSensor"),
    "graph.skeleton": ("Skeleton",),
    "graph.wishart": ("Wishart",),
    "encoders.vae": ("LearnedVAE",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Belief",
    "Block",
    "CallableProcessNoise",
    "CallableSensor",
    "Categorical",
    "CategoricalEncoder",
    "DiscreteBlock",
    "DiscreteModel",
    "DiscretePlan",
    "DynamicsNoise",
    "ExpectedFreeEnergy",
    "FactorisedDensity",
    "FactorisedLinear",
    "FixedSensor",
    "Frozen",
    "Gaussian",
    "Inference",
    "JointModel",
    "KnownLinear",
    "KnownPhysics",
    "LearnedAffine",
    "LearnedFeatures",
    "LearnedLinear",
    "LearnedVAE",
    "LinearCoupling",
    "LinearGaussianModel",
    "MatrixGaussian",
    "MatrixNormalWishart",
    "ModelStructure",
    "PolynomialFeatures",
    "Skeleton",
    "Wishart",
    "load_graph",
    "near_identity",
    "polynomial_powers",
    "save_graph",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
