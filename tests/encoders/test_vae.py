"""The variational autoencoder: against closed forms where it is linear, and by what it learns."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jopa_agent.agent.encoders.layers import Network
from jopa_agent.agent.encoders.pictures import leading_components
from jopa_agent.agent.encoders.vae import LearnedVAE
from jopa_agent.agent.graph.block import Block
from jopa_agent.agent.graph.gaussian import Belief, Gaussian
from jopa_agent.agent.graph.joint import JointModel
from jopa_agent.agent.graph.learned_linear import LearnedLinear

SIDE = 12
SETTINGS = {
    "latent": 2,
    "hidden": (32, 32),
    "epochs": 100,
    "batch": 32,
    "pixel_std": 0.3,
    "learning_rate": 3e-3,
}


def hands(angles: np.ndarray) -> np.ndarray:
    """A clock with one soft hand, at each of ``angles``: pictures ``(N, 12, 12)``."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    cos, sin = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    along, across = cos * x + sin * y, cos * y - sin * x
    return np.exp(-((across / 2.5) ** 2) - ((along - 2.5) / 3) ** 2).astype(np.float32)


def error(found, wanted) -> float:
    return float(np.mean((np.asarray(found) - np.asarray(wanted)) ** 2))


def means(vae: LearnedVAE, images) -> np.ndarray:
    return np.asarray(jax.vmap(lambda image: vae.moments(image)[0])(jnp.asarray(images)))


def decoded(vae: LearnedVAE, latents) -> np.ndarray:
    return np.asarray(jax.vmap(vae.decode)(jnp.asarray(latents, jnp.float32)))


def about(mean: np.ndarray, std: float) -> Belief:
    roots = np.broadcast_to(std * np.eye(mean.shape[1]), (*mean.shape, mean.shape[1]))
    return Belief.of(jnp.asarray(mean, jnp.float32), jnp.asarray(roots, jnp.float32))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return hands(np.random.default_rng(0).uniform(0, 2 * np.pi, 256))


@pytest.fixture(scope="module")
def vae(images: np.ndarray) -> LearnedVAE:
    return LearnedVAE.fit(images, **SETTINGS)


@pytest.fixture(scope="module")
def linear() -> tuple[LearnedVAE, np.ndarray, np.ndarray]:
    """A linear autoencoder whose message is the exact likelihood; its matrix, and pictures.

    The columns of the matrix are orthogonal, so that the likelihood's precision is diagonal.
    """
    rng, pixels, std = np.random.default_rng(3), 20, 0.3
    matrix = np.linalg.qr(rng.normal(size=(pixels, 2)))[0] * [0.9, 0.4]
    square = (matrix**2).sum(0)
    average = np.full(pixels, 0.5)
    told = np.log(square / std**2)
    # the encoder saturates at a precision of 1e6: log p = c - softplus(c - b), solved for b
    ceiling = math.log(1e6)
    bias = ceiling - np.log(np.expm1(ceiling - told))

    def network(linear, bias):
        none = jnp.zeros((linear.shape[0], len(bias)), jnp.float32)
        return Network(jnp.asarray(linear, jnp.float32), ((none, jnp.asarray(bias, jnp.float32)),))

    vae = LearnedVAE(
        encoder=network(np.concatenate([matrix / square, 0 * matrix], 1), [0, 0, *bias]),
        decoder=network(matrix.T, np.zeros(pixels)),
        average=jnp.asarray(average, jnp.float32),
        pixel_std=jnp.float32(std),
        beta=jnp.float32(1),
        shape=(4, 5),
    )
    rows = average + rng.normal(size=(300, 2)) @ matrix.T + std * rng.normal(size=(300, pixels))
    # the model's pictures leave 0 ... 1; what is accepted does not
    return vae, matrix, np.clip(rows, 0, 1).astype(np.float32).reshape(-1, 4, 5)


def test_decoding_the_message_beats_the_average_picture_by_far(vae: LearnedVAE, images):
    unseen = hands(np.linspace(0, 2 * np.pi, 50))
    rebuilt = decoded(vae, means(vae, unseen))
    assert error(rebuilt, unseen) < 0.05 * error(images.mean(0), unseen)


def test_a_full_turn_is_a_closed_ring_that_a_linear_map_turns(vae: LearnedVAE):
    steps = 36
    ring = means(vae, hands(2 * np.pi * np.arange(steps + 1) / steps))
    np.testing.assert_allclose(ring[0], ring[-1], atol=1e-4)
    turn = np.linalg.lstsq(ring[:-1], ring[1:], rcond=None)[0]
    path = [ring[0]]
    for _ in range(steps):
        path.append(path[-1] @ turn)
    spread = np.sqrt(ring.var(0).sum())
    assert np.sqrt(error(path, ring) * 2) < 0.25 * spread
    assert (np.abs(ring.mean(0)) < 0.1 * spread).all()


