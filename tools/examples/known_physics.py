"""Known physics: a pendulum whose equations are written down, seen by a camera of its tip.

    python tools/examples/known_physics.py [--out FILE] [--short] [--seed N]

The transition is re-linearised along the beliefs, the sensor reads the tip's position, and its
noise grows towards the sides of the picture. From readings alone the velocity is inferred; then
the swing-up is planned within the limits of the torque, and played on the true system.
"""

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from example import BLUE, GREY, RED, band, options, save
from jopa_agent.agent import (
    Belief,
    Block,
    CallableSensor,
    Gaussian,
    Inference,
    JointModel,
    KnownPhysics,
)

STEP, GRAVITY, TORQUE = 0.1, 9.8, 6.0
NOISE = np.diag([1e-6, 1e-4])


def pendulum(state, control):
    """Angle from hanging, and its velocity, one step later (semi-implicit Euler)."""
    velocity = state[1] + STEP * (-GRAVITY * jnp.sin(state[0]) + control[0])
    return jnp.array([state[0] + STEP * velocity, velocity])


def tip(state):
    """Where the tip is in the picture."""
    return jnp.array([jnp.sin(state[0]), -jnp.cos(state[0])])


def blur(state):
    """The picture is sharp in the middle."""
    return (0.02**2 + 0.1**2 * jnp.sin(state[0]) ** 2) * jnp.eye(2)


def main() -> None:
    arguments = options(str(__doc__), "known_physics")
    rng = np.random.default_rng(arguments.seed)
    physics = KnownPhysics(2, 1, noise=NOISE, function=pendulum)
    sensor = CallableSensor(tip, blur, outputs=2)
    start = Belief([0.0, 0.0], np.diag([0.5, 4.0]))
    model = JointModel(
        [Block("pendulum", physics, sensor, start)], inference=Inference(iterations=5)
    )

    steps = 40 if arguments.short else 80
    controls = 4 * np.sign(np.sin(0.35 * np.arange(steps - 1)))[:, None]
    state, truth, readings = np.array([0.6, -1.0]), [], []
    for step in range(steps):
        truth.append(state)
        root = np.sqrt(float(blur(state)[0, 0]))
        readings.append(np.asarray(tip(state)) + root * rng.normal(size=2))
        if step < steps - 1:
            pushed = np.asarray(pendulum(state, controls[step]))
            state = pushed + np.sqrt(np.diag(NOISE)) * rng.normal(size=2)
    truth = np.array(truth)
    results = {
        "filtered": model.filter({"pendulum": readings}, controls),
        "smoothed": model.smooth({"pendulum": readings}, controls),
    }
    for name, result in results.items():
        error = result.beliefs["pendulum"].mean - truth
        print(
            f"{name}: error of the angle {error[:, 0].std():.3f}, velocity {error[:, 1].std():.3f}"
        )

    horizon = 60
    upright = Gaussian.at(np.array([np.pi, 0.0]), np.diag([1e3, 1e3]))
    plan = model.plan(
        {"pendulum": [None] * (horizon - 4) + [upright] * 5},
        prior=Belief([0.0, 0.0], 1e-6 * np.eye(2)),
        prior_u=Belief([0.0], [[9.0]]),
        control_limits=(-TORQUE, TORQUE),
        iterations=60,
        hypotheses=16,
    )
    believed, path, torques = plan.beliefs["pendulum"].mean, [np.zeros(2)], []
    for step, control in enumerate(plan.actions):
        torque = control + plan.gains[step] @ (path[-1] - believed[step])
        torques.append(np.clip(torque, -TORQUE, TORQUE))
        path.append(np.asarray(pendulum(path[-1], torques[-1])))
    path, torques = np.array(path), np.array(torques)
    print(
        f"swing-up ends {abs(path[-1, 0] - np.pi):.3f} rad from upright, torque at most "
        f"{np.abs(torques).max():.2f} (gravity's is {GRAVITY})"
    )

    figure, (angle, velocity, swing) = plt.subplots(1, 3, figsize=(13, 4), layout="tight")
    for axes, index, name in ((angle, 0, "angle"), (velocity, 1, "velocity, never seen")):
        belief = results["smoothed"].beliefs["pendulum"]
        band(axes, belief.mean[:, index], belief.std[:, index], "smoothed ±2σ")
        axes.plot(truth[:, index], color=GREY, ls="--", label="truth")
        axes.set(title=name, xlabel="step")
        axes.legend()
    swing.plot(path[:, 0], color=BLUE, label="angle")
    swing.step(np.arange(horizon), torques[:, 0], color=RED, label="torque", where="post")
    swing.axhline(np.pi, color=GREY, ls="--", label="upright")
    swing.set(title="planned swing-up", xlabel="step")
    swing.legend()
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
