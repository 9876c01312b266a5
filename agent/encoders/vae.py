"""A variational autoencoder as an observation factor: a picture in, a Gaussian message out."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.lax import stop_gradient
from jax.tree_util import Partial
from jaxtyping import Array, Float

from ..graph.check import positive, pytree, shape_line, whole
from ..graph.encoder_sensor import EncoderSensor
from ..graph.float32 import f32
from ..graph.gaussian import Belief, Gaussian
from .bounds import Image, bound, correction, evaluated, likelihood, mean_bound, mean_worth, worth
from .layers import Network, ascend, linear_network
from .pictures import checked_pictures, leading_components, pixels_of

_LARGEST_LOG_PRECISION = math.log(1e6)  # what one picture can tell, the prior's precision being 1
_LEAST_PRECISION = 1e-2  # that a coordinate begins with
_CALM = 4.0  # how much weaker the encoder's first layer begins: its message stays smooth


@pytree("encoder", "decoder", "average", "pixel_std", "beta", static=("shape",))
@dataclass(frozen=True, eq=False)
class LearnedVAE(EncoderSensor):
    """``x ~ N(0, I)`` and ``y | x ~ N(g(x), pixel_std² I)`` over the pixels, with an encoder.

    ``x`` is the latent ``(n,)``, ``y`` a picture of ``shape`` ``(height, width)`` or ``(height,
    width, channels)``: floats from 0 to 1, or uint8. The ``decoder`` gives ``g(x)``; the
    ``encoder`` gives mean and precision of the message ``m(x | y)``, ``(n,)`` each, which stands in
    for the likelihood ``p(y | x)``. It is not the posterior: that is the message times the prior,
    so that in a graph, which brings its own prior, nothing is counted twice.

    ``pixel_std`` is how far a pixel may be off. Neighbouring pixels err together, so that it should
    be well above the camera's noise: the larger, the less is claimed to be known, and the rounder
    is the latent. ``beta`` weighs the divergence from the prior. Both networks are linear maps (at
    first the principal components) plus a residual; ``average`` ``(pixels,)`` is the average of the
    training pictures. :meth:`fit` builds it; a block that observes through it refines it in the M
    step of every further round of learning.

    Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014; Higgins et al., beta-VAE, ICLR
    2017; for messages from an encoder: Johnson et al., Composing graphical models with neural
    networks for structured representations and fast inference, NeurIPS 2016.
    """

    encoder: Network
    decoder: Network
    average: Float[Array, "pixels"]
    pixel_std: Float[Array, ""]
    beta: Float[Array, ""]
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        n, pixels = self.latent, math.prod(self.shape)
        found = self.encoder.linear.shape, self.decoder.linear.shape, self.average.shape
        if found != ((pixels, 2 * n), (n, pixels), (pixels,)):
            raise ValueError(
                f"encoder, decoder and average have the shapes {found}: they do not fit pictures "
                f"of the shape {self.shape}; let LearnedVAE.fit build them"
            )

    @staticmethod
    def fit(
        images: Any,
        latent: int,
        *,
        epochs: int = 60,
        batch: int = 64,
        hidden: tuple[int, ...] = (128, 128),
        pixel_std: float = 0.3,
        beta: float = 1.0,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> "LearnedVAE":
        """Train on ``images`` ``(N, *shape)``, each seen about ``epochs`` times.

        ``latent`` is the number n of coordinates, ``hidden`` are the widths of the encoder's
        layers; the decoder has the same, in reverse. Maximises :meth:`elbo` with ``batch`` pictures
        a step; the same ``seed`` gives the same weights. Raises ValueError where an argument makes
        no sense.
        """
        pictures = checked_pictures("images", images)
        epochs, batch = whole("epochs", epochs, 1), whole("batch", batch, 1)
        rate = float(positive("learning_rate", learning_rate))
        vae = _principal(pictures, latent, hidden, pixel_std, beta, seed)
        steps = max(1, round(epochs * len(pictures) / batch))
        rates = optax.cosine_decay_schedule(rate, steps, 0.01)(jnp.arange(steps))
        key = jax.random.key(seed + 1)
        return ascend(Partial(mean_bound), vae, jnp.asarray(pictures), key, rates, batch)[0]

    def fits(self, dim: int) -> str | None:
        """What is wrong with it for a state of ``dim`` coordinates."""
        return None if self.latent == dim else f"its latent has {self.latent} coordinates"

    @property
    def latent(self) -> int:
        """Number n of coordinates of the latent."""
        return self.decoder.linear.shape[0]

    def encode(self, image: Image) -> Gaussian:
        """The message on the latent; vmap for many pictures."""
        mean, precision = self.moments(image)
        return Gaussian.of(precision * mean, jnp.diag(precision))

    def moments(self, image: Image) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
        """Mean of the message on each coordinate, and its precision (at most 10⁶)."""
        image = jnp.asarray(image)
        if image.shape != self.shape:
            raise ValueError(shape_line("image", image.shape, self.shape))
        outputs = self.encoder(pixels_of(image) - stop_gradient(self.average))
        mean, told = jnp.split(outputs, 2)
        largest = _LARGEST_LOG_PRECISION
        return mean, jnp.exp(largest - jax.nn.softplus(largest - told))

    def decode(self, latent: Float[Array, "n"]) -> Image:
        """The picture expected at ``latent``; here and there a little below 0 or above 1."""
        latent = jnp.asarray(latent)
        if latent.shape != (self.latent,):
            raise ValueError(shape_line("latent", latent.shape, (self.latent,)))
        return (stop_gradient(self.average) + self.decoder(latent)).reshape(self.shape)

    def elbo(self, images: Any, seed: int = 0) -> float:
        """Evidence lower bound, nats a picture: ``E[log p(y | x)] - beta KL(q | N(0, I))``."""
        pictures, seed = self._checked(images), whole("seed", seed, 0)
        return evaluated(Partial(bound), self, jnp.asarray(pictures), seed).mean().item()

    def refined(
        self,
        images: Any,
        beliefs: Belief,
        *,
        steps: int = 100,
        batch: int = 64,
        learning_rate: float = 1e-3,
        anchor: float = 1.0,
        seed: int = 0,
    ) -> tuple["LearnedVAE", float]:
        """The M step: both networks improved under smoothed ``beliefs`` about the latents.

        ``images`` ``(N, *shape)`` are what was observed, ``beliefs`` have ``mean`` ``(N, n)`` and
        ``root`` ``(N, n, k)``. Returns the new factor and its :meth:`score`, which is never below
        that of this one; ``steps`` of Adam on ``batch`` pictures each.
        """
        rows, seed = self._pairs(images, beliefs), whole("seed", seed, 0)
        steps, batch = whole("steps", steps, 1), whole("batch", batch, 1)
        rates = jnp.full(steps, float(positive("learning_rate", learning_rate)), jnp.float32)
        weight = f32(positive("anchor", anchor))
        found, _ = ascend(
            Partial(mean_worth, weight), self, rows, jax.random.key(seed), rates, batch
        )
        before, after = (
            evaluated(Partial(worth, weight), vae, rows, seed).mean().item()
            for vae in (self, found)
        )
        return (found, after) if after > before else (self, before)

    def score(self, images: Any, beliefs: Belief, anchor: float = 1.0, seed: int = 0) -> float:
        """What the M step maximises, nats a picture.

        ``E_q[log p(y | x)] + E_q[log m(x | y)] + anchor · elbo``: the decoder explains the picture
        at the smoothed latents, the encoder's message, a normalised density of ``x``, agrees with
        them. Alone, these two could be served by a latent that shrinks, and its dynamics would
        become trivial; the bound of the autoencoder itself, with its prior N(0, I), is the anchor.
        """
        weight = f32(positive("anchor", anchor))
        rows, seed = self._pairs(images, beliefs), whole("seed", seed, 0)
        return evaluated(Partial(worth, weight), self, rows, seed).mean().item()

    def correction(self, images: Any, beliefs: Belief, seed: int = 0) -> float:
        """``Σ E_q[log m(x | y) - log p(y | x)]``, nats: what makes a free energy that of pixels.

        A graph that has smoothed with the messages ``m`` has a free energy in which ``m`` stands
        for the likelihood. Added to it, this gives a bound on ``-log p(y)`` of the pictures
        themselves, which no rescaling of the latent improves, and which encoders can be compared
        by.
        """
        rows, seed = self._pairs(images, beliefs), whole("seed", seed, 0)
        return float(evaluated(Partial(correction), self, rows, seed).sum())

    def log_likelihood(self, images: Any, beliefs: Belief, seed: int = 0) -> float:
        """``Σ E_q[log p(y | x)]``, nats: how well the decoder explains pictures at the beliefs."""
        rows, seed = self._pairs(images, beliefs), whole("seed", seed, 0)
        return float(evaluated(Partial(likelihood), self, rows, seed).sum())

    def _checked(self, images: Any) -> np.ndarray:
        pictures = checked_pictures("images", images)
        if pictures.shape[1:] != self.shape:
            raise ValueError(shape_line("images", pictures.shape, ("N", *self.shape)))
        return pictures

    def _pairs(self, images: Any, beliefs: Belief) -> tuple[Array, Array, Array]:
        """Pictures, and means and roots of the beliefs that go with them."""
        if not isinstance(beliefs, Belief):
            raise ValueError(
                f"beliefs are {type(beliefs).__name__}: nothing says where the latents are; give "
                "the smoothed Belief, stacked over the pictures"
            )
        pictures, n = self._checked(images), self.latent
        mean, root = np.asarray(beliefs.mean), np.asarray(beliefs.root)
        count = len(pictures)
        if mean.shape != (count, n) or root.ndim != 3 or root.shape[:2] != (count, n):
            raise ValueError(
                f"beliefs have a mean {mean.shape} and a root {root.shape}: they do not go with "
                f"{count} pictures and a latent of {n}; give ({count}, {n}) and ({count}, {n}, {n})"
            )
        if not (np.isfinite(mean).all() and np.isfinite(root).all()):
            raise ValueError(
                "beliefs are not finite: every weight would become NaN; leave those steps out"
            )
        return jnp.asarray(pictures), f32(mean), f32(root)


def _principal(
    pictures: np.ndarray, latent: int, hidden: Any, pixel_std: Any, beta: Any, seed: int
) -> LearnedVAE:
    """The autoencoder before training: probabilistic principal components (Tipping and Bishop,
    1999), and networks that hardly correct them."""
    latent, seed = whole("latent", latent, 1), whole("seed", seed, 0)
    if not isinstance(hidden, tuple | list):
        raise ValueError(
            f"hidden is {hidden!r}: each layer has its own width; give a tuple such as (128, 128)"
        )
    widths = tuple(whole("hidden", width, 1) for width in hidden)
    std, weight = positive("pixel_std", pixel_std), positive("beta", beta)
    average, components, spread, norm = leading_components(pictures, latent, seed)
    inverse = np.divide(1, spread, out=np.zeros(latent), where=spread > 0)
    into = np.concatenate([components.T * inverse, np.zeros((average.size, latent))], axis=1)
    told = np.log(np.maximum((spread / float(std)) ** 2, _LEAST_PRECISION))
    keys = jax.random.split(jax.random.key(seed))
    bias = f32(np.concatenate([np.zeros(latent), told]))
    out, middle = f32(spread[:, None] * components), jnp.zeros(average.size, jnp.float32)
    return LearnedVAE(
        encoder=linear_network(keys[0], f32(into), bias, widths, _CALM * norm),
        decoder=linear_network(keys[1], out, middle, widths[::-1], latent**0.5),
        average=f32(average),
        pixel_std=f32(std),
        beta=f32(weight),
        shape=pictures.shape[1:],
    )
