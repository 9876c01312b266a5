"""Smoothing and filtering in parallel, against one dense joint Gaussian and the sequential pass."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.graph.associative import (
    backward_messages,
    filter_parallel,
    prefixes,
    recurrence,
    smooth_parallel,
)
from jopa_agent.agent.graph.chain import Chain
from jopa_agent.agent.graph.gaussian import Belief
from jopa_agent.agent.graph.rows import Rows
from jopa_agent.agent.graph.smooth import backward_laws, smooth
from jopa_agent.agent.graph.square_root import triangle

from . import dense

smoothed = jax.jit(smooth_parallel)
filtered = jax.jit(filter_parallel)
one_by_one = jax.jit(smooth)


class Sizes(NamedTuple):
    """``q`` noises, ``m`` rows a step and ``k`` doubts; a root of the prior with ``r`` columns."""

    steps: int
    n: int
    q: int
    m: int
    k: int = 0
    r: int | None = None


SIZES = [
    Sizes(1, 1, 1, 1),
    Sizes(2, 2, 1, 1),
    Sizes(9, 1, 2, 3, k=1),
    Sizes(17, 2, 2, 1, r=0),
    Sizes(33, 3, 1, 2, k=2, r=1),
]


def make_chain(sizes: Sizes, seed: int = 0) -> Chain:
    """Every factor changes from step to step; a third of the steps are not seen."""
    steps, n, q, m, k, r = sizes
    rng = np.random.default_rng(seed)

    def rows(count: int, size: int, width: int) -> Rows:
        matrix = rng.normal(size=(count, size, width))
        matrix[rng.random(count) < 1 / 3] = 0
        value, scale = rng.normal(size=(count, size)), rng.normal(size=count) * (size > 0)
        return Rows(*(jnp.asarray(each) for each in (matrix, value, scale)))

    root = rng.normal(size=(n, n)) * (np.arange(n) < (n if r is None else r))
    prior = Belief.of(jnp.asarray(rng.normal(size=n)), jnp.asarray(root))
    along, offset, noise = (
        jnp.asarray(rng.normal(size=(steps - 1, *shape)) * 0.8 / n**0.5)
        for shape in ((n, n), (n,), (n, q))
    )
    return Chain(prior, along, offset, noise, rows(steps, m, n), rows(steps - 1, k, n + q))


def told(chain: Chain) -> list[dense.Observation]:
    """All rows, as observations of unit noise. A doubt about ``(x_t, w_t)`` is dated to the step
    after it."""
    n = chain.offset.shape[1]

    def observation(terms, value, scale) -> dense.Observation:
        terms = {label: np.asarray(term) for label, term in terms.items()}
        constant = 0.5 * len(value) * np.log(2 * np.pi)
        return dense.Observation(
            terms, np.asarray(value), np.eye(len(value)), float(scale) + constant
        )

    found = [
        observation({("x", t): matrix}, value, scale)
        for t, (matrix, value, scale) in enumerate(zip(*chain.rows, strict=True))
    ]
    for t, (matrix, value, scale) in enumerate(zip(*chain.doubts, strict=True)):
        ahead = np.zeros((len(value), n))
        terms = {("x", t): matrix[:, :n], ("u", t): matrix[:, n:], ("x", t + 1): ahead}
        found.append(observation(terms, value, scale))
    return found


def model_of(chain: Chain) -> dense.Chain:
    """The noises are the controls there, so that they too have a posterior."""
    n, q = chain.noise.shape[1:]
    blank = dense.chain(
        chain.prior.mean,
        chain.prior.cov,
        chain.along,
        np.zeros((n, n)),
        offset=chain.offset,
        control=np.zeros((n, q)),
        action_cov=np.eye(q),
    )
    return replace(blank, control=np.asarray(chain.noise))


def covariances(roots: jax.Array) -> np.ndarray:
    return np.asarray(roots @ roots.mT)


def near(found, expected, tolerance: float = 1e-9) -> None:
    """Within ``tolerance`` of the largest of what is expected, or of 1."""
    expected = np.asarray(expected)
    size = max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * size)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("sizes", SIZES)
def test_the_smoother_is_the_joint_conditioned_on_all_rows(sizes: Sizes):
    chain = make_chain(sizes)
    found = smoothed(chain)
    expected = dense.posterior(model_of(chain), told(chain))
    near(found.states.mean, expected.mean)
    near(covariances(found.states.root), expected.cov)
    near(found.evidence, expected.log_evidence)
    if sizes.steps > 1:
        mean, cov = expected.actions
        near(found.noises, mean)
        along = found.gains @ found.states.root[:-1]
        near(covariances(jnp.concatenate([along, found.noise_roots], axis=2)), cov)
        near(found.gains, dense.gains(model_of(chain), told(chain)))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("sizes", [each._replace(steps=min(each.steps, 17)) for each in SIZES])
def test_the_filter_is_the_joint_conditioned_on_the_rows_so_far(sizes: Sizes):
    chain = make_chain(sizes, seed=1)
    found = filtered(chain)
    expected = dense.filtered(model_of(chain), told(chain))
    near(found.belief.mean, expected.mean)
    near(covariances(found.belief.root), expected.cov)
    near(found.evidence, expected.log_evidence)
    misses = chain.rows.value - jnp.einsum("tmn,tn->tm", chain.rows.matrix, expected.predicted_mean)
    if sizes.k == 0:  # a doubt moves the prediction once more
        spread = chain.rows.matrix @ expected.predicted_cov @ chain.rows.matrix.mT
        white = jnp.linalg.solve(spread + jnp.eye(sizes.m), misses[..., None])[..., 0]
        near(jnp.sum(found.surprise**2, axis=1), jnp.sum(misses * white, axis=1))


@pytest.mark.usefixtures("float64")
def test_messages_from_the_future_are_those_of_the_sequential_pass():
    chain = make_chain(SIZES[4])
    found, expected = backward_messages(chain), backward_laws(chain).future
    near(found.mT @ found, expected.mT @ expected)


@pytest.mark.usefixtures("float64")
def test_a_batch_is_a_loop():
    chains = [make_chain(SIZES[3], seed=seed) for seed in range(3)]
    batch = jax.vmap(smooth_parallel)(jax.tree.map(lambda *each: jnp.stack(each), *chains))
    for i, chain in enumerate(chains):
        single = smoothed(chain)
        near(batch.states.mean[i], single.states.mean, 1e-12)
        near(batch.evidence[i], single.evidence, 1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("query", "sizes"),
    [("smooth", Sizes(6, 3, 1, 2, k=2, r=1)), ("filter", Sizes(6, 3, 3, 1, k=1))],
)
def test_gradients_are_those_of_differences(query: str, sizes: Sizes):
    """With fewer rows than coordinates; of the smoother also with singular noise and prior."""
    chain = make_chain(sizes)

    def score(chain: Chain) -> jax.Array:
        if query == "smooth":
            found = smooth_parallel(chain)
            states, evidence = found.states, found.evidence
        else:
            found = filter_parallel(chain)
            states, evidence = found.belief, found.evidence.sum()
        return evidence + jnp.sum(states.mean**2) + jnp.sum(jnp.cos(states.cov))

    score_of, gradient = jax.jit(score), jax.jit(jax.grad(score))(chain)
    rng = np.random.default_rng(2)
    change = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), chain)
    step = 1e-5
    ahead, behind = (
        score_of(jax.tree.map(lambda x, dx, s=s: x + s * step * dx, chain, change)) for s in (1, -1)
    )
    slopes = jax.tree.map(lambda g, dx: jnp.sum(g * dx), gradient, change)
    expected = (ahead - behind) / (2 * step)
    # the error of central differences is of the square of the step
    assert float(sum(jax.tree.leaves(slopes))) == pytest.approx(float(expected), rel=1e-6)


def hard_chain(steps: int) -> Chain:
    """Sensors whose precisions span a factor of 10⁶ in directions that are not the coordinates'."""
    rng = np.random.default_rng(3)
    turn, mix = (np.linalg.qr(rng.normal(size=(2, 2)))[0] for _ in range(2))
    seen = np.where(rng.random(steps) < 0.2, 0.0, 1.0)[:, None, None] * (np.diag([1e3, 1.0]) @ mix)
    state, states = np.zeros(2), []
    for _ in range(steps):
        states.append(state)
        state = 0.99 * turn @ state + 0.3 * rng.normal(size=2)
    value = np.einsum("tmn,tn->tm", seen, np.stack(states)) + rng.normal(size=(steps, 2))

    def constant(x: np.ndarray) -> jax.Array:
        return jnp.asarray(np.broadcast_to(x, (steps - 1, *x.shape)), jnp.float32)

    rows = Rows(*(jnp.asarray(x, jnp.float32) for x in (seen, value, np.zeros(steps))))
    doubts = Rows(*(constant(np.zeros(shape)) for shape in ((0, 4), (0,), ())))
    prior = Belief.of(jnp.zeros(2, jnp.float32), 10 * jnp.eye(2, dtype=jnp.float32))
    return Chain(
        prior, constant(0.99 * turn), constant(np.zeros(2)), constant(0.3 * np.eye(2)), rows, doubts
    )


