"""Two modalities of one motion, tied by a coupling: each fills in where the other is silent.

    python tools/examples/multimodal_fusion.py [--out FILE] [--short] [--seed N]

A camera sees a position on a turntable that is pushed about, a second sensor reads the same
position, less exactly, in its own turned and shifted coordinates. Each is a block; the dynamics are
learned, and the coupling says how the blocks belong together.
"""

import matplotlib.pyplot as plt
import numpy as np
from example import BLUE, GREY, RED, band, options, save
from jopa_agent.agent import (
    Block,
    FixedSensor,
    JointModel,
    KnownLinear,
    LearnedLinear,
    LinearCoupling,
)

TURN = 0.12  # radians per step
MIX = np.array([[0.6, -0.8], [0.8, 0.6]])
SHIFT = np.array([0.5, -1.0])
CAMERA, OTHER = 0.05, 0.25


def record(rng: np.random.Generator, steps: int) -> tuple[dict, np.ndarray]:
    """One run on the turntable; the true positions come with it."""
    angle = rng.uniform(0, 2 * np.pi) + np.cumsum(TURN + 0.08 * rng.normal(size=steps))
    position = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    camera = position + CAMERA * rng.normal(size=position.shape)
    other = position @ MIX.T + SHIFT + OTHER * rng.normal(size=position.shape)
    return {"camera": camera, "other": other}, position


def main() -> None:
    arguments = options(str(__doc__), "multimodal_fusion")
    rng = np.random.default_rng(arguments.seed)
    recorded = [record(rng, 80)[0] for _ in range(3 if arguments.short else 10)]

    def model(*couplings: LinearCoupling) -> JointModel:
        reads = FixedSensor(np.eye(2), OTHER**2 * np.eye(2))
        blocks = [
            Block("camera", LearnedLinear(2), FixedSensor(np.eye(2), CAMERA**2 * np.eye(2))),
            # no dynamics of its own, or the one motion would count twice
            Block("other", KnownLinear(np.zeros((2, 2)), 10 * np.eye(2)), reads),
        ]
        return JointModel(blocks, couplings)

    tied = LinearCoupling("camera", "other", MIX, 0.01**2 * np.eye(2), offset=SHIFT)
    together, _ = model(tied).learn(recorded, iterations=30)
    apart, _ = model().learn(recorded, iterations=30)

    test, truth = record(rng, 120)
    dark = slice(80, 120)
    test["camera"][dark] = np.nan
    names = ("with the coupling", "without")
    beliefs = [one.smooth(test).beliefs["camera"] for one in (together, apart)]
    for name, belief in zip(names, beliefs, strict=True):
        error = np.linalg.norm(belief.mean - truth, axis=1)
        within = np.abs(belief.mean - truth)[dark] < 2 * belief.std[dark]
        print(
            f"{name}: mean error {error[dark].mean():.3f} while the camera is dark, "
            f"{np.delete(error, np.r_[dark]).mean():.3f} otherwise; "
            f"{100 * within.mean():.0f} % within 2σ"
        )

    figure, axes = plt.subplots(2, 1, figsize=(9, 6), sharex=True, layout="tight")
    for one, name, belief, color in zip(axes, names, beliefs, (BLUE, RED), strict=True):
        band(one, belief.mean[:, 0], belief.std[:, 0], "believed ±2σ", color)
        one.plot(truth[:, 0], color=GREY, ls="--", label="truth")
        one.axvspan(dark.start, dark.stop, color="k", alpha=0.06, label="camera dark")
        one.set(title=f"position, {name}", ylim=(-2, 2))
        one.legend(loc="upper right")
    axes[-1].set_xlabel("step")
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
