"""What a view says about the pose: the encoder's word or, of a disturbed frame, the decoder's."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from .encoders.decoder import Decoder
from .encoders.pictures import pixels_of
from .encoders.views import Encoder
from .graph.check import pytree
from .graph.encoder_sensor import EncoderSensor
from .graph.gaussian import Gaussian
from .graph.local_noise import LocalNoise

# Of absolute noise two thirds are below so many sigmas, somewhat less where black or white clip it.
_TWO_THIRDS = 0.7
_LEAST_NOISE = 0.02  # of the pixels' range: what drawing errs by
_OUTLYING = (6.0, 3.0, 2.0, 2.0, 2.0)  # sigmas at which a pixel counts half, one step after another
_ALIEN = 4.0  # sigmas beyond which a pixel is of something else
_SPREAD = 2.0  # of a pose's mean square: beyond, it is none that was ever seen
_UNSURE = 2.0  # pixels err together, so that they tell half of what they would alone
_WIDER = 4.0  # at least, as a multiple of the covariance of a usual view's message
_RIDGE = 1e-3  # of a pixel's information, so that what is not seen can be solved for


@pytree("encoder", "decoder", "noise")
@dataclass(frozen=True)
class PoseSensor(EncoderSensor):
    """What a view says about the pose, the first coordinates of the state.

    A usual view sends the encoder's pose, with the covariance of its ``noise`` there. Where its
    newest frame is not what the decoder draws at that pose, noise or a thing in the way has misled
    the encoder. Then the message is that of the decoder: the pose at which it draws the frame best,
    up to contrast and brightness, under a Cauchy loss of the pixels by reweighted least squares
    (Holland and Welsch, Robust regression using iteratively reweighted least-squares, 1977), begun
    at the encoder's pose and at the predicted one. What share of the picture does not fit at all
    adds to the doubt, and so does a pose far outside those of experience, which have unit variance.
    """

    encoder: Encoder
    decoder: Decoder
    noise: LocalNoise

    linear = False

    def encode(self, observation: UInt8[Array, "height width channels"]) -> Gaussian:
        """The message of a usual view."""
        pose = self.encoder(observation)
        return _told(pose, self.noise.at(pose))

    def messages(
        self, values: UInt8[Array, "T height width channels"], states: Float[Array, "T n"]
    ) -> Gaussian:
        """Those of views near the states that were predicted."""
        if values.shape[0] > 1:
            return jax.vmap(self._message)(values, states)
        # not batched, which would work out both branches
        return jax.tree.map(lambda x: x[None], self._message(values[0], states[0]))

    def _message(self, view, state) -> Gaussian:
        pose, channels = self.encoder(view), view.shape[-1] // self.encoder.window
        frame = pixels_of(view[..., -channels:])
        starts = jnp.stack([pose, state[: pose.shape[0]]])
        return _told(*jax.lax.cond(
            self.decoder.misfit(pose, frame) <= self.decoder.usual_misfit,
            lambda: (pose, self.noise.at(pose)),
            lambda: self._drawn(frame, starts),
        ))  # fmt: skip

    def _drawn(self, frame, starts) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
        """Mean and covariance of the decoder's message, from the better one of two ``starts``."""
        misses = jnp.abs(frame - jax.vmap(self.decoder)(starts))
        usual = jnp.min(jnp.quantile(misses, 2 / 3, axis=1))
        noise = jnp.maximum(usual / _TWO_THIRDS, _LEAST_NOISE)

        def fitted(pose):
            def improve(found, outlying):
                told, pull, _ = self._normal(frame, found, outlying * noise)
                return found + jnp.linalg.solve(told, pull), None

            begin = jnp.concatenate([pose, jnp.array([1.0, 0.0])])
            found, _ = jax.lax.scan(improve, begin, jnp.array(_OUTLYING))
            told, _, loss = self._normal(frame, found, _OUTLYING[-1] * noise)
            return found, told, loss

        found, told, losses = jax.vmap(fitted)(starts)
        best, d = jnp.argmin(losses), starts.shape[1]
        strange = jnp.maximum(jnp.mean(found[best, :d] ** 2) - _SPREAD, 0.0)
        alien = jnp.mean(jnp.abs(frame - self._picture(found[best])) > _ALIEN * noise)
        cov = (
            _UNSURE * noise**2 * jnp.linalg.inv(told[best])[:d, :d]
            + _WIDER * self.noise.at(found[best, :d])
            + (alien**2 + strange**2) * jnp.eye(d)
        )
        return found[best, :d], cov

    def _picture(self, found: Float[Array, "d+2"]) -> Float[Array, "pixels"]:
        """What the decoder draws at a pose, with a contrast and a brightness."""
        return found[-2] * self.decoder(found[:-2]) + found[-1]

    def _normal(self, frame, found, outlying):
        """Normal equations of a change of ``found``, ``(d + 2, d + 2)`` and ``(d + 2,)``, and the
        loss; a pixel that is ``outlying`` off counts half."""
        picture, along = jax.linearize(self._picture, found)
        rows = jax.vmap(along)(jnp.eye(found.shape[0]))
        miss = frame - picture
        square = (miss / outlying) ** 2
        counts = 1 / (1 + square)
        told = (counts * rows) @ rows.T + _RIDGE * jnp.eye(rows.shape[0])
        return told, rows @ (counts * miss), jnp.sum(jnp.log1p(square))


def _told(mean: Float[Array, "d"], cov: Float[Array, "d d"]) -> Gaussian:
    """The message in natural parameters, as all messages are."""
    precision = jnp.linalg.inv(cov)
    precision = 0.5 * (precision + precision.T)
    return Gaussian.of(precision @ mean, precision)
