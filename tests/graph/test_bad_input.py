"""What a user gets wrong: each is refused in one line that says what, why, and what to do."""

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent import (
    Belief,
    Block,
    CallableProcessNoise,
    CallableSensor,
    FixedSensor,
    Frozen,
    Gaussian,
    JointModel,
    KnownLinear,
    KnownPhysics,
    LearnedFeatures,
    LearnedLinear,
    LinearCoupling,
    LinearGaussianModel,
    ModelStructure,
    PolynomialFeatures,
    Skeleton,
    polynomial_powers,
)

I = np.eye(2)  # noqa: E741
MOVES = KnownLinear(0.9 * I, 0.1 * I, np.ones((2, 1)))
SEES = FixedSensor(I, I)
MODEL = JointModel([Block("a", MOVES, SEES)])
LEARNS = JointModel([Block("a", LearnedLinear(2, 1), SEES)])
OTHER = JointModel([Block("a", KnownLinear(np.eye(3), np.eye(3), np.ones((3, 1))))])
Y, U = np.zeros((6, 2)), np.zeros((5, 1))
Y_INF = np.where(np.arange(12).reshape(6, 2) == 4, np.inf, 0.0)
GOAL = [None] * 5 + [[1.0, 0.0]]
POWERS = polynomial_powers(2, 1, 2, 0)
ROLES = LinearGaussianModel(0.9 * I, I, I, I, Belief([0.0, 0.0], I), control=[[0.0], [1.0]])


def encoding(size: int) -> Frozen:
    """An encoder whose messages are about ``size`` coordinates."""
    return Frozen(lambda y: Gaussian.of(jnp.ones(size) * y[0], jnp.eye(size)))


def outside_jax(size: int) -> Frozen:
    return Frozen(lambda y: Gaussian(np.ones(size) * float(y[0]), np.eye(size)))


def growing(y: Any) -> Gaussian:
    size = 1 + int(y[0])
    return Gaussian(np.ones(size), np.eye(size))


def encoded(sensor: Frozen) -> JointModel:
    return JointModel([Block("a", MOVES, sensor)])


def physics(noise: Any) -> KnownPhysics:
    return KnownPhysics(2, 0, noise=noise, function=lambda x, _: x)


def varying(matrix: Any) -> Callable:
    return lambda x: jnp.asarray(matrix, x.dtype) + 0 * x[0]


def callable_block(matrix: Any) -> Block:
    return Block("a", MOVES, CallableSensor(lambda x: x, varying(matrix), 2))


def scored(precision: Any) -> Any:
    return ROLES.expected_free_energy(np.zeros((2, 1)), [0.0, 0.0], precision)