def test_the_message_is_gaussian_diagonal_and_the_same_for_bytes(vae: LearnedVAE, images):
    image = np.round(images[0] * 255).astype(np.uint8)
    message = jax.jit(lambda vae, image: vae.encode(image))(vae, image)
    mean, precision = vae.moments(image)
    assert isinstance(message, Gaussian)
    assert message.eta.dtype == message.precision.dtype == jnp.float32
    np.testing.assert_allclose(message.precision, np.diag(precision), rtol=1e-5)
    np.testing.assert_allclose(message.eta, precision * mean, rtol=1e-5)
    assert (np.asarray(precision) > 0).all()
    as_floats = vae.encode(image.astype(np.float64) / 255)
    np.testing.assert_allclose(message.eta, as_floats.eta, rtol=1e-4, atol=1e-3)
    many = jax.vmap(vae.encode)(jnp.asarray(images[:3]))
    assert many.precision.shape == (3, 2, 2)


def test_a_picture_unlike_any_other_gives_a_finite_message(vae: LearnedVAE):
    for image in (np.zeros((SIDE, SIDE)), np.ones((SIDE, SIDE)), 100 * hands(np.zeros(1))[0]):
        mean, precision = vae.moments(image)
        assert np.isfinite(mean).all()
        assert (np.asarray(precision) <= 1.001e6).all()


def test_the_gradient_of_a_message_is_its_slope(vae: LearnedVAE, images):
    image = jnp.asarray(images[0])

    def spoken(vae: LearnedVAE, image) -> jax.Array:
        message = vae.encode(image)
        return message.eta.sum() + jnp.log(jnp.diag(message.precision)).sum()

    by_weights, by_image = jax.grad(spoken, argnums=(0, 1))(vae, image)
    for leaf in jax.tree.leaves(by_weights.encoder):
        assert np.isfinite(leaf).all()
        assert np.any(leaf)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(by_weights.decoder))
    direction = jnp.asarray(images[1]) - image
    width = 1e-2
    quotient = (spoken(vae, image + width * direction) - spoken(vae, image - width * direction)) / (
        2 * width
    )
    # a central difference in float32: its own error is of the order 1e-3
    assert float((by_image * direction).sum()) == pytest.approx(float(quotient), rel=2e-2)


def test_the_same_seed_gives_the_same_weights(vae: LearnedVAE, images):
    again, other = LearnedVAE.fit(images, **SETTINGS), LearnedVAE.fit(images, **SETTINGS, seed=1)
    for leaf, same in zip(jax.tree.leaves(vae), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(leaf, same)
    assert np.any(vae.encoder.linear != other.encoder.linear)


def test_training_raises_the_bound(vae: LearnedVAE, images):
    assert vae.elbo(images) == vae.elbo(images)
    little = LearnedVAE.fit(images, **{**SETTINGS, "epochs": 1})
    assert vae.elbo(images) > little.elbo(images) + 1


def test_beta_and_the_pixels_noise_make_the_message_say_less(images):
    settings = {**SETTINGS, "epochs": 1}  # what it begins with, as good as untrained
    base, coarse = (LearnedVAE.fit(images, **{**settings, "pixel_std": std}) for std in (0.1, 1.0))
    assert (np.asarray(coarse.moments(images[0])[1]) < base.moments(images[0])[1]).all()
    strict = replace(base, beta=jnp.float32(3))
    assert strict.elbo(images) < base.elbo(images) - 1


def test_colour_pictures_and_bytes_of_any_shape():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (20, 6, 4, 3), dtype=np.uint8)
    vae = LearnedVAE.fit(pictures, 3, epochs=1, hidden=())
    assert vae.decode(jnp.zeros(3)).shape == (6, 4, 3)
    assert vae.encode(pictures[0]).eta.shape == (3,)


def test_the_bound_is_the_evidence_where_the_message_is_the_likelihood(linear):
    vae, matrix, pictures = linear
    rows = pictures.reshape(len(pictures), -1).astype(np.float64) - 0.5
    cov = matrix @ matrix.T + 0.3**2 * np.eye(len(matrix))
    exact = -0.5 * (
        np.einsum("ki,ij,kj->k", rows, np.linalg.inv(cov), rows)
        + np.linalg.slogdet(2 * np.pi * cov)[1]
    )
    # 300 pictures, 8 samples each, of standard deviation about 1
    assert vae.elbo(pictures) == pytest.approx(exact.mean(), abs=0.15)


