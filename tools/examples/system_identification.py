"""Learn a controlled linear system from noisy readings, then plan with what was learned.

python tools/examples/system_identification.py [--out FILE] [--short] [--seed N]
"""

import matplotlib.pyplot as plt
import numpy as np
from example import BLUE, GREY, RED, band, options, save
from jopa_agent.agent import Belief, Block, Frozen, Gaussian, JointModel, LearnedLinear

A = np.array([[0.98, 0.15], [-0.15, 0.95]])
B = np.array([[0.0], [0.3]])
NOISE, SENSOR = 0.02, 0.1
HORIZON, GOAL = 30, np.array([1.0, 0.0])


def encode(reading: np.ndarray) -> Gaussian:
    """A reading of the whole state, as a message."""
    precision = np.eye(2) / SENSOR**2
    return Gaussian(precision @ reading, precision)


def record(rng: np.random.Generator, steps: int) -> dict:
    """One trajectory under random controls; every tenth reading is lost."""
    state, controls = rng.normal(size=2), rng.normal(size=(steps - 1, 1))
    states = [state]
    for control in controls:
        state = A @ state + B @ control + NOISE * rng.normal(size=2)
        states.append(state)
    readings = [x + SENSOR * rng.normal(size=2) for x in states]
    lost = rng.random(steps) < 0.1
    seen = [None if gone else y for y, gone in zip(readings, lost, strict=True)]
    return {"z": seen, "control": controls, "truth": np.array(states)}


def main() -> None:
    arguments = options(str(__doc__), "system_identification")
    rng = np.random.default_rng(arguments.seed)
    recorded = [record(rng, 60) for _ in range(4 if arguments.short else 20)]
    truth = [one.pop("truth") for one in recorded]
    model = JointModel([Block("z", LearnedLinear(dim=2, controls=1), observe=Frozen(encode))])
    learned, report = model.learn(recorded, iterations=50)
    transition = learned.block("z").transition
    print("free energy", report.free_energy[[0, 1, -1]].round(1))
    print("A off by", np.abs(transition.A - A).max().round(4), end=", ")
    print("B off by", np.abs(transition.B - B).max().round(4))

    smoothed = learned.smooth(recorded[0]).beliefs["z"]
    limits = (-1.0, 1.0)
    plan = learned.plan(
        {"z": [np.zeros(2), *[None] * (HORIZON - 1), GOAL]},
        prior_u=Belief([0.0], [[0.25]]),
        control_limits=limits,
    )
    state = np.zeros(2)
    path = [state]
    for step, control in enumerate(plan.actions):
        answer = plan.gains[step] @ (state - plan.beliefs["z"].mean[step])
        state = A @ state + B @ np.clip(control + answer, *limits)
        path.append(state)
    print("the true system ends", np.linalg.norm(path[-1] - GOAL).round(3), "from the goal")

    figure, (learning, states, planned) = plt.subplots(1, 3, figsize=(13, 4), layout="tight")
    excess = report.free_energy - report.free_energy.min()
    learning.semilogy(np.arange(1, len(excess)), excess[1:] + 1e-2, color=BLUE)
    learning.set(title="learning", xlabel="iteration", ylabel="free energy above its end, nats")
    band(states, smoothed.mean[:, 0], smoothed.std[:, 0], "smoothed ±2σ")
    states.plot(truth[0][:, 0], color=GREY, ls="--", label="truth")
    seen = [np.nan if y is None else y[0] for y in recorded[0]["z"]]
    states.plot(seen, ".", color=RED, ms=4, label="read")
    states.set(title="first coordinate", xlabel="step")
    states.legend()
    belief = plan.beliefs["z"]
    band(planned, belief.mean[:, 0], belief.std[:, 0], "believed ±2σ")
    planned.plot(np.array(path)[:, 0], color=GREY, ls="--", label="true system")
    planned.step(np.arange(HORIZON), plan.actions[:, 0], color=RED, label="control", where="post")
    planned.plot(HORIZON, GOAL[0], "*", color="k", ms=12, label="goal")
    planned.set(title="plan", xlabel="step")
    planned.legend()
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
