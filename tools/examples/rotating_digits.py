"""A turning digit: learn how its picture moves, fill in what was not seen, and predict two turns.

    python tools/examples/rotating_digits.py [--out FILE] [--short] [--seed N] [--mnist FOLDER]

A variational autoencoder makes of every picture a message about a hidden state of four
coordinates, whose linear dynamics are learned. From a noisy start in which frames are missing the
state is smoothed and predicted; its decoded pictures are compared with the true ones.
"""

import matplotlib.pyplot as plt
import numpy as np
from digits import load_digits, pick, rotating, with_noise
from example import BLUE, RED, save
from jopa_agent.agent import Block, JointModel, LearnedLinear
from jopa_agent.agent.encoders.vae import LearnedVAE
from turning import NOISE, STEP, TURN, image_error, options, show_film

DIGIT, LATENT = 2, 4
SEEN, GAP = 18, slice(6, 12)


def main() -> None:
    arguments = options(str(__doc__), "rotating_digits")
    rng = np.random.default_rng(arguments.seed)
    image = pick(load_digits(arguments.mnist), DIGIT)
    starts = rng.uniform(0, 2 * np.pi, 6 if arguments.short else 12)
    films = [with_noise(rng, rotating(image, TURN, STEP, start).images, NOISE) for start in starts]

    epochs, iterations = (25, 20) if arguments.short else (60, 50)
    vae = LearnedVAE.fit(np.concatenate(films), LATENT, epochs=epochs, seed=arguments.seed)
    model = JointModel([Block("digit", LearnedLinear(LATENT), observe=vae)])
    learned, report = model.learn([{"digit": film} for film in films], iterations=iterations)
    print("free energy", report.free_energy[[0, 1, -1]].round(1))

    truth = rotating(image, SEEN + 2 * TURN, STEP, start=0.3).images
    noisy = list(with_noise(rng, truth[:SEEN], NOISE))
    noisy[GAP] = [None] * (GAP.stop - GAP.start)
    result = learned.smooth({"digit": noisy}, n_predict=2 * TURN)
    found = np.asarray(result.predictions["digit"])
    error = 100 * image_error(found, truth)
    print(f"error in the gap {error[GAP].mean():.1f} % of the average picture's")
    first, second = error[SEEN : SEEN + TURN].mean(), error[SEEN + TURN :].mean()
    print(f"predicted: {first:.1f} % over the first turn, {second:.1f} % over the second")

    figure, (early, late, curve) = plt.subplots(
        3, 1, figsize=(11, 6.8), layout="tight", height_ratios=(1.5, 1.1, 1.6)
    )
    unseen = np.r_[np.arange(len(truth))[GAP], SEEN : len(truth)]
    blank = np.zeros_like(truth[0])
    camera = np.stack([blank if one is None else one for one in noisy])
    rows = {"truth": truth[:SEEN], "camera": camera, "smoothed": found[:SEEN]}
    show_film(early, rows, range(SEEN), unseen, RED)
    early.set_title("smoothed from a noisy start; frames in red were not seen")
    frames = range(SEEN, len(truth), 4)
    show_film(late, {"truth": truth, "predicted": found}, frames, unseen, RED)
    late.set_title("predicted, every fourth frame of two turns")
    curve.plot(error, color=BLUE)
    curve.axvspan(GAP.start, GAP.stop - 1, color=RED, alpha=0.15, lw=0, label="not seen")
    curve.axvspan(SEEN, len(truth) - 1, color=RED, alpha=0.15, lw=0)
    curve.set(xlabel="frame", ylabel="image error, %", xlim=(0, len(truth) - 1), ylim=(0, None))
    curve.legend(loc="upper left")
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