def test_the_score_and_the_correction_are_their_written_expectations(linear):
    vae, matrix, pictures = linear
    rng = np.random.default_rng(4)
    belief_mean = rng.normal(size=(len(pictures), 2))
    beliefs = about(belief_mean, 0.2)
    rows = pictures.reshape(len(pictures), -1).astype(np.float64) - 0.5
    square, spread = (matrix**2).sum(0), 0.2**2
    miss = rows - belief_mean @ matrix.T
    seen = -0.5 * ((miss**2).sum(1) + spread * square.sum()) / 0.3**2
    seen -= 20 * math.log(0.3 * math.sqrt(2 * math.pi))
    precision = square / 0.3**2
    away = (rows @ matrix / square - belief_mean) ** 2 + spread
    told = 0.5 * (np.log(precision / (2 * np.pi)) - precision * away).sum(1)
    # 2,400 samples of standard deviation about 3
    score = vae.score(pictures, beliefs) - vae.elbo(pictures)
    assert score == pytest.approx((seen + told).mean(), abs=0.4)
    correction = vae.correction(pictures, beliefs) / len(pictures)
    assert correction == pytest.approx((told - seen).mean(), abs=0.4)


def test_the_correction_takes_back_what_a_smaller_latent_would_gain(linear):
    """Half the latent: messages are denser by log 2 a coordinate, the pixels no better known."""
    vae, _, pictures = linear
    beliefs = about(means(vae, pictures), 0.2)
    scale = np.array([0.5, 0.5, 1, 1], np.float32)
    ((none, bias),) = vae.encoder.layers
    ceiling = math.log(1e6)
    told = ceiling - np.log1p(np.exp(ceiling - np.asarray(bias[2:], np.float64))) + math.log(4)
    denser = ceiling - np.log(np.expm1(ceiling - told))
    layers = ((none, jnp.asarray([0, 0, *denser], jnp.float32)),)
    smaller = replace(
        vae,
        encoder=Network(vae.encoder.linear * scale, layers),
        decoder=vae.decoder._replace(linear=2 * vae.decoder.linear),
    )
    halved = Belief.of(0.5 * beliefs.mean, 0.5 * beliefs.root)
    gained = smaller.correction(pictures, halved) - vae.correction(pictures, beliefs)
    assert gained == pytest.approx(len(pictures) * 2 * math.log(2), rel=1e-3)


def test_the_m_step_raises_its_score_and_draws_the_message_to_the_beliefs(vae, images):
    before = means(vae, images)
    angle = np.arctan2(*before.T[::-1])
    circle = np.sqrt((before**2).sum(1).mean()) * np.stack([np.cos(angle), np.sin(angle)], 1)
    beliefs = about(circle, 0.1)
    refined, score = vae.refined(images, beliefs)
    assert score > vae.score(images, beliefs) + 0.1
    assert score == pytest.approx(refined.score(images, beliefs), rel=1e-6)
    assert error(means(refined, images), circle) < 0.5 * error(before, circle)
    assert error(decoded(refined, circle), images) < 0.7 * error(decoded(vae, circle), images)
    again, same = vae.refined(images, beliefs)
    assert same == score
    np.testing.assert_array_equal(again.encoder.linear, refined.encoder.linear)


def test_the_m_step_keeps_what_is_better(vae, images):
    beliefs = about(means(vae, images), 0.1)
    kept, score = vae.refined(images, beliefs, steps=100, learning_rate=10.0)
    assert kept is vae
    assert score == vae.score(images, beliefs)


def test_the_anchor_holds_the_latent_up_against_beliefs_that_shrink(vae, images):
    def spread(anchor: float) -> float:
        shrinking = vae
        for _ in range(4):
            beliefs = about(0.6 * means(shrinking, images), 0.2)
            shrinking, _ = shrinking.refined(images, beliefs, anchor=anchor)
        return float(means(shrinking, images).std())

    begun = float(means(vae, images).std())
    assert spread(1e-6) < 0.25 * begun
    assert spread(30.0) > 0.5 * begun


def test_learning_hands_its_options_to_the_m_step(vae, images):
    """Two rounds in one call are a round, an M step with these options, and a round."""
    model = JointModel([Block("clock", LearnedLinear(2), observe=vae)])
    film, options = [{"clock": images[:40]}], {"steps": 7, "learning_rate": 3e-3}
    found, report = model.learn(film, iterations=3, em_rounds=2, m_step=options)
    first, _ = model.learn(film, iterations=3)
    beliefs = first.smooth(film[0]).beliefs["clock"]
    refined, score = vae.refined(images[:40], beliefs, **options)
    assert report.rounds[1].scores == {"clock": pytest.approx(score, rel=1e-5)}
    theirs, ours = found.block("clock").observe[""].encoder, refined.encoder
    np.testing.assert_allclose(theirs.linear, ours.linear, rtol=1e-5)
    assert np.abs(ours.linear - vae.encoder.linear).max() > 1e-3
    with pytest.raises(ValueError, match=r"m_step has \['speed'\], which the M step"):
        model.learn(film, m_step={"speed": 1})


