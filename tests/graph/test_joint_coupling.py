"""Couplings: exact in all four queries, against the dense Gaussian of all blocks together."""

import numpy as np
import pytest
from jopa_agent.agent import (
    Belief,
    Block,
    FixedSensor,
    JointModel,
    KnownLinear,
    LearnedLinear,
    LinearCoupling,
    MatrixNormalWishart,
)
from scipy.linalg import block_diag

from . import dense
from .cases import at, spd, stable
from .dense_learning import Regression, Sums, divergence, regressed

pytestmark = pytest.mark.usefixtures("float64")

EXACT = 1e-10
HAND, EYE = np.eye(4)[:2], np.eye(4)[2:]


class Pair:
    """A learned hand with a control and a known eye without one, tied; seen or not."""

    def __init__(self, seed: int, cov: float = 0.1) -> None:
        rng = np.random.default_rng(seed)
        self.steps = 12
        self.prior = Regression(
            np.concatenate([stable(rng, 2), rng.normal(size=(2, 1))], axis=1),
            5 * spd(rng, 3), 2 * spd(rng, 2), 8.0,
        )  # fmt: skip
        self.along, self.noise = stable(rng, 2), spd(rng, 2)
        self.matrix, self.offset = rng.normal(size=(2, 2)), rng.normal(size=2)
        self.cov, self.reading = cov * spd(rng, 2), spd(rng, 2)
        self.controls = rng.normal(size=(self.steps - 1, 1))
        self.hand = rng.normal(size=(self.steps, 2))
        self.eye = rng.normal(size=(self.steps, 2)) + self.offset
        self.hand[5:9] = np.nan

    @property
    def model(self) -> JointModel:
        sensor = FixedSensor(np.eye(2), self.reading)
        hand = LearnedLinear(2, 1, MatrixNormalWishart(*vars(self.prior).values()))
        eye = KnownLinear(self.along, self.noise)
        blocks = [Block("hand", hand, sensor), Block("eye", eye, sensor)]
        link = LinearCoupling("hand", "eye", self.matrix, self.cov, self.offset)
        return JointModel(blocks, [link])

    @property
    def observations(self) -> dict[str, np.ndarray]:
        return {"hand": self.hand, "eye": self.eye}

    @property
    def told(self) -> list[dense.Observation]:
        told = []
        for t in range(self.steps):
            told.append(dense.coupling(t, HAND, EYE, self.matrix, self.cov, self.offset))
            told.append(dense.seen(t, HAND, self.hand[t], self.reading))
            told.append(dense.seen(t, EYE, self.eye[t], self.reading))
        return told

    def expected(self, hand: Regression, action_cov=None) -> dense.Chain:
        """The chain of the expected parameters."""
        return dense.chain(
            np.zeros(4), 100 * np.eye(4), block_diag(hand.mean[:, :2], self.along),
            block_diag(np.linalg.inv(hand.expected_precision), self.noise), self.steps,
            control=np.concatenate([hand.mean[:, 2:], np.zeros((2, 1))]),
            action=self.controls if action_cov is None else np.zeros(1), action_cov=action_cov,
        )  # fmt: skip

    def doubts(self, hand: Regression, free: bool = False) -> list[dense.Observation]:
        """What the hand's uncertain parameters add at every transition, ``n zᵀ P⁻¹ z / 2``."""
        root = np.linalg.cholesky(2 * np.linalg.inv(hand.precision)).T
        noise = np.linalg.inv(hand.expected_precision)
        constant = 0.5 * (hand.expected_logdet + np.linalg.slogdet(noise)[1])
        constant += 1.5 * np.log(2 * np.pi)
        found = []
        for t, control in enumerate(self.controls):
            terms = {("x", t): root[:, :2] @ HAND, **({("u", t): root[:, 2:]} if free else {})}
            value = np.zeros(3) if free else -root[:, 2:] @ control
            found.append(dense.Observation(terms, value, np.eye(3), constant))
        return found


def test_smoothing_and_filtering_with_a_learned_block():
    pair = Pair(0)
    factors = [*pair.told, *pair.doubts(pair.prior)]
    exact = dense.posterior(pair.expected(pair.prior), factors)
    found = pair.model.smooth(pair.observations, pair.controls)
    assert found.joint.mean == pytest.approx(exact.mean, abs=EXACT)
    assert found.joint.cov == pytest.approx(exact.cov, abs=EXACT)
    assert float(found.evidence) == pytest.approx(exact.log_evidence, abs=EXACT)
    filtered = pair.model.filter(pair.observations, pair.controls)
    assert filtered.joint.mean[-1] == pytest.approx(exact.mean[-1], abs=EXACT)
    assert filtered.joint.cov[-1] == pytest.approx(exact.cov[-1], abs=EXACT)
    assert filtered.evidence.sum() == pytest.approx(exact.log_evidence, abs=EXACT)
    state = pair.model.start()
    for t in range(pair.steps):
        control = None if t == 0 else pair.controls[t - 1]
        state = pair.model.step(state, at(pair.observations, t), control)
    assert np.asarray(state.joint.mean) == pytest.approx(exact.mean[-1], abs=EXACT)


