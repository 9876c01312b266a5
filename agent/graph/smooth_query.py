"""Smoothing of one trajectory by all factors of a model."""

import jax

from .chain import Chain, Smoothed
from .filter import filter_along
from .gaussian import Belief
from .inference import Inference
from .smooth import smooth
from .system import Data, System, chain_of


def smooth_data(
    system: System, data: Data, inference: Inference, prior: Belief
) -> tuple[Smoothed, Chain]:
    """Smoothed beliefs of one trajectory, and the chain of their last linearisation.

    Where something is not linear, the first linearisation is along the filter's beliefs, and each
    further one along the smoothed beliefs of the one before: the iterated extended, or posterior
    linearisation, smoother (Bell, 1994; García-Fernández, Svensson and Särkkä, 2017).
    """
    if system.linear(inference):
        chain = chain_of(system, data, None, inference, prior)
        return run(chain, inference), chain
    near = filter_along(system, inference, data, prior).belief
    chain = chain_of(system, data, near, inference, prior)
    smoothed = run(chain, inference)
    if inference.iterations == 1:
        return smoothed, chain

    def again(_, smoothed):
        return run(chain_of(system, data, smoothed.states, inference, prior), inference)

    before = jax.lax.fori_loop(0, inference.iterations - 2, again, smoothed)
    chain = chain_of(system, data, before.states, inference, prior)
    return run(chain, inference), chain


def run(chain: Chain, inference: Inference) -> Smoothed:
    """Smooth ``chain`` by the scan that ``inference`` names."""
    if inference.scan == "auto":
        parallel = jax.default_backend() != "cpu"
    else:
        parallel = inference.scan == "associative"
    if parallel and chain.along.shape[0] > 1:
        from .associative import smooth_parallel

        return smooth_parallel(chain)
    return smooth(chain)