def sized(dim: int) -> Skeleton:
    one = jnp.eye(dim)
    return Skeleton(one, one, jnp.zeros((dim, 0)), one)


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    # values of concrete jax arrays
    "smooth, jax controls": (
        lambda: MODEL.smooth({"a": Y}, jnp.array(U) * jnp.nan), "controls at step 0 is"),
    "smooth, jax observations": (
        lambda: MODEL.smooth({"a": jnp.array(Y_INF)}, U), "observation 2 of 'a' is infinite"),
    "learn, jax controls": (
        lambda: LEARNS.learn([{"a": Y, "control": jnp.array(U) * jnp.nan}]),
        "trajectory 0: controls at step 0 is"),
    # messages of another size
    "message too short": (
        lambda: encoded(encoding(1)).smooth({"a": Y}, U),
        "the encoder of 'a' returned a message about (1,) coordinates, but the state of its "
        "block has (2,)"),
    "message too long": (
        lambda: encoded(encoding(3)).smooth({"a": Y}, U), "the encoder of 'a' returned"),
    "message too short, outside jax": (
        lambda: encoded(outside_jax(1)).smooth({"a": Y}, U), "the encoder of 'a' returned"),
    "message too short, stream": (
        lambda: encoded(encoding(1)).step(encoded(SEES).start(), {"a": Y[0]}),
        "the encoder of 'a' returned"),
    "messages of several sizes": (
        lambda: encoded(Frozen(growing)).smooth({"a": np.arange(12.0).reshape(6, 2)}, U),
        "the encoder of 'a' returned messages about [(1,), (3,), (5,)"),
    # preferences
    "negative preference": (
        lambda: scored(-I), "preference_precision has the negative eigenvalue"),
    "asymmetric preference": (
        lambda: scored([[1.0, 0.5], [0.0, 1.0]]), "preference_precision is not symmetric"),
    # features
    "scale of zero": (lambda: PolynomialFeatures([1, 0, 1], POWERS), "scale[1] is 0"),
    "scale below zero": (lambda: PolynomialFeatures([1, 1, -2.0], POWERS), "scale[2] is -2"),
    "scale too short": (lambda: PolynomialFeatures([1.0, 1.0], POWERS), "scale has the shape (2,)"),
    "reach of zero": (lambda: PolynomialFeatures(np.ones(3), POWERS, 0.0), "reach is 0.0"),
    "reach of text": (lambda: PolynomialFeatures(np.ones(3), POWERS, "far"), "reach is 'far'"),
    "powers without a prefix": (
        lambda: PolynomialFeatures(np.ones(2), ((), (0, 1))), "powers hold (0, 1)"),
    "no powers": (lambda: PolynomialFeatures(np.ones(2), ()), "powers are ()"),
    "powers that are no list": (lambda: PolynomialFeatures(np.ones(2), 3), "powers are 3"),
    "degree below zero": (lambda: polynomial_powers(2, 1, -1, 0), "degree is -1"),
    "degree of controls": (lambda: polynomial_powers(2, 1, 1, -1), "control_degree is -1"),
    "more seen than there is": (
        lambda: LearnedFeatures(2, lambda x: x, seen=5), "seen is 5, but the state has 2"),
    # choices of inference
    "inference by name": (
        lambda: JointModel(MODEL.blocks, inference="cubature"), "inference is 'cubature'"),
    "under a name": (lambda: MODEL.under("cubature"), "inference is 'cubature'"),
    "under nothing true": (lambda: JointModel(MODEL.blocks, inference=0), "inference is 0"),
    # noise by a user's function
    "R(x) of negative variance": (
        lambda: callable_block(-I), "observe of block 'a', at the mean of the block's prior: noise "
        "R(x) has the negative eigenvalue"),
    "R(x) asymmetric": (lambda: callable_block([[1, 0.5], [0, 1]]), "observe of block 'a', at"),
    "R(x) of NaN": (lambda: callable_block(np.nan * I), "observe of block 'a', at"),
    "Q(x) of negative variance": (
        lambda: Block("a", physics(CallableProcessNoise(varying(-I)))),
        "transition of block 'a', at the mean of the block's prior: noise Q(x) has the negative"),
    "Q(x) asymmetric": (
        lambda: Block("a", physics(CallableProcessNoise(varying([[1, 0.5], [0, 1]])))),
        "transition of block 'a', at the mean of the block's prior: noise Q(x) is not symmetric"),
    "Q(x) of NaN": (
        lambda: Block("a", physics(CallableProcessNoise(varying(np.nan * I)))),
        "transition of block 'a', at"),
    "Q(x) by a bare function": (
        lambda: physics(lambda x: x), "noise is function: a bare function"),
    # what would be left out
    "controls in a plan": (
        lambda: MODEL.plan({"a": GOAL, "control": U}), "observations hold 'control'"),
    "controls in a step": (
        lambda: MODEL.step(MODEL.start(), {"a": Y[0], "control": U[0]}),
        "observation holds 'control'"),
    "controls in adapt": (
        lambda: LEARNS.adapt(LEARNS.start(), {"a": Y[0], "control": U[0]}),
        "observation holds 'control'"),
    "controls twice, smooth": (
        lambda: MODEL.smooth({"a": Y, "control": U}, U), "controls are given twice"),
    "controls twice, filter": (
        lambda: MODEL.filter({"a": Y, "control": U}, U), "controls are given twice"),
    "forgetting of what is joint": (
        lambda: LEARNS.learn([{"a": Y, "control": U}], forgetting=0.5),
        "forgetting is 0.5, but mode is 'joint'"),
    "a control before the first step": (
        lambda: MODEL.step(MODEL.start(), {"a": Y[0]}, U[0]),
        "control is given at the first step"),
    # a stream's arguments
    "an array for a dict": (
        lambda: MODEL.step(MODEL.start(), Y[0]), "observation is ndarray"),
    "no state": (lambda: MODEL.step(None, {"a": Y[0]}), "state is NoneType"),
    "a belief for a state": (
        lambda: MODEL.step(Belief([0.0, 0.0], I), {"a": Y[0]}), "state is Belief"),
    "a state of another model": (
        lambda: MODEL.step(OTHER.start(), {"a": Y[0]}),
        "state is about (3,) coordinates, but the model has (2,)"),
    "no state to adapt": (lambda: LEARNS.adapt(None, {"a": Y[0]}), "state is NoneType"),
    # lists
    "one block": (lambda: JointModel(MODEL.blocks[0]), "blocks is Block"),
    "a number of blocks": (lambda: JointModel(3), "blocks is int"),
    "one coupling": (
        lambda: JointModel(MODEL.blocks, LinearCoupling("a", "b", I, I)),
        "couplings is LinearCoupling"),
    # kinds
    "prior of a linear factor": (lambda: LearnedLinear(2, 1, 3), "prior is int"),
    "prior of a factorised one": (
        lambda: LearnedLinear.factorised(2, 1, "a"), "prior is str: it would not be understood"),
    "prior of features": (lambda: LearnedFeatures(2, lambda x: x, 0, 3), "prior is int"),
    "skeleton": (lambda: LearnedFeatures(2, lambda x: x, skeleton=3), "skeleton is int"),
    "skeleton of another size": (
        lambda: LearnedFeatures(2, lambda x: x, skeleton=sized(3)), "skeleton has the shapes"),
    # numbers
    "seed of text": (lambda: MODEL.plan({"a": GOAL}, seed="x"), "seed is 'x'"),
    "seed of a fraction": (lambda: MODEL.plan({"a": GOAL}, seed=0.5), "seed is 0.5"),
    "seed too large": (lambda: MODEL.plan({"a": GOAL}, seed=2**40), "seed is 1099511627776"),
    "forgetting of text, adapt": (
        lambda: LEARNS.adapt(LEARNS.start(), {"a": Y[0]}, forgetting="a"), "forgetting is 'a'"),
    "forgetting of text, learn": (
        lambda: LEARNS.learn([{"a": Y, "control": U}], forgetting="a"), "forgetting is 'a'"),
    "observations of text": (
        lambda: MODEL.smooth({"a": ["x"] * 6}, U), "observation 0 of 'a' is no vector of numbers"),
    "controls of text": (
        lambda: MODEL.smooth({"a": Y}, ["x"] * 5), "controls are no array of numbers"),
    # structure
    "a factor of one index": (
        lambda: ModelStructure.from_dicts(factors={"a": 0}), "factors['a'] is 0"),
    "a dict for pairs": (lambda: ModelStructure(factors={"a": [0]}), "factors is dict"),
    "pairs for a dict": (
        lambda: ModelStructure.from_dicts(roles=[("a", [0])]), "roles is list"),
    "no pair": (lambda: ModelStructure(channels=["arm"]), "channels holds 'arm'"),
    "no list of pairs": (lambda: ModelStructure(factors=3), "factors is 3"),
    # beliefs
    "a singular prior": (
        lambda: MODEL.smooth({"a": Y}, U, prior=Gaussian([0.0, 0.0], np.diag([1.0, 0.0]))),
        "the precision of prior of 'a' is singular"),
    "a singular prior of controls": (
        lambda: MODEL.plan({"a": GOAL}, prior_u=Gaussian([0.0], [[0.0]])),
        "the precision of prior_u is singular"),
    "no coordinates": (
        lambda: Block("a", KnownLinear(np.zeros((0, 0)), np.zeros((0, 0)))),
        "transition of block 'a' has no coordinates"),
    # messages that were made without checks
    "a message that is no number": (
        lambda: MODEL.smooth({"a": [Gaussian.of(jnp.array([np.nan, 0.0]), I), *[None] * 5]}, U),
        "a message among the observations of 'a': its eta"),
    "a quotient that is no density": (
        lambda: MODEL.smooth({"a": [Gaussian.of(jnp.zeros(2), -I), *[None] * 5]}, U),
        "a message among the observations of 'a': its precision has the negative eigenvalue -1"),
    "options of no M step": (
        lambda: LEARNS.learn([{"a": Y, "control": U}], m_step={"steps": 3}),
        "m_step is given, but no encoder can be refined"),
    "traced limits": (
        lambda: jax.jit(lambda x: MODEL.plan({"a": GOAL}, control_limits=(-x, x)).actions)(1.0),
        "control_limits are traced by jax"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused_in_one_line(name: str) -> None:
    call, said = BAD[name]
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        call()
    line = str(raised.value)
    assert line.startswith(said)
    assert "\n" not in line


def test_a_scale_may_be_a_list_and_features_pass_through_jax() -> None:
    features = PolynomialFeatures([1, 2.0, 1], POWERS, reach=3.0)
    given = jnp.array([2.0, 4.0, -1.0])
    expected = np.array([1, 2, 2, -1, 4, 4, 4])
    for found in (features(given), jax.jit(lambda f, x: f(x))(features, given)):
        assert np.sort(found).tolist() == np.sort(expected).tolist()
    assert jax.tree.map(lambda x: 2 * x, features).scale.tolist() == [2, 4, 2]


def test_jax_observations_with_gaps_are_read_like_numpy() -> None:
    gaps = np.where(np.arange(12).reshape(6, 2) % 5 == 0, np.nan, 1.0)
    for values in (gaps, jnp.array(gaps), jnp.ones((6, 2), jnp.bfloat16)):
        found = SEES.gather("a", values)
        assert found.told.tolist() == [True] * 6
        np.testing.assert_array_equal(found.values, np.asarray(values, np.float32))


def test_noise_is_looked_at_where_the_prior_is() -> None:
    """A function that has no value at zero serves a block that is never there."""
    near = CallableSensor(lambda x: x[:1], lambda x: 1 / x[:1, None], 1)
    with pytest.raises(ValueError, match=r"noise R\(x\)\[0, 0\] is inf"):
        Block("a", MOVES, near)
    Block("a", MOVES, near, Belief([1.0, 0.0], I))


def test_every_public_name_can_be_imported() -> None:
    import jopa_agent.agent as agent

    assert "Skeleton" in agent.__all__
    assert all(getattr(agent, name) is not None for name in agent.__all__)
