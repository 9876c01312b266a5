"""Queries compile once: new data and new parameters of the same sizes never do again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax.monitoring
import numpy as np
import pytest
from jopa_agent.agent import (
    Belief,
    Block,
    FixedSensor,
    Frozen,
    Gaussian,
    JointModel,
    LearnedLinear,
    MatrixNormalWishart,
)

from .cases import spd, stable

pytestmark = pytest.mark.usefixtures("float64")


@contextmanager
def compilations() -> Iterator[list[str]]:
    """The names of all functions that are compiled meanwhile."""
    found: list[str] = []

    def listen(event: str, duration_secs: float, **kwargs: Any) -> None:
        del duration_secs
        if event == "/jax/core/compile/backend_compile_duration":
            found.append(str(kwargs.get("fun_name", event)))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def encode(observation) -> Gaussian:
    precision = np.eye(2) * 4.0
    return Gaussian.of(precision @ observation, precision)


def a_model(seed: int, sensor=None) -> JointModel:
    rng = np.random.default_rng(seed)
    mean = np.concatenate([stable(rng, 2), rng.normal(size=(2, 1))], axis=1)
    prior = MatrixNormalWishart(mean, 40 * spd(rng, 3), spd(rng, 2), 12.0)
    sensor = FixedSensor(np.eye(2), 0.01 * spd(rng, 2)) if sensor is None else sensor
    return JointModel(
        [Block("a", LearnedLinear(2, 1, prior), sensor, Belief(rng.normal(size=2), spd(rng, 2)))]
    )


def recorded(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Of 17 or 18 steps, which are padded alike."""
    rng = np.random.default_rng(seed)
    steps = 17 + seed % 2
    readings = rng.normal(size=(steps, 2))
    readings[rng.random((steps, 2)) < 0.2] = np.nan
    return readings, rng.normal(size=(steps - 1, 1))


def smooth(seed: int) -> None:
    readings, controls = recorded(seed)
    prior = Belief(np.ones(2) * seed, (seed + 1) * np.eye(2))
    a_model(seed).smooth({"a": readings}, controls, prior=prior)


def predict(seed: int) -> None:
    readings, controls = recorded(seed)
    length = 12 + seed
    a_model(seed).smooth({"a": readings[:length]}, controls[: length - 1], n_predict=18 - length)


def filtering(seed: int) -> None:
    readings, controls = recorded(seed)
    a_model(seed).filter({"a": list(readings)}, controls)


def stream(seed: int) -> None:
    readings, controls = recorded(seed)
    model = a_model(seed)
    state = model.step(model.start(), {"a": readings[0]})
    state = model.step(state, {"a": readings[1]}, controls[0])
    state = model.step(state, {"a": None}, controls[1])
    model.step(state, None, controls[2])


def encoded_stream(seed: int) -> None:
    """What an encoder sees may be missing at any step, the first one among them."""
    readings, controls = recorded(seed)
    model, readings = a_model(seed, Frozen(encode)), np.nan_to_num(readings)
    state = model.start()
    for t in range(6):
        told = {"a": None if t % 3 == seed % 3 else readings[t]}
        state = model.step(state, told, None if t == 0 else controls[t])


def plan(seed: int) -> None:
    goals = np.full((17 + seed % 2, 2), np.nan)
    goals[[seed, -1]] = 1.0, -1.0
    prior = Belief(np.ones(2) * seed, (seed + 1) * np.eye(2))
    effort = Belief(np.ones(1) * seed, (seed + 1) * np.eye(1))
    a_model(seed).plan({"a": goals}, prior=prior, prior_u=effort)


def plan_to_messages(seed: int) -> None:
    """Goals as messages, at other steps and of another rank."""
    goals: list = [None] * 18
    goals[5 + seed] = Gaussian.at([1.0, seed], np.diag([1.0, seed % 2]))
    goals[-1] = Gaussian.at([seed, 0.0], np.eye(2))
    a_model(seed).plan({"a": goals})


def limited_plan(seed: int) -> None:
    goals: list = [None] * (17 + seed % 2)
    goals[-1] = np.array([1.0, seed])
    a_model(seed).plan({"a": goals}, control_limits=(-0.1 * (seed + 1), 0.2))


def learn(seed: int) -> None:
    """Three trajectories, of which none, some or all miss the same readings."""
    rng, data = np.random.default_rng(seed), []
    for k in range(3):
        readings = rng.normal(size=(17, 2))
        if k < seed % 4:
            readings[k + 1] = np.nan
        data.append({"a": readings, "control": rng.normal(size=(16, 1))})
    a_model(seed).learn(data, iterations=5 + seed)


QUERIES = [
    smooth, predict, filtering, stream, encoded_stream, plan, plan_to_messages, limited_plan, learn,
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_compiles_twice(query: Callable[[int], None]):
    """After the first call; learning, after one from trajectories that miss nothing and one from
    some that do, for the former share their covariances."""
    warm_up = 2 if query is learn else 1
    for seed in range(warm_up):
        query(seed)
    with compilations() as found:
        for seed in range(warm_up, 5):
            query(seed)
    assert found == []


def test_compilations_are_counted():
    """The count itself can fail: a new length compiles."""
    filtering(0)
    with compilations() as found:
        a_model(0).filter({"a": np.zeros((7, 2))}, np.zeros((6, 1)))
    assert any("filter" in name for name in found)
