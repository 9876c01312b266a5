"""Learning to see for the sake of predicting: the encoder is refined alongside the dynamics.

    python tools/examples/end_to_end_digits.py [--out FILE] [--short] [--seed N] [--mnist FOLDER]

Variational expectation maximisation: message passing infers the states and the dynamics, then the
encoder and the decoder are refined under the beliefs, in turn. It is written out here round by
round; ``model.learn(films, em_rounds=8)`` does the same in one call. The free energy with the
autoencoder's correction bounds the pictures' own surprise, and falls.
"""

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from digits import load_digits, pick, rotating, with_noise
from example import BLUE, GREY, RED, save
from jopa_agent.agent import Belief, Block, JointModel, LearnedLinear
from jopa_agent.agent.encoders.vae import LearnedVAE
from turning import NOISE, STEP, TURN, image_error, options, show_film

DIGIT, LATENT, SEEN = 7, 4, 12


def beliefs_of(model: JointModel, films: list[np.ndarray]) -> Belief:
    """What the model believes about every picture's state, one after the other."""
    smoothed = [model.smooth({"digit": film}).beliefs["digit"] for film in films]
    means, roots = ([getattr(one, leaf) for one in smoothed] for leaf in ("mean", "root"))
    return Belief.of(jnp.concatenate(means), jnp.concatenate(roots))


def main() -> None:
    arguments = options(str(__doc__), "end_to_end_digits")
    rng = np.random.default_rng(arguments.seed)
    image = pick(load_digits(arguments.mnist), DIGIT)
    starts = rng.uniform(0, 2 * np.pi, 6 if arguments.short else 12)
    films = [with_noise(rng, rotating(image, TURN, STEP, start).images, NOISE) for start in starts]
    pictures, trajectories = np.concatenate(films), [{"digit": film} for film in films]
    truth = rotating(image, SEEN + 2 * TURN, STEP, start=0.3).images
    seen = with_noise(rng, truth[:SEEN], NOISE)

    rounds, epochs, iterations = (3, 25, 15) if arguments.short else (8, 40, 30)
    vae = LearnedVAE.fit(pictures, LATENT, epochs=epochs, seed=arguments.seed)
    motion, bounds, found = LearnedLinear(LATENT), [], []
    for number in range(1, rounds + 1):
        model = JointModel([Block("digit", motion, observe=vae)])
        model, report = model.learn(trajectories, iterations=iterations)
        motion = model.block("digit").transition
        beliefs = beliefs_of(model, films)
        bounds.append(float(report.free_energy[-1]) + vae.correction(pictures, beliefs))
        smoothed = model.smooth({"digit": seen}, n_predict=2 * TURN)
        found.append(np.asarray(smoothed.predictions["digit"]))
        error = 100 * image_error(found[-1], truth)[SEEN:]
        print(
            f"round {number}: bound {bounds[-1]:.0f} nats, predicted with an error of "
            f"{error[:TURN].mean():.1f} % over one turn, {error[TURN:].mean():.1f} % over the next"
        )
        if number < rounds:
            vae, _ = vae.refined(pictures, beliefs)

    figure = plt.figure(figsize=(11, 6.6), layout="tight")
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 1.3))
    rows = {"truth": truth, "round 1": found[0], f"round {rounds}": found[-1]}
    film = figure.add_subplot(grid[0, :])
    show_film(film, rows, range(SEEN, len(truth), 4))
    film.set(title=f"predicted from {SEEN} noisy frames", xlabel="frame")
    bound = figure.add_subplot(grid[1, 0])
    bound.plot(np.arange(1, rounds + 1), bounds, "o-", color=BLUE)
    bound.set(title="bound on the pictures' surprise", xlabel="round", ylabel="nats")
    bound.set_xticks(range(1, rounds + 1))
    curve = figure.add_subplot(grid[1, 1])
    for one, number, color in ((found[0], 1, GREY), (found[-1], rounds, RED)):
        curve.plot(100 * image_error(one, truth), color=color, label=f"round {number}")
    curve.axvline(SEEN, color="k", ls=":", label="prediction begins")
    curve.set(title="image error", xlabel="frame", ylabel="% of the average picture's")
    curve.set(ylim=(0, None))
    curve.legend()
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
