"""What a user may expect of learning, perceiving and acting with joint models, in words: a point
that goes round, pushed along one direction, is seen through noise."""

import functools
from typing import Any

import numpy as np
import pytest
from jopa_agent.agent import (
    Belief,
    Block,
    FixedSensor,
    Gaussian,
    JointModel,
    KnownLinear,
    LearnedLinear,
    LinearCoupling,
)

STEPS = 24
TURN = 0.98 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
PUSH = np.array([[0.0], [0.5]])
PROCESS, READING = 0.02**2 * np.eye(2), 0.1**2 * np.eye(2)


def lived(seed: int, steps: int = STEPS, controls: np.ndarray | None = None):
    """The states of the true point, its readings, and the controls."""
    rng = np.random.default_rng(seed)
    controls = rng.normal(size=(steps - 1, 1)) if controls is None else controls
    states = [np.array([1.0, 0.0]) + 0.1 * rng.normal(size=2)]
    for control in controls:
        states.append(TURN @ states[-1] + PUSH @ control + 0.02 * rng.normal(size=2))
    states = np.stack(states)
    return states, states + 0.1 * rng.normal(size=states.shape), controls


def trajectories(count: int) -> list[dict[str, Any]]:
    found = [lived(seed) for seed in range(count)]
    return [{"point": readings, "control": controls} for _, readings, controls in found]


def unlearned() -> JointModel:
    return JointModel([Block("point", LearnedLinear(2, 1), FixedSensor(np.eye(2), READING))])


@functools.cache
def learned(count: int = 8) -> JointModel:
    return unlearned().learn(trajectories(count), iterations=50)[0]


def goals(**at: Any) -> dict[str, list[Any]]:
    """A start that is seen, and goals at some steps: ``t8=...``."""
    wanted: list[Any] = [None] * STEPS
    wanted[0] = np.array([1.0, 0.0])
    for name, goal in at.items():
        wanted[int(name[1:])] = goal
    return {"point": wanted}


def driven(controls: np.ndarray) -> np.ndarray:
    """Where the controls really lead, without noise."""
    states = [np.array([1.0, 0.0])]
    for control in np.asarray(controls):
        states.append(TURN @ states[-1] + PUSH @ control)
    return np.stack(states)


def error(means: Any, states: np.ndarray) -> float:
    return float(np.sqrt(np.mean((np.asarray(means) - states) ** 2)))


def test_1_learning_recovers_how_the_point_turns_and_is_pushed():
    mean = learned().block("point").transition.posterior.mean
    assert mean[:, :2] == pytest.approx(TURN, abs=0.05)
    assert mean[:, 2:] == pytest.approx(PUSH, abs=0.05)


def test_2_free_energy_falls_while_learning():
    _, report = unlearned().learn(trajectories(8), iterations=50)
    drops = np.diff(report.free_energy)
    assert drops.max() <= 1e-5 * np.abs(report.free_energy[-1])
    assert report.free_energy[-1] < report.free_energy[0] - 10


def test_3_more_data_narrow_what_is_believed_of_the_parameters():
    few, many = (m.block("point").transition.posterior for m in (learned(1), learned()))
    assert np.trace(np.linalg.inv(many.precision)) < 0.3 * np.trace(np.linalg.inv(few.precision))
    truth = np.concatenate([TURN, PUSH], axis=1)
    assert np.abs(many.mean - truth).max() < np.abs(few.mean - truth).max()


def test_4_a_learned_model_explains_new_data_better_than_an_unlearned_one():
    _, readings, controls = lived(7)
    evidence = [m.smooth({"point": readings}, controls).evidence for m in (unlearned(), learned())]
    assert evidence[1] > evidence[0] + 10


def test_5_smoothing_beats_filtering_beats_observing():
    states, readings, controls = lived(8)
    model = learned()
    filtered = model.filter({"point": readings}, controls).beliefs["point"]
    smoothed = model.smooth({"point": readings}, controls).beliefs["point"]
    assert error(smoothed.mean, states) < error(filtered.mean, states) < error(readings, states)
    assert (smoothed.std[:-1] < filtered.std[:-1]).all()


