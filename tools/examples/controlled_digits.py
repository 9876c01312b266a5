"""A digit that is turned by a control: learn what the control does, predict under new ones.

    python tools/examples/controlled_digits.py [--out FILE] [--short] [--seed N] [--mnist FOLDER]

The control u is the angle by which the digit turns in a step. How it moves the hidden state is
learned as a linear map of the features z, z sin u, z (cos u - 1), z sin 2u, z (cos 2u - 1), from
random controls alone; then films are predicted under controls never seen together.
"""

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from digits import controlled, load_digits, pick, random_controls, with_noise
from example import RED, save
from jopa_agent.agent import Block, JointModel, LearnedFeatures
from jopa_agent.agent.encoders.vae import LearnedVAE
from turning import NOISE, options, show_film

DIGIT, LATENT = 2, 4
LARGEST = np.radians(15)
SEEN, AHEAD = 5, 36


def features(joint):
    """``z`` times what a turn by ``u`` is made of, ``joint`` being ``z`` and ``u``."""
    state, control = joint[:LATENT], joint[LATENT]
    turn = jnp.stack(
        [
            jnp.ones_like(control),
            jnp.sin(control),
            jnp.cos(control) - 1,
            jnp.sin(2 * control),
            jnp.cos(2 * control) - 1,
        ]
    )
    return jnp.outer(turn, state).ravel()


def main() -> None:
    arguments = options(str(__doc__), "controlled_digits")
    rng = np.random.default_rng(arguments.seed)
    image = pick(load_digits(arguments.mnist), DIGIT)
    recorded = []
    for start in rng.uniform(0, 2 * np.pi, 20):
        controls = random_controls(rng, 29, LARGEST)
        film = with_noise(rng, controlled(image, controls, start).images, NOISE)
        recorded.append({"digit": film, "control": controls[:, None]})

    epochs, iterations = (25, 20) if arguments.short else (60, 30)
    films = np.concatenate([one["digit"] for one in recorded])
    vae = LearnedVAE.fit(films, LATENT, epochs=epochs, seed=arguments.seed)
    motion = LearnedFeatures(LATENT, features, controls=1)
    model = JointModel([Block("digit", motion, observe=vae)])
    learned, report = model.learn(recorded, iterations=iterations)
    print("free energy", report.free_energy[[0, 1, -1]].round(1))

    half = AHEAD // 2
    regimes = {
        "turn": np.full(AHEAD, 0.8 * LARGEST),
        "back and forth": np.repeat([0.8 * LARGEST, -0.8 * LARGEST], half),
        "random": random_controls(rng, AHEAD, LARGEST),
        "rest": np.zeros(AHEAD),
    }
    figure, axes = plt.subplots(len(regimes), 1, figsize=(11, 6), layout="tight")
    for one, (name, ahead) in zip(axes, regimes.items(), strict=True):
        # the first frames are seen under random controls, all that follow under the regime's
        controls = np.concatenate([random_controls(rng, SEEN - 1, LARGEST), ahead])
        truth = controlled(image, controls, start=0.5).images
        result = learned.smooth(
            {"digit": with_noise(rng, truth[:SEEN], NOISE)},
            controls[: SEEN - 1, None],
            n_predict=AHEAD,
            predict_controls=ahead[:, None],
        )
        found = np.asarray(result.predictions["digit"])
        # against the average picture of what was learned from: a digit at rest is its own average
        base = np.mean((films - films.mean(axis=0)) ** 2)
        error = 100 * np.mean((found - truth)[SEEN:] ** 2) / base
        print(f"{name}: predicted with an error of {error:.1f} % of the average picture's")
        unseen = np.arange(SEEN, len(truth))
        show_film(one, {"truth": truth, "predicted": found}, range(0, len(truth), 2), unseen, RED)
        one.set_title(f"{name}: {AHEAD} predicted frames, error {error:.1f} %")
    axes[-1].set_xlabel("frame; in red those that were not seen")
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