@pytest.mark.parametrize("query", ["smooth", "filter"])
def test_single_precision_holds_on_a_long_hard_chain(query: str):
    """Means to a thousandth of a sigma, covariances to a thousandth in units of sigmas."""
    run = smoothed if query == "smooth" else filtered
    chain = hard_chain(100_000)
    found = run(chain)
    with jax.enable_x64(True):
        expected = run(jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), chain))
        if query == "smooth":
            exact = one_by_one(jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), chain))
            near(expected.states.mean, exact.states.mean)
            near(covariances(expected.states.root), covariances(exact.states.root))
            near(expected.evidence / exact.evidence, 1.0)
    got, true = (x.states if query == "smooth" else x.belief for x in (found, expected))
    assert got.mean.dtype == jnp.float32
    sigma = np.asarray(true.std)
    assert np.abs((got.mean - true.mean) / sigma).max() < 1e-3
    error = covariances(got.root) - covariances(true.root)
    assert np.abs(error / (sigma[:, :, None] * sigma[:, None])).max() < 1e-3
    assert float(found.evidence.sum()) == pytest.approx(float(expected.evidence.sum()), rel=1e-4)


@pytest.mark.parametrize("reverse", [False, True])
def test_prefixes_are_the_products_of_a_loop(reverse: bool):
    """Of integer matrices, which do not commute, modulo a prime: to the last bit."""
    rng = np.random.default_rng(4)
    found = jax.jit(
        lambda stack: prefixes(lambda a, b: (a @ b) % 101, stack, jnp.eye(2, dtype=int), reverse)
    )
    for count in (0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 31):
        stack = rng.integers(0, 101, (count, 2, 2))
        expected = []
        for i in range(count):
            product = np.eye(2, dtype=int)
            for each in stack[i:] if reverse else stack[: i + 1]:
                product = (product @ each) % 101
            expected.append(product)
        np.testing.assert_array_equal(found(stack), np.reshape(expected, (count, 2, 2)))