def test_6_what_is_missing_is_interpolated():
    """Far better than by a straight line, and least surely in the middle of the gap."""
    states, readings, controls = lived(9)
    gap = slice(8, 17)
    readings[gap] = np.nan
    belief = learned().smooth({"point": readings}, controls).beliefs["point"]
    line = np.linspace(states[7], states[17], 11)[1:-1]
    assert error(belief.mean[gap], states[gap]) < 0.3 * error(line, states[gap])
    assert 10 <= int(np.argmax(belief.std.sum(1))) <= 14


def test_7_prediction_goes_on_turning():
    """Ever less surely."""
    states, readings, controls = lived(10, controls=np.zeros((STEPS - 1, 1)))
    found = learned().smooth({"point": readings[:16]}, controls[:15], n_predict=8)
    belief = found.beliefs["point"]
    assert error(belief.mean[16:], states[16:]) < 0.15
    angle = np.unwrap(np.arctan2(belief.mean[15:, 1], belief.mean[15:, 0]))
    assert np.diff(angle) == pytest.approx(np.full(8, 0.3), abs=0.05)
    assert (np.diff(belief.std.sum(1)[16:]) > 0).all()


def test_8_a_prior_that_is_carried_on_is_one_long_run():
    block = Block("point", KnownLinear(TURN, PROCESS, PUSH), FixedSensor(np.eye(2), READING))
    model = JointModel([block])
    _, readings, controls = lived(11)
    whole = model.filter({"point": readings}, controls)
    half = model.filter({"point": readings[:12]}, controls[:11]).joint
    cov = TURN @ np.asarray(half.cov[-1]) @ TURN.T + PROCESS
    carried = Belief(TURN @ half.mean[-1] + PUSH @ controls[11], cov)
    rest = model.filter({"point": readings[12:]}, controls[12:], prior=carried)
    assert rest.joint.mean == pytest.approx(whole.joint.mean[12:], abs=1e-5)
    assert rest.joint.cov == pytest.approx(whole.joint.cov[12:], abs=1e-6)


def test_9_a_learned_model_plans_to_a_goal_that_is_really_reached():
    goal = np.array([-1.0, 1.0])
    plan = learned().plan(goals(t23=goal))
    assert bool(plan.converged)
    assert driven(plan.actions)[-1] == pytest.approx(goal, abs=0.15)
    assert plan.beliefs["point"].mean[-1] == pytest.approx(goal, abs=0.15)


def test_10_goals_at_any_steps_are_reached_on_the_way():
    first, second = np.array([0.0, 1.0]), np.array([1.0, -1.0])
    precise = Gaussian.at(first, 1e4 * np.eye(2)), Gaussian.at(second, 1e4 * np.eye(2))
    path = driven(learned().plan(goals(t9=precise[0], t17=precise[1])).actions)
    assert path[9] == pytest.approx(first, abs=0.1)
    assert path[17] == pytest.approx(second, abs=0.1)


def test_11_limits_of_the_control_are_obeyed_and_used():
    """What is out of reach is approached as far as they allow."""
    far = goals(t23=np.array([-8.0, 0.0]))
    model = learned()
    for limit in (0.2, 0.5):
        plan = model.plan(far, control_limits=(-limit, limit))
        assert np.abs(plan.actions).max() <= limit
        assert (np.abs(plan.actions) == np.float32(limit)).mean() > 0.7
    freely = model.plan(far)
    assert np.abs(freely.actions).max() > 0.5
    reached = [driven(p.actions)[-1, 0] for p in (plan, freely)]
    assert reached[1] < reached[0] < -2


def test_12_a_surer_goal_costs_more_effort_and_is_met_more_closely():
    goal = np.array([-1.0, 2.0])
    plans = [learned().plan(goals(t23=Gaussian.at(goal, p * np.eye(2)))) for p in (0.1, 1.0, 100.0)]
    effort = [float(np.sum(plan.actions**2)) for plan in plans]
    miss = [float(np.linalg.norm(driven(plan.actions)[-1] - goal)) for plan in plans]
    assert effort == sorted(effort)
    assert miss == sorted(miss, reverse=True)
    assert effort[2] > 2 * effort[0]
    assert miss[2] < 0.1 * miss[0]


