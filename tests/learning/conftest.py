"""A small model with random numbers in it, and a check that all errors to a user share."""

import re
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.encoders.decoder import Decoder
from jopa_agent.agent.encoders.layers import Network
from jopa_agent.agent.encoders.pose import PoseEncoder
from jopa_agent.agent.graph.features import PolynomialFeatures, polynomial_powers
from jopa_agent.agent.graph.local_noise import LocalNoise
from jopa_agent.agent.graph.motion import motion
from jopa_agent.agent.graph.regression import LastLayer
from jopa_agent.agent.model import Model


def make_model(
    degree: int = 2,
    control_degree: int = 1,
    size: int = 8,
    seed: int = 0,
    transitions: float = 500.0,
) -> Model:
    rng = np.random.default_rng(seed)

    def normal(*shape: int):
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    poses, components, width = 2, 5, 6
    powers = polynomial_powers(2 * poses, 1, degree, control_degree)
    encoder = PoseEncoder(
        mean=normal(size * size),
        projection=normal(components, size * size),
        linear=normal(poses, components),
        gain=normal(components),
        layers=(
            (normal(components, width), normal(width)),
            (normal(width, width), normal(width)),
            (normal(width, poses), normal(poses)),
        ),
        centre=normal(poses),
        whitening=normal(poses, poses),
    )
    network = Network(
        normal(poses, components),
        ((normal(poses, width), normal(width)), (normal(width, components), normal(components))),
    )
    decoder = Decoder(
        network, normal(size * size), normal(components, size * size), jnp.asarray(0.1)
    )
    spread, mixing = rng.normal(size=(len(powers),) * 2), rng.normal(size=(poses, poses))
    transition = motion(
        features=PolynomialFeatures(1 + jnp.abs(normal(2 * poses + 1)), powers, reach=4.5),
        layer=LastLayer(
            weights=rng.normal(size=(len(powers), poses)),
            covariance=spread @ spread.T + np.eye(len(powers)),
            noise=mixing @ mixing.T + np.eye(poses),
        ),
        transitions=transitions,
        drift=0.9,
        drift_std=np.abs(rng.normal(size=poses)),
    )
    return Model(
        encoder=encoder,
        decoder=decoder,
        sensor_noise=LocalNoise.of(normal(3, poses), 3 * [0.01 * np.eye(poses)]),
        transition=transition,
        inflation=jnp.asarray(3.0, jnp.float32),
        control_low=-jnp.ones(1),
        control_high=jnp.ones(1),
        frame_shape=(size, size, 1),
    )


@pytest.fixture(name="make_model")
def make_model_fixture() -> Callable[..., Model]:
    return make_model


@pytest.fixture
def one_line() -> Callable[[pytest.ExceptionInfo, object], str]:
    """The text of an error: one line that names ``what`` it is about and says what to do."""

    def check(error: pytest.ExceptionInfo, what: object) -> str:
        text = str(error.value)
        assert "\n" not in text
        assert str(what) in text
        assert re.search(r": .*(record|make|set|needs)", text)
        return text

    return check
