"""What is believed: a Gaussian in the latent space, or one of a few states."""

import pygame

from ....transport.beliefs import is_categorical
from ....transport.messages import Belief
from ..look import Look
from ..showing import Showing
from ..state import LatentView, ViewerState
from . import categorical, latent


def values(
    state: ViewerState,
    showing: Showing,  # noqa: ARG001
) -> tuple[LatentView | Belief | None]:
    """The belief, with the way that led to it and the plan."""
    belief = state.belief
    if belief is not None and is_categorical(belief.mean, belief.std):
        return (belief,)
    return (state.latent_view(),)


def draw(
    surface: pygame.Surface, rect: pygame.Rect, look: Look, view: LatentView | Belief | None
) -> None:
    """The card that fits what is believed."""
    if isinstance(view, Belief):
        categorical.draw(surface, rect, look, view)
    else:
        latent.draw(surface, rect, look, view)
