"""System identification of a pendulum, to play with: learn its motion, forecast it, plan with it.

    marimo edit tools/examples/pendulum_notebook.py      (or: marimo run …)
    python tools/examples/pendulum_notebook.py [--out [FILE]]

As a script it takes every slider at its default, prints what was found, and writes a picture of
all panels where ``--out`` asks for one. Needs the extra ``notebook``.
"""
# pyright: reportMissingImports=false

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Pendulum")

with app.setup:
    import argparse
    from pathlib import Path

    import marimo as mo
    import numpy as np
    from gymnasium.envs.classic_control.pendulum import PendulumEnv
    from jopa_agent.agent import (
        Belief,
        Block,
        FixedSensor,
        Gaussian,
        Inference,
        JointModel,
        LearnedFeatures,
        MatrixNormalWishart,
        PolynomialFeatures,
    )
    from jopa_agent.agent.graph.features import polynomial_powers
    from matplotlib.figure import Figure

    NAMES = ("cos", "sin", "v", "u")
    SCALE = np.array([1.0, 1.0, 8.0, 2.0])  # of cosine, sine, velocity (rad/s) and torque (N m)
    TICK, SEEN, AHEAD = 0.05, 20, 40  # seconds a step; steps that a forecast sees and foresees
    BLUE, RED, GREY = "#2166ac", "#b2182b", "#888888"


@app.cell
def _():
    mo.md(r"""
    # What moves a pendulum?

    The state is what Gymnasium's `Pendulum-v1` shows: $x = (\cos\theta, \sin\theta,
    \dot\theta)$, read with noise. The motion is unknown but for its form,
    $x' = M\,\varphi(x, u) + \varepsilon$ with $\varepsilon \sim N(0, W^{-1})$, where $\varphi$
    are all monomials up to a degree. `learn` finds the posterior of $M$ and $W$ from
    trajectories under random torques, and the states with them.
    """)
    return


@app.cell
def _():
    amount = mo.ui.slider(2, 40, 2, value=24, label="trajectories (of 50 steps)", show_value=True)
    noise = mo.ui.slider(
        0.5, 10, 0.5, value=1, label="noise of readings (% of the range)", show_value=True
    )
    degree = mo.ui.slider(1, 4, 1, value=3, label="degree of the features", show_value=True)
    iterations = mo.ui.slider(5, 60, 5, value=20, label="iterations of learning", show_value=True)
    mo.vstack([amount, noise, degree, iterations])
    return amount, degree, iterations, noise


