"""The smoothing query: beliefs about every state of a recorded segment, and about pairs of them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from .filter import update
from .gaussian import Belief, Message, lower_root
from .transition import LearnedFeatures


class Smoothed(NamedTuple):
    """Smoothed beliefs of a segment of T steps.

    ``pairs`` are the joint beliefs ``(T-1, 2n)`` about each state and its successor, with roots
    of as many columns as the transition's noise leaves rank; ``states`` are those about single
    states ``(T, n)``; ``evidence`` is the log evidence of the observations.
    """

    states: Belief
    pairs: Belief
    evidence: Float[Array, ""]


def smooth(
    transition: LearnedFeatures,
    prior: Belief,
    messages: Message,
    controls: Float[Array, "T-1 p"],
) -> Smoothed:
    """Extended Rauch-Tung-Striebel smoother in square-root form.

    ``prior`` is the belief about the first state before its observation; ``messages`` are stacked
    along the first axis, one a step. The backward pass conditions each state on its successor by
    one QR of the joint root (Park and Kailath, 1996).
    """
    n = prior.mean.shape[0]
    first, _, first_evidence = update(prior, jax.tree.map(lambda x: x[0], messages))

    def forward(belief, inputs):
        message, control = inputs
        local = transition.linearise(belief.mean, control)
        noise = transition.noise_columns(transition.phi(belief.mean, control))
        joint = jnp.block(
            [
                [local.along_state @ belief.root, noise],
                [belief.root, jnp.zeros_like(noise)],
            ]
        )
        root = lower_root(joint)
        predicted = Belief(local.mean, root[:n, :n])
        gain = solve_triangular(predicted.root, root[n:, :n].T, lower=True, trans=1).T
        posterior, _, evidence = update(predicted, message)
        return posterior, (belief.mean, local.mean, gain, root[n:, n:], evidence)

    later = jax.tree.map(lambda x: x[1:], messages)
    last, (means, predictions, gains, residues, evidence) = jax.lax.scan(
        forward, first, (later, controls)
    )

    def backward(after, inputs):
        mean, prediction, gain, residue = inputs
        mean = mean + gain @ (after.mean - prediction)
        along = gain @ after.root
        root = lower_root(jnp.concatenate([residue, along], axis=1))
        pair = jnp.block([[residue, along], [jnp.zeros_like(residue), after.root]])
        belief = Belief(mean, root)
        return belief, (belief, Belief(jnp.concatenate([mean, after.mean]), pair))

    _, (states, pairs) = jax.lax.scan(
        backward, last, (means, predictions, gains, residues), reverse=True
    )
    states = jax.tree.map(lambda x, end: jnp.concatenate([x, end[None]]), states, last)
    return Smoothed(states, pairs, first_evidence + evidence.sum())
