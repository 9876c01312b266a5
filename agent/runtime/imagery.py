"""What inference shows to whoever looks on, beside its work: what it imagines, and what goals there
are."""

import numpy as np

from ...transport.messages import Header, Imagined, Offer
from ..kinds import Mind
from .process import Child

_OFFER_EVERY_S = 5.0  # for who joins late


class Imagery:
    """Publishes pictures once the plan of a frame is out, and no more often than a person can
    follow."""

    def __init__(self, child: Child, mind: Mind) -> None:
        """Before the goal is set: the goals on offer are looked at."""
        self._child, self._mind = child, mind
        rate_hz = child.launch.settings.run.rate_hz
        wanted_hz = child.launch.settings.runtime.imagine_hz
        self._every = round(max(1.0, rate_hz / wanted_hz)) if wanted_hz else 0
        self._offer_every = max(1, round(_OFFER_EVERY_S * rate_hz))
        self._offer = self._made_up()

    def show(self, frame: Header) -> None:
        """Show what is due after ``frame``."""
        if self._every and frame.tick % self._every == 0:
            imagination = self._mind.imagine()
            if imagination:
                imagined = Imagined(*imagination)
                self._child.publish("imagined", imagined, frame.tick, 0, frame.stamp_ns)
        if self._offer and frame.tick % self._offer_every == 0:
            self._child.publish("offer", self._offer)

    def _made_up(self) -> Offer | None:
        """The goals that the run began with, and which of them the model can hold."""
        gallery = self._child.launch.gallery
        if not gallery.names:
            return None
        can_be_held = [self._mind.can_hold(image) for image in gallery.images]
        return Offer(gallery.images, "\n".join(gallery.names), np.array(can_be_held, np.uint8))