def test_as_a_sensor_it_speaks_where_there_is_a_picture(vae: LearnedVAE, images):
    readings = vae.gather("clock", [images[0], None, np.full((SIDE, SIDE), np.nan), images[1]])
    rows = vae.rows(readings, jnp.zeros((4, 2)))
    eta = np.einsum("tmn,tm->tn", rows.matrix, rows.value)
    messages = jax.vmap(vae.encode)(jnp.asarray(images[:2]))
    np.testing.assert_allclose(eta[[0, 3]], messages.eta, rtol=1e-4)
    assert not eta[1:3].any()
    assert vae.expect(jnp.zeros(2)).shape == (SIDE, SIDE)
    Block("clock", LearnedLinear(2), observe=vae)
    with pytest.raises(ValueError, match="2 coordinates"):
        Block("clock", LearnedLinear(3), observe=vae)


@pytest.mark.parametrize("shape", [(30, 5, 4), (12, 5, 4), (12, 3, 2, 3)])
def test_leading_components_are_those_of_the_singular_values(shape: tuple[int, ...]):
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = leading_components(pictures, 4, seed=0)
    rows = pictures.reshape(len(pictures), -1) / 255
    rows = rows - rows.mean(0)
    _, values, vectors = np.linalg.svd(rows, full_matrices=False)
    np.testing.assert_allclose(found.spread, values[:4] / np.sqrt(len(rows)), rtol=1e-10)
    overlap = np.abs((found.directions * vectors[:4]).sum(1))
    np.testing.assert_allclose(overlap, 1, rtol=1e-10)
    assert found.norm == pytest.approx(np.sqrt((rows**2).sum(1).mean()))


def test_more_coordinates_than_the_pictures_vary_in():
    pictures = np.linspace(0, 1, 8)[:, None, None] * np.ones((8, 4, 4))
    vae = LearnedVAE.fit(pictures, 3, hidden=(8,), epochs=20)
    mean, precision = vae.moments(pictures[3])
    assert np.isfinite(mean).all()
    assert np.argmax(precision) == 0


PICTURES = np.random.default_rng(0).uniform(size=(6, 4, 4))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("images", {"images": np.zeros((1, 4, 4))}),
        ("images", {"images": np.zeros((5, 4))}),
        ("images", {"images": np.full((5, 4, 4), 0.5)}),
        ("images", {"images": 255 * PICTURES}),
        ("images", {"images": PICTURES.astype(int)}),
        ("images", {"images": [PICTURES[0], PICTURES[0, :2]]}),
        ("images", {"images": np.where(PICTURES > 0.9, np.nan, PICTURES)}),
        ("latent", {"latent": 0}),
        ("latent", {"latent": 2.5}),
        ("epochs", {"epochs": 0}),
        ("batch", {"batch": -1}),
        ("hidden", {"hidden": (0,)}),
        ("hidden", {"hidden": 8}),
        ("pixel_std", {"pixel_std": 0.0}),
        ("beta", {"beta": -1.0}),
        ("learning_rate", {"learning_rate": float("nan")}),
        ("seed", {"seed": "one"}),
    ],
)
def test_what_cannot_be_trained_on_is_named_in_one_line(name: str, change: dict):
    with pytest.raises(ValueError, match=name) as caught:
        LearnedVAE.fit(**{"images": PICTURES, "latent": 2, "epochs": 1, "hidden": (4,), **change})
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_a_trained_one_is_named_in_one_line(vae: LearnedVAE, images):
    beliefs = about(means(vae, images), 0.1)
    few = about(np.zeros((3, 2)), 0.1)
    wide = about(np.zeros((len(images), 3)), 0.1)
    broken = Belief.of(beliefs.mean.at[0, 0].set(jnp.nan), beliefs.root)
    for name, call in (
        ("image", lambda: vae.encode(np.zeros((3, 3)))),
        ("image", lambda: vae.encode(np.zeros((SIDE, SIDE), int))),
        ("latent", lambda: vae.decode(jnp.zeros(3))),
        ("images", lambda: vae.elbo(images[:, :3])),
        ("beliefs", lambda: vae.refined(images, few)),
        ("beliefs", lambda: vae.refined(images, wide)),
        ("beliefs", lambda: vae.refined(images, broken)),
        ("beliefs", lambda: vae.refined(images, None)),
        ("steps", lambda: vae.refined(images, beliefs, steps=0)),
        ("seed", lambda: vae.correction(images, beliefs, seed=-1)),
        ("anchor", lambda: vae.refined(images, beliefs, anchor=0.0)),
        ("anchor", lambda: vae.score(images, beliefs, anchor=-1.0)),
        ("encoder", lambda: replace(vae, shape=(3, 3))),
    ):
        with pytest.raises(ValueError, match=name) as caught:
            call()
        assert "\n" not in str(caught.value)
