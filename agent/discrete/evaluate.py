"""Scores a discrete agent in the line world, beside exact inference on the same draws."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ...configs.settings import Settings
from ...envs.line_body import PERIOD_S
from ...envs.line_trajectories import draw_trajectories
from ...envs.line_world import MEANS, NOISE, STATES, transition_matrix
from ..encoders.categorical import CategoricalEncoder
from . import engine
from .align import aligned, assignment
from .checkpoint import Trained
from .exact import exact_posteriors, gaussian_log_likelihood
from .rollouts import Rollouts, World, best_possible, roll_out

TRAJECTORIES = 4000
ROLL_OUTS = 1000
_DRAWS = 2  # of a seed: training takes the first


class Judged(NamedTuple):
    """What is seen in the frames of the trajectories, ``(N, T)`` each: the states, and what
    encoder, filter and smoother take them for, in the states' own numbers."""

    states: Int[np.ndarray, "N T"]
    encoded: Int[np.ndarray, "N T"]
    filtered: Int[np.ndarray, "N T"]
    smoothed: Int[np.ndarray, "N T"]


class Evaluation(NamedTuple):
    """``figures`` as JSON takes them, and what the pictures are made of."""

    figures: dict[str, Any]
    before: Judged
    after: Judged
    rollouts: Rollouts


def evaluate(
    trained: Trained, untrained: CategoricalEncoder, settings: Settings, target: int, count: int
) -> Evaluation:
    """Judge ``trained`` by new trajectories of the seed, and by ``count`` roll-outs to ``target``.

    ``untrained`` is the encoder before its training. Accuracies are those after the best one-to-one
    assignment of categories to states; ceilings are those of exact inference with the true model on
    the same draws: of Bayes' rule for single frames, of the filter, and of the smoother.
    """
    seed, length = settings.run.seed, settings.discrete.length
    seen, states = draw_trajectories((seed, _DRAWS), TRAJECTORIES, length)
    after, beliefs = judge(trained, seen.emissions, seen.actions, states)
    before, _ = judge(trained._replace(encoder=untrained), seen.emissions, seen.actions, states)
    exact = exact_posteriors(
        gaussian_log_likelihood(seen.emissions.astype(np.float64), MEANS),
        transition_matrix(),
        seen.actions,
        np.full(STATES, 1 / STATES),
    )
    figures: dict[str, Any] = {
        "encoder_accuracy": _share(after.encoded, states),
        "state_accuracy": _share(after.filtered, states),
        "smoothed_accuracy": _share(after.smoothed, states),
        "bayes_ceiling": _share(exact.single.argmax(-1), states),
        "filter_ceiling": _share(exact.filtered.argmax(-1), states),
        "smoother_ceiling": _share(exact.smoothed.argmax(-1), states),
        "unaligned_state_accuracy": _share(beliefs.argmax(-1), states),
        "untrained_encoder_accuracy": _share(before.encoded, states),
        "untrained_state_accuracy": _share(before.filtered, states),
        "expected_hits": float(beliefs.max(-1).mean()),
        "frames": int(states.size),
        "parameters": sum(x.size for x in jax.tree.leaves(trained.encoder.layers)),
    }
    told, rollouts = _rollouts(trained, settings, target, count)
    return Evaluation(
        figures | told | _matrices(trained, seen, states) | {"target": target, "seed": seed},
        before,
        after,
        rollouts,
    )


def judge(
    trained: Trained,
    emissions: Float[np.ndarray, "N T 2"],
    actions: Int[np.ndarray, "N T-1"],
    states: Int[np.ndarray, "N T"],
) -> tuple[Judged, Float[np.ndarray, "N T k"]]:
    """What a trained agent takes frames for, and its filtered beliefs."""
    observations, moves = trained.encoder(jnp.asarray(emissions)), jnp.asarray(actions)
    beliefs = engine.filtered(trained.model, observations, moves).beliefs
    smooth, _ = engine.smoothed(trained.model, beliefs, moves)
    found = (np.asarray(each).argmax(axis=-1) for each in (observations, beliefs, smooth))
    return Judged(states, *(aligned(each, states, STATES) for each in found)), np.asarray(beliefs)


def _rollouts(
    trained: Trained, settings: Settings, target: int, count: int
) -> tuple[dict[str, Any], Rollouts]:
    """Roll-outs from state 0, where moves are sure, and where they are as noisy as they are."""
    steps = max(round(settings.run.duration_s / PERIOD_S), target + 1)
    sure, noisy = (
        World(jnp.asarray(transition_matrix(noise), jnp.float32), jnp.asarray(MEANS, jnp.float32))
        for noise in (0.0, NOISE)
    )
    seed, discrete = settings.run.seed, settings.discrete

    def play(world: World, knows_start: bool) -> Rollouts:
        return roll_out(trained, world, target, count, steps, seed, discrete, knows_start)

    straight, blind, real = play(sure, True), play(sure, False), play(noisy, False)
    best = best_possible(transition_matrix(), target, target)
    settled = slice(target, None)
    return {
        "roll_outs": count,
        "roll_out_steps": steps,
        "reached_fraction": float(_reached(straight, target).mean()),
        "held_fraction": float((straight.states[:, settled] == target).all(axis=1).mean()),
        "reached_fraction_unknown_start": float(_reached(blind, target).mean()),
        "held_share_unknown_start": float((blind.states[:, 2 * STATES :] == target).mean()),
        "noisy_reached_fraction": float(_reached(real, target).mean()),
        "noisy_reached_at_best": best.reached,
        "noisy_present_share": float((real.states[:, 2 * STATES :] == target).mean()),
        "noisy_present_at_best": best.present,
    }, real


def _reached(rollouts: Rollouts, target: int) -> np.ndarray:
    """Whether each has been at the target within as many steps as it is away."""
    return (rollouts.states[:, : target + 1] == target).any(axis=1)


def _matrices(trained: Trained, seen: Any, states: np.ndarray) -> dict[str, Any]:
    """How far B is from the true one: the largest difference, and the mean over columns of half
    the sum of differences (total variation), states in their own numbers."""
    categories = np.asarray(trained.encoder.category(jnp.asarray(seen.emissions)))
    order = np.argsort(assignment(categories, states, STATES))
    found = np.asarray(trained.model.transition)[np.ix_(order, order)]
    apart = np.abs(found - transition_matrix())
    likelihood = np.diag(np.asarray(trained.model.likelihood))
    return {
        "transition_error": float(apart.max()),
        "transition_total_variation": float(apart.sum(axis=0).mean() / 2),
        "likelihood_diagonal": float(likelihood.mean()),
    }


def _share(found: np.ndarray, states: np.ndarray) -> float:
    return float((found == states).mean())