def both(offset: float = 0.0, second: KnownLinear | None = None, cov: float = 1e-4) -> JointModel:
    """Sight and touch of the same point, touch displaced by an offset; of itself it wanders."""
    second = KnownLinear(np.eye(2), np.eye(2)) if second is None else second
    sensor = FixedSensor(np.eye(2), READING)
    blocks = [Block("sight", KnownLinear(TURN, PROCESS, PUSH), sensor),
              Block("touch", second, sensor)]  # fmt: skip
    link = LinearCoupling("sight", "touch", np.eye(2), cov * np.eye(2), [offset, 0.0])
    return JointModel(blocks, [link])


def test_13_a_coupling_carries_information_from_one_modality_to_the_other():
    """Two views of the same are surer than one, and nearer the truth."""
    states, readings, controls = lived(12)
    _, others, _ = lived(13, controls=controls)
    felt = states + (others - lived(13, controls=controls)[0])
    one = both().smooth({"sight": readings, "touch": felt * np.nan}, controls).beliefs["sight"]
    two = both().smooth({"sight": readings, "touch": felt}, controls).beliefs["sight"]
    assert (two.std < one.std).all()
    assert error(two.mean, states) < error(one.mean, states)


def test_14_a_missing_modality_is_filled_in_from_the_other():
    """Its offset is added; what would have been read is told."""
    states, readings, controls = lived(14)
    none = np.full_like(readings, np.nan)
    found = both(offset=3.0).smooth({"sight": readings, "touch": none}, controls)
    expected = states + np.array([3.0, 0.0])
    assert error(found.beliefs["touch"].mean, expected) < 0.1
    assert error(found.predictions["touch"], expected) < 0.1


def test_15_a_block_without_control_ignores_it():
    """Loosely coupled blocks: pushing one does not move the other."""
    _, readings, controls = lived(15)
    data = {"sight": readings, "touch": readings}
    model = both(cov=1e8)
    pushed = model.smooth(data, controls).beliefs
    left = model.smooth(data, -controls).beliefs
    assert left["touch"].mean == pytest.approx(pushed["touch"].mean, abs=1e-4)
    assert np.abs(left["sight"].mean - pushed["sight"].mean).max() > 0.1


def test_16_one_control_vector_drives_two_blocks_to_their_goals():
    """Each answers to the same pushes in its own way."""
    other = np.array([[0.5], [0.0]])
    model = both(second=KnownLinear(0.9 * np.eye(2), PROCESS, other), cov=1e8)
    wanted: list[Any] = [np.array([1.0, 0.0])] + [None] * (STEPS - 1)
    sight, touch = list(wanted), list(wanted)
    sight[-1], touch[-1] = np.array([-1.0, 0.0]), np.array([0.5, 0.0])
    plan = model.plan({"sight": sight, "touch": touch})
    state = np.array([1.0, 0.0])
    for control in np.asarray(plan.actions):
        state = 0.9 * state + other @ control
    assert driven(plan.actions)[-1] == pytest.approx(sight[-1], abs=0.15)
    assert state == pytest.approx(touch[-1], abs=0.15)


def test_17_trajectories_of_unequal_length_count_for_what_they_hold():
    """The shorter the last, the less is known; and what is learned stays right."""
    posteriors = []
    for length in (18, 9):
        data = trajectories(3)
        data[2] = {"point": data[2]["point"][:length], "control": data[2]["control"][: length - 1]}
        unequal, _ = unlearned().learn(data, iterations=50)
        transition = unequal.block("point").transition
        assert float(transition.posterior.dof - transition.prior.dof) == 23 + 23 + length - 1
        assert transition.posterior.mean[:, :2] == pytest.approx(TURN, abs=0.1)
        posteriors.append(transition.posterior)
    longer, shorter = (np.linalg.eigvalsh(posterior.precision) for posterior in posteriors)
    assert (longer > shorter).all()


def test_18_who_knows_less_acts_more_gently_and_has_more_to_learn_from_it():
    """Doubts about the parameters cost like effort does."""
    goal = goals(t23=np.array([-1.0, 1.0]))
    bold, shy = learned().plan(goal), learned(1).plan(goal)
    assert np.sum(shy.actions**2) < np.sum(bold.actions**2)
    gains = [float(plan.expected_free_energy.parameter_information_gain.sum())
             for plan in (bold, shy)]  # fmt: skip
    assert gains[1] > 2 * gains[0]
