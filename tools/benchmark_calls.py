"""What benchmark_graph.py times: queries of ours, and the same of other libraries, on made data.

The functions that return a call run in the process that times it, and take arguments by value.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import benchmark_peers as peers
import numpy as np
from benchmark_race import Call, Timing, timed

OURS, JITTED = "ours", "ours, in jit"


def filterer(way: str, name: str, steps: int) -> Call:
    import jax

    truth, readings = _parameters(4), _readings(4, steps)
    if name.startswith(OURS):
        model = _learned_model(4) if "learned" in name else _known_model(truth)
        if way == "scan":
            return partial(model.filter, {"state": jax.numpy.asarray(readings)}), _nothing
        rows, step = list(readings), model.step
        if name == JITTED:
            step = jax.jit(model.step)

        def ours() -> Any:
            state = model.start()
            for row in rows:
                state = jax.block_until_ready(step(state, {"state": row}))
            return state

        return ours, _nothing
    values = jax.numpy.asarray(readings)
    if way == "scan":
        run = jax.jit(peers.query("filter", *name.split(", "))[0])
        return lambda: jax.block_until_ready(run(truth, values)), _nothing
    start, step = peers.stream(truth)
    rows = list(readings)

    def theirs() -> Any:
        state = start
        for row in rows:
            state = jax.block_until_ready(step(state, row))
        return state

    return theirs, _nothing


def smoother(name: str, steps: int) -> Call:
    import jax

    truth, readings = _parameters(2), _readings(2, steps)
    values = jax.numpy.asarray(readings)
    if name.startswith(OURS):
        model = _known_model(truth)

        def ours(values: jax.Array = values) -> peers.Found:
            found = model.smooth({"state": values})
            return peers.Found(found.joint.mean, found.joint.root, found.evidence)

        compiled = jax.jit(ours)
        call = partial(compiled, values) if name == JITTED else ours
        return lambda: jax.block_until_ready(call()), partial(_error, truth, readings, True)
    query, rooted = peers.query("smooth", *name.split(", "))
    run = jax.jit(query)
    return lambda: jax.block_until_ready(run(truth, values)), partial(
        _error, truth, readings, rooted
    )


def planner(name: str) -> Call:
    from jopa_agent.agent import Belief

    model = _learned_model(4, controls=1) if "learned" in name else _known_model(_parameters(4), 1)
    observations = {"state": np.full((21, 4), np.nan)}
    observations["state"][-1] = 1.0
    prior = Belief(np.zeros(4), 0.01 * np.eye(4))
    return lambda: model.plan(observations, prior=prior), _nothing


def learner(d: int, count: int, steps: int, iterations: int) -> Call:
    from jopa_agent.agent import Block, FixedSensor, JointModel, LearnedLinear

    model = JointModel(
        [Block("state", LearnedLinear(d, controls=1), FixedSensor(np.eye(d), 0.01 * np.eye(d)))]
    )
    rng = np.random.default_rng(0)
    data = [
        {"state": _readings(d, steps, seed), "control": rng.normal(size=(steps - 1, 1))}
        for seed in range(count)
    ]

    def report(found: Any) -> float:
        energy = np.asarray(found[1].free_energy)
        return float(np.diff(energy).max() / np.abs(energy).max())

    return lambda: model.learn(data, iterations=iterations), report


def compiled_anew(name: str) -> tuple[Timing, int]:
    """What the first call takes beyond a warm one and how many programs are compiled for it; and
    how many for what is new later."""
    import jax
    from jopa_agent.agent import Belief

    jax.config.update("jax_enable_compilation_cache", False)
    jax.block_until_ready(jax.jit(lambda x: x + 1)(np.ones(3)))
    compiled: list[str] = []

    def heard(event: str, duration_secs: float, **_: Any) -> None:
        if "backend_compile" in event:
            compiled.append(f"{event} {duration_secs}")

    jax.monitoring.register_event_duration_secs_listener(heard)

    def call(seed: int) -> tuple[float, float, int]:
        model = _learned_model(4, controls=1, seed=seed)
        data = {"state": _readings(4, 80, seed), "control": np.full((79, 1), 0.1 * seed)}
        goal = {"state": np.concatenate([np.full((20, 4), np.nan), _readings(4, 1, seed)])}
        prior = Belief(0.1 * seed * np.ones(4), np.eye(4))
        start = model.start()
        queries = {
            "filter": lambda: model.filter(data, prior=prior).joint,
            "step": lambda: model.step(start, {"state": data["state"][0]}).joint,
            "smooth": lambda: model.smooth(data, prior=prior).joint,
            "plan": lambda: model.plan(goal, prior=prior).actions,
            "plan within limits": lambda: (
                model.plan(goal, prior=prior, control_limits=(-1, 1)).actions
            ),
            "learn": lambda: model.learn([data])[1].free_energy,
        }
        compiled.clear()
        wall, cpu = timed(lambda: jax.block_until_ready(queries[name]()))
        return wall, cpu, len(compiled)

    (wall, cpu, programs), *warm = (call(seed) for seed in range(4))
    walls, cpus, again = zip(*warm, strict=True)
    return Timing(wall - min(walls), cpu - min(cpus), max(again)), programs


def _parameters(d: int) -> peers.Parameters:
    """A slow rotation that fades, with full matrices, every coordinate read."""
    import jax.numpy as jnp

    rng = np.random.default_rng(d)
    skew = rng.normal(size=(d, d))
    turn = np.linalg.qr(np.eye(d) + 0.1 * (skew - skew.T))[0]
    noise = 0.02 * np.eye(d) + 0.005 * np.ones((d, d))
    sensor = np.eye(d) + 0.2 * np.eye(d, k=1)
    values = (np.zeros(d), np.eye(d), 0.99 * turn, noise, sensor, 0.1 * np.eye(d))
    return peers.Parameters(*(jnp.asarray(value, jnp.float32) for value in values))


def _readings(d: int, steps: int, seed: int = 0) -> np.ndarray:
    """``(steps, d)`` float32, as the parameters say."""
    truth = [np.asarray(value, np.float64) for value in _parameters(d)]
    rng = np.random.default_rng(seed)
    drive = rng.normal(size=(steps, d)) @ np.linalg.cholesky(truth[3]).T
    states, state = np.empty((steps, d)), rng.normal(size=d)
    for t in range(steps):
        states[t] = state
        state = truth[2] @ state + drive[t]
    read = states @ truth[4].T + rng.normal(size=(steps, d)) * np.sqrt(np.diag(truth[5]))
    return read.astype(np.float32)


def _known_model(truth: peers.Parameters, controls: int = 0) -> Any:
    from jopa_agent.agent import Belief, Block, FixedSensor, JointModel, KnownLinear

    transition = KnownLinear(truth.A, truth.Q, B=np.eye(len(truth.mean), controls))
    sensor = FixedSensor(truth.C, truth.R)
    return JointModel([Block("state", transition, sensor, Belief(truth.mean, truth.cov))])


def _learned_model(d: int, controls: int = 0, seed: int = 0) -> Any:
    """With uncertain parameters that are centred on known ones."""
    from jopa_agent.agent import Block, FixedSensor, JointModel, LearnedLinear, MatrixNormalWishart

    truth = _parameters(d)
    prior = MatrixNormalWishart(
        np.concatenate([truth.A, (1 + 0.1 * seed) * np.eye(d, controls)], axis=1),
        100.0 * np.eye(d + controls),
        100.0 * np.asarray(truth.Q),
        100.0,
    )
    transition = LearnedLinear(d, controls=controls, prior=prior)
    return JointModel([Block("state", transition, FixedSensor(truth.C, truth.R))])


def _error(truth: peers.Parameters, readings: np.ndarray, rooted: bool, found: Any) -> float:
    """Largest deviation from a plain smoother in float64, over the first steps, in sigmas.

    The start of a long trajectory is compared with that of one of 10,000 steps: what comes later
    says nothing about it.
    """
    head = readings[:10_000].astype(np.float64)
    compared = len(readings) if len(readings) <= len(head) else len(head) // 2
    mean, cov = _plain_smoother([np.asarray(x, np.float64) for x in truth], head)
    sigma = np.sqrt(np.diagonal(cov, axis1=1, axis2=2))[:compared]
    spread = np.asarray(found.spread[:compared], np.float64)
    spread = spread @ spread.transpose(0, 2, 1) if rooted else spread
    off_mean = np.abs(np.asarray(found.mean[:compared]) - mean[:compared]) / sigma
    off_cov = np.abs(spread - cov[:compared]) / (sigma[:, :, None] * sigma[:, None])
    return float(np.maximum(off_mean.max(), off_cov.max()))


def _plain_smoother(
    truth: Sequence[np.ndarray], readings: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rauch, Tung and Striebel's smoother, in the precision of its arguments."""
    mean, cov, A, Q, C, R = truth
    ahead, filtered = [], []
    for reading in readings:
        ahead.append((mean, cov))
        gain = np.linalg.solve(C @ cov @ C.T + R, C @ cov).T
        rest = np.eye(len(mean)) - gain @ C
        mean = mean + gain @ (reading - C @ mean)
        cov = rest @ cov @ rest.T + gain @ R @ gain.T
        filtered.append((mean, cov))
        mean, cov = A @ mean, A @ cov @ A.T + Q
    found = [filtered[-1]]
    for (next_mean, next_cov), (mean, cov) in zip(
        reversed(ahead[1:]), reversed(filtered[:-1]), strict=True
    ):
        gain = np.linalg.solve(next_cov, A @ cov).T
        later_mean, later_cov = found[-1]
        cov = cov + gain @ (later_cov - next_cov) @ gain.T
        found.append((mean + gain @ (later_mean - next_mean), cov))
    means, covs = zip(*reversed(found), strict=True)
    return np.stack(means), np.stack(covs)


def _nothing(_: Any) -> float:
    return 0.0