def test_planning_through_a_coupling():
    """Goals of the eye are reached by the hand's control."""
    pair = Pair(1)
    pair.hand[1:], pair.eye[:-1] = np.nan, np.nan
    factors = [*pair.told, *pair.doubts(pair.prior, free=True)]
    exact = dense.posterior(pair.expected(pair.prior, np.eye(1)), factors)
    found = pair.model.plan(pair.observations)
    mean, cov = exact.actions
    assert found.actions == pytest.approx(mean, abs=EXACT)
    assert found.action_cov == pytest.approx(cov, abs=EXACT)
    assert found.joint.cov == pytest.approx(exact.cov, abs=EXACT)
    assert np.abs(mean).max() > 0.1


def test_learning_through_a_coupling():
    """What the eye sees while the hand does not teaches the hand's parameters, and the uncertain
    coupling is counted once."""
    pair = Pair(2)
    found, report = pair.model.learn(
        [{**pair.observations, "control": pair.controls}], iterations=15
    )
    hand, energies = pair.prior, []
    for _ in range(15):
        factors = [*pair.told, *pair.doubts(hand)]
        belief = dense.posterior(pair.expected(hand), factors)
        energies.append(divergence(hand, pair.prior) - belief.log_evidence)
        hand = regressed(pair.prior, expected_sums(belief, pair.controls))
    assert report.free_energy == pytest.approx(np.array(energies), abs=1e-9)
    posterior = found.block("hand").transition.posterior
    for name, value in vars(hand).items():
        assert np.asarray(getattr(posterior, name)) == pytest.approx(value, rel=1e-9), name
    loose = Pair(2, cov=1e6)
    alone, _ = loose.model.learn([{**loose.observations, "control": loose.controls}], iterations=15)
    apart = alone.block("hand").transition.A - found.block("hand").transition.A
    assert np.abs(np.asarray(apart)).max() > 1e-3


def expected_sums(belief: dense.Posterior, controls: np.ndarray) -> Sums:
    """Of the hand's transitions."""
    total = Sums(*(np.zeros(()) for _ in range(3)), count=0.0)
    for t, control in enumerate(controls):
        mean = np.concatenate([belief.mean[t, :2], control, belief.mean[t + 1, :2]])
        second = np.outer(mean, mean)
        states = [0, 1, 3, 4]
        pairs = belief.pair_cov[t][np.ix_([0, 1, 4, 5], [0, 1, 4, 5])]
        second[np.ix_(states, states)] += pairs
        total += Sums(second[:3, :3], second[3:, :3], second[3:, 3:], 1.0)
    return total


def test_a_loose_coupling_is_none():
    """In the limit of a wide covariance, up to its own normaliser."""
    pair = Pair(3, cov=1e12)
    found = pair.model.smooth(pair.observations, pair.controls)
    blocks = [JointModel([block]) for block in pair.model.blocks]
    hand = blocks[0].smooth({"hand": pair.hand}, pair.controls)
    eye = blocks[1].smooth({"eye": pair.eye})
    assert found.beliefs["hand"].mean == pytest.approx(hand.joint.mean, abs=1e-7)
    assert found.beliefs["eye"].cov == pytest.approx(eye.joint.cov, abs=1e-7)
    normaliser = -0.5 * pair.steps * np.linalg.slogdet(2 * np.pi * pair.cov)[1]
    apart = float(hand.evidence) + float(eye.evidence) + normaliser
    assert float(found.evidence) == pytest.approx(apart, abs=1e-6)


def test_a_coupling_reads_the_same_in_both_directions():
    """``b = M a + c + ε`` is ``a = M⁻¹ (b - c) + ε'`` with ``ε' ~ N(0, M⁻¹ cov M⁻ᵀ)``, whose
    density differs by the determinant of M."""
    pair = Pair(4)
    inverse = np.linalg.inv(pair.matrix)
    back = LinearCoupling(
        "eye", "hand", inverse, inverse @ pair.cov @ inverse.T, -inverse @ pair.offset
    )
    forth = pair.model.smooth(pair.observations, pair.controls)
    other = JointModel(pair.model.blocks, [back]).smooth(pair.observations, pair.controls)
    assert other.joint.mean == pytest.approx(forth.joint.mean, abs=1e-9)
    assert other.joint.cov == pytest.approx(forth.joint.cov, abs=1e-9)
    scale = pair.steps * np.linalg.slogdet(pair.matrix)[1]
    assert float(other.evidence) == pytest.approx(float(forth.evidence) + scale, abs=1e-8)


def test_two_couplings_of_the_same_blocks_are_their_product():
    """Each with twice the covariance is one, but for what the normalisers differ by."""
    pair, rng = Pair(5), np.random.default_rng(5)
    twice = LinearCoupling("hand", "eye", pair.matrix, 2 * pair.cov, pair.offset)
    prior = {"hand": Belief(rng.normal(size=2), spd(rng, 2))}
    once = pair.model.smooth(pair.observations, pair.controls, prior=prior)
    both = JointModel(pair.model.blocks, [twice, twice])
    found = both.smooth(pair.observations, pair.controls, prior=prior)
    assert found.joint.mean == pytest.approx(once.joint.mean, abs=EXACT)
    assert found.joint.cov == pytest.approx(once.joint.cov, abs=EXACT)