@app.function
def swing(angle: float, velocity: float, law, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """States ``(steps + 1, 3)`` and torques ``(steps, 1)`` of the body under ``law(step, state)``,
    from ``angle`` (rad, 0 is up) and ``velocity`` (rad/s)."""
    body = PendulumEnv()
    body.reset()
    body.state = np.array([angle, velocity])
    states, torques = [np.array([np.cos(angle), np.sin(angle), velocity])], []
    for step in range(steps):
        torques.append(np.clip(law(step, states[-1]), -2, 2))
        states.append(np.asarray(body.step(torques[-1])[0], float))
    return np.array(states), np.array(torques)


@app.function
def record(
    rng: np.random.Generator, angle: float, steps: int, std: np.ndarray
) -> tuple[dict, np.ndarray]:
    """Readings under torques that change every eight steps, and the states that were read."""
    torques = np.repeat(rng.uniform(-2, 2, (steps // 8 + 1, 1)), 8, axis=0)
    velocity = rng.uniform(-2, 2)
    states, controls = swing(angle, velocity, lambda step, _: torques[step], steps - 1)
    readings = states + std * rng.normal(size=states.shape)
    return {"pendulum": readings, "control": controls}, states


@app.function
def untaught(degree: int, std: np.ndarray) -> JointModel:
    """A model that knows the sensor, and of the motion only what its form allows."""
    powers = polynomial_powers(3, 1, degree, degree - 1)
    powers = tuple(power for power in powers if power.count(0) < 2)  # cos² = 1 - sin²
    prior = MatrixNormalWishart(
        mean=np.zeros((3, len(powers))),
        precision=1e-2 * np.eye(len(powers)),
        inverse_scale=5 * np.diag((0.02 * SCALE[:3]) ** 2),
        dof=5,
    )
    motion = LearnedFeatures(3, PolynomialFeatures(SCALE, powers), controls=1, prior=prior)
    sensor = FixedSensor(np.eye(3), np.diag(std**2))
    first = Belief(np.zeros(3), np.diag([1.0, 1.0, 16.0]))
    return JointModel([Block("pendulum", motion, sensor, first)])


@app.cell
def _(amount, degree, iterations, noise):
    std = noise.value / 100 * SCALE[:3]
    rng = np.random.default_rng(0)
    angles = rng.uniform(-np.pi, np.pi, amount.value)
    trajectories = [record(rng, angle, 50, std)[0] for angle in angles]
    with mo.status.spinner(title="learning"):
        model, report = untaught(degree.value, std).learn(trajectories, iterations.value)
    return model, report, std


@app.cell
def _(report):
    mo.md(
        f"""
        ## Free energy

        Each iteration smooths all trajectories under the expected parameters, and then multiplies
        the prior by what the smoothed states say. It ended at **{report.free_energy[-1]:.0f}**
        nats; compare that between degrees, for it pays for every parameter.
        """
    )
    return


@app.function
def sheet(rows: int, *draw) -> Figure:
    """A figure of as many panels as there are functions that ``draw`` one on given axes."""
    columns = -(-len(draw) // rows)
    figure = Figure(figsize=(5 * columns, 3.6 * rows), layout="tight")
    for one, axes in zip(draw, figure.subplots(rows, columns, squeeze=False).flat, strict=True):
        one(axes)
    return figure


@app.function
def draw_free_energy(axes, report) -> None:
    """How far each iteration was above the lowest free energy."""
    excess = report.free_energy - report.free_energy.min()
    axes.semilogy(np.arange(len(excess)), excess + 0.1, ".-", color=BLUE)
    axes.set(title="free energy", xlabel="iteration", ylabel="nats above its end")


@app.cell
def _(report):
    sheet(1, lambda axes: draw_free_energy(axes, report))
    return


@app.cell
def _():
    mo.md(r"""
    ## Posterior of the parameters

    Weights of the next velocity (per tick, inputs scaled to about one), ±2σ, and what the
    physics has: $\dot\theta' = \dot\theta + 0.75 \sin\theta + 0.15\,u$. (Because
    $\cos^2 = 1 - \sin^2$, features with squares of the cosine would say nothing new, and are
    left out.) What the weights say together, about the push of gravity and of the torque, is
    surer than what each says alone.
    """)
    return


@app.function
def draw_weights(axes, motion) -> None:
    """Weights of the velocity: posterior and physics, the surest first."""
    powers, posterior = motion.features.powers, motion.posterior
    std = spread(posterior, np.eye(len(powers)))
    mean = np.asarray(posterior.mean[2])
    physics = {(2,): SCALE[2], (1,): 0.75, (3,): 0.15 * SCALE[3]}
    shown = np.argsort(std)[:14]
    shown = np.array(sorted({*shown, *(powers.index(power) for power in physics)}))
    places = np.arange(len(shown))
    axes.axhline(0, color=GREY, lw=0.5)
    axes.errorbar(places, mean[shown], 2 * std[shown], fmt=".", color=BLUE, capsize=2, label="±2σ")
    true = [physics.get(powers[i], 0.0) for i in shown]
    axes.plot(places, true, "_", color=RED, ms=9, label="physics")
    labels = [" ".join(NAMES[i] for i in powers[j]) or "1" for j in shown]
    axes.set_xticks(places, labels, rotation=90, fontsize=7)
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set(title="weights of the next velocity", ylim=(-2, 20))
    axes.legend(fontsize=7)


@app.function
def spread(posterior: MatrixNormalWishart, features: np.ndarray) -> np.ndarray:
    """Standard deviation of the expected next velocity at ``features`` ``(..., k)``."""
    doubt = np.linalg.solve(np.asarray(posterior.precision, float), features.T)
    noise = posterior.inverse_scale[2, 2] / (posterior.dof - 4)
    return np.sqrt(float(noise) * np.sum(features.T * doubt, axis=0))


@app.function
def draw_push(axes, motion) -> None:
    """Change of the velocity in one tick, from rest, against the angle; without and with torque."""
    angles = np.linspace(-np.pi, np.pi, 61)
    for torque, color in ((0.0, BLUE), (2.0, RED)):
        inputs = np.stack([np.cos(angles), np.sin(angles), 0 * angles, 0 * angles + torque], axis=1)
        features = np.stack([np.asarray(motion.features(one), float) for one in inputs])
        push = features @ np.asarray(motion.posterior.mean[2], float)
        std = spread(motion.posterior, features)
        axes.fill_between(angles, push - 2 * std, push + 2 * std, color=color, alpha=0.25, lw=0)
        axes.plot(angles, push, color=color, label=f"torque {torque:g} N m")
        axes.plot(angles, 0.75 * np.sin(angles) + 0.15 * torque, ":", color="k")
    axes.set(title="push from rest (dotted: physics)", xlabel="angle, rad", ylabel="rad/s a tick")
    axes.legend(fontsize=7)


@app.cell
def _(model):
    motion = model.block("pendulum").transition
    sheet(1, lambda axes: draw_weights(axes, motion), lambda axes: draw_push(axes, motion))
    return (motion,)


@app.cell
def _():
    forecast_from = mo.ui.slider(
        0, 180, 10, value=120, label="start, degrees from upright", show_value=True
    )
    about_forecast = f"""
    ## Forecast

    A trajectory that was not learned from: read for {SEEN} steps, foreseen for {AHEAD}. The
    band is ±2σ, of readings, noise and doubts about the parameters (`parameters="predictive"`). A
    Gaussian has one hill: where the pendulum might tip over either way, it cannot say so.
    """
    mo.vstack([mo.md(about_forecast), forecast_from])
    return (forecast_from,)


@app.cell
def _(forecast_from, model, std):
    test, truth = record(
        np.random.default_rng(1), np.deg2rad(forecast_from.value), SEEN + AHEAD, std
    )
    torques = test["control"]
    foreseeing = model.under(Inference(parameters="predictive"))
    forecast = foreseeing.smooth(
        {"pendulum": test["pendulum"][:SEEN]}, torques[: SEEN - 1], AHEAD, torques[SEEN - 1 :]
    ).beliefs["pendulum"]
    return forecast, test, truth


@app.function
def draw_band(axes, belief, coordinate: int, label: str) -> None:
    """A coordinate's mean over time, and two standard deviations around it."""
    mean, std = np.asarray(belief.mean)[:, coordinate], np.asarray(belief.std)[:, coordinate]
    time = TICK * np.arange(len(mean))
    axes.fill_between(time, mean - 2 * std, mean + 2 * std, color=BLUE, alpha=0.25, lw=0)
    axes.plot(time, mean, color=BLUE, label=label)


@app.function
def draw_forecast(axes, forecast, test: dict, truth: np.ndarray, coordinate: int) -> None:
    """Forecast, truth and what was read of one coordinate."""
    draw_band(axes, forecast, coordinate, "belief ±2σ")
    axes.plot(TICK * np.arange(len(truth)), truth[:, coordinate], "--", color="k", label="truth")
    seen = test["pendulum"][:SEEN, coordinate]
    axes.plot(TICK * np.arange(SEEN), seen, ".", color=RED, ms=4, label="read")
    name = ("cosine", "sine", "velocity, rad/s")[coordinate]
    axes.set(title=f"forecast: {name}", xlabel="s")
    axes.legend(fontsize=7)


@app.cell
def _(forecast, test, truth):
    sheet(
        1,
        lambda axes: draw_forecast(axes, forecast, test, truth, 0),
        lambda axes: draw_forecast(axes, forecast, test, truth, 2),
    )
    return


@app.cell
def _():
    plan_from = mo.ui.slider(
        30, 180, 10, value=150, label="start, degrees from upright", show_value=True
    )
    horizon = mo.ui.slider(40, 120, 20, value=80, label="horizon, steps", show_value=True)
    about_plan = """
    ## Plan

    Goals are observations to come: upright and still over the last ten steps. The torques are
    inferred, within ±2 N m, and the body then plays them with the plan's feedback gains. Short
    horizons ask for more than the motor can give: the plan then hopes for helpful noise, which
    the body does not send.
    """
    mo.vstack([mo.md(about_plan), plan_from, horizon])
    return horizon, plan_from


@app.cell
def _(horizon, model, plan_from):
    start = np.deg2rad(plan_from.value)
    upright = Gaussian.at([1.0, 0.0, 0.0], np.diag([100.0, 100.0, 10.0]))
    plan = model.plan(
        {"pendulum": [None] * (horizon.value - 9) + [upright] * 10},
        prior=Belief([np.cos(start), np.sin(start), 0.0], 1e-4 * np.eye(3)),
        prior_u=Belief([0.0], [[4.0]]),
        control_limits=(-2.0, 2.0),
        iterations=60,
    )
    expected = np.asarray(plan.joint.mean)
    played = swing(
        start,
        0.0,
        lambda step, state: plan.actions[step] + plan.gains[step] @ (state - expected[step]),
        horizon.value,
    )
    return plan, played


@app.function
def draw_plan(axes, plan, played) -> None:
    """Height that was planned, and that the body reached; torques that it played."""
    states, torques = played
    draw_band(axes, plan.joint, 0, "planned ±2σ")
    axes.plot(TICK * np.arange(len(states)), states[:, 0], "--", color="k", label="body")
    axes.step(
        TICK * np.arange(len(torques)), torques[:, 0] / 2, color=RED, lw=0.8, where="post",
        label="torque / 2 N m",
    )  # fmt: skip
    axes.set(title="plan: cosine (1 is up)", xlabel="s", ylim=(-1.6, 1.6))
    axes.legend(fontsize=7)


@app.cell
def _(plan, played):
    sheet(1, lambda axes: draw_plan(axes, plan, played))
    return


@app.cell
def _(forecast, motion, plan, played, report, test, truth):
    def picture(out: Path) -> None:
        figure = sheet(
            2,
            lambda axes: draw_free_energy(axes, report),
            lambda axes: draw_weights(axes, motion),
            lambda axes: draw_push(axes, motion),
            lambda axes: draw_forecast(axes, forecast, test, truth, 0),
            lambda axes: draw_forecast(axes, forecast, test, truth, 2),
            lambda axes: draw_plan(axes, plan, played),
        )
        figure.savefig(out, dpi=90)
        print("picture:", out)

    if mo.app_meta().mode == "script":
        away = np.abs(np.asarray(forecast.mean) - truth) / np.asarray(forecast.std)
        end = played[0][-1]
        print("free energy", report.free_energy[[0, -1]].round(1))
        print("forecast off by", np.sqrt((away[SEEN:] ** 2).mean()).round(2), "sigmas (rms)")
        print("the body ends", np.degrees(np.arctan2(end[1], end[0])).round(1), "degrees from up")
        parser = argparse.ArgumentParser(description="System identification of a pendulum.")
        default = Path("pendulum_notebook.png")
        parser.add_argument("--out", type=Path, nargs="?", const=default, help="picture to write")
        if (out := parser.parse_args().out) is not None:
            picture(out)
    return


if __name__ == "__main__":
    app.run()