@pytest.mark.usefixtures("float64")
def test_a_recurrence_is_a_loop():
    rng = np.random.default_rng(5)
    matrices, vectors = rng.normal(size=(13, 3, 3)), rng.normal(size=(13, 3))
    state = start = rng.normal(size=3)
    expected = []
    for matrix, vector in zip(matrices, vectors, strict=True):
        state = matrix @ state + vector
        expected.append(state)
    near(recurrence(*(jnp.asarray(x) for x in (matrices, vectors, start))), expected, 1e-13)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("shape", "leading"), [((7, 4), 2), ((5, 4), 0), ((2, 4), 0)])
def test_the_derivative_of_a_triangle_is_of_its_matrix(shape: tuple[int, int], leading: int):
    """Of lower rank than columns, but for the leading ones, in which it stays triangular."""
    rng = np.random.default_rng(6)
    rows = rng.normal(size=shape)
    rows[:, 3] = rows[:, :3] @ rng.normal(size=3)
    rows[:, 2] *= leading == 0
    change = rng.normal(size=shape)
    root, turned = jax.jvp(lambda x: triangle(x, leading), (rows,), (change,))
    near(root.T @ root, rows.T @ rows, 1e-13)
    near(root.T @ turned + turned.T @ root, rows.T @ change + change.T @ rows, 1e-13)
    near(np.tril(turned[:, :leading], -1), np.zeros((root.shape[0], leading)), 1e-13)


@pytest.mark.parametrize("query", [smooth_parallel, filter_parallel])
def test_the_program_does_not_grow_with_time(query):
    def decompositions(steps: int) -> int:
        shapes = jax.eval_shape(lambda: make_shapes(steps))
        return count_of("qr", jax.make_jaxpr(query)(shapes).jaxpr)

    assert decompositions(100_000) == decompositions(100) > 0


def count_of(primitive: str, program: Any) -> int:
    """How often ``primitive`` stands in a program and in those that it calls."""
    count = 0
    for line in program.eqns:
        inner = [getattr(each, "jaxpr", None) for each in line.params.values()]
        count += line.primitive.name == primitive
        count += sum(count_of(primitive, each) for each in inner if hasattr(each, "eqns"))
    return count


def make_shapes(steps: int) -> Chain:
    def zeros(*shape: int) -> jax.Array:
        return jnp.zeros(shape)

    rows = Rows(zeros(steps, 2, 3), zeros(steps, 2), zeros(steps))
    doubts = Rows(zeros(steps - 1, 1, 5), zeros(steps - 1, 1), zeros(steps - 1))
    transition = (zeros(steps - 1, 3, 3), zeros(steps - 1, 3), zeros(steps - 1, 3, 2))
    return Chain(Belief.of(zeros(3), zeros(3, 3)), *transition, rows, doubts)
