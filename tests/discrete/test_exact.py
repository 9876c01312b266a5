"""Exact inference for scoring, against the sum over all paths of states."""

from itertools import product

import numpy as np
from jopa_agent.agent.discrete.align import aligned, assignment, confusion
from jopa_agent.agent.discrete.exact import exact_posteriors


def by_enumeration(log_likelihood, transition, actions, prior):
    """Marginals of each step from the probabilities of all paths."""
    length, states = log_likelihood.shape
    marginals = np.zeros((length, states))
    for path in product(range(states), repeat=length):
        weight = prior[path[0]] * np.exp(sum(log_likelihood[t, s] for t, s in enumerate(path)))
        for t in range(length - 1):
            weight *= transition[path[t + 1], path[t], actions[t]]
        for t, s in enumerate(path):
            marginals[t, s] += weight
    return marginals / marginals.sum(axis=1, keepdims=True)


def test_marginals_are_those_of_all_paths():
    rng = np.random.default_rng(0)
    transition = rng.dirichlet(np.ones(3), size=(3, 2)).transpose(2, 0, 1)
    prior, actions = rng.dirichlet(np.ones(3)), rng.integers(2, size=(2, 4))
    told = rng.normal(size=(2, 5, 3)) * 2
    found = exact_posteriors(told, transition, actions, prior)
    for one in range(2):
        for end in range(1, 6):
            exact = by_enumeration(told[one, :end], transition, actions[one], prior)
            np.testing.assert_allclose(found.filtered[one, end - 1], exact[-1], atol=1e-12)
        np.testing.assert_allclose(found.smoothed[one], exact, atol=1e-12)
        alone = prior * np.exp(told[one])
        np.testing.assert_allclose(found.single[one], alone / alone.sum(1, keepdims=True))


def test_the_best_assignment():
    states = np.array([0, 0, 1, 1, 2, 2, 2])
    found = np.array([2, 2, 0, 1, 1, 1, 1])
    assert assignment(found, states, 3).tolist() == [1, 2, 0]
    assert aligned(found, states, 3).tolist() == [0, 0, 1, 2, 2, 2, 2]
    np.testing.assert_array_equal(
        confusion(aligned(found, states, 3), states, 3), [[1, 0, 0], [0, 0.5, 0.5], [0, 0, 1]]
    )
