"""Which of the frames that went by are kept to choose a goal from."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from ...transport.messages import Offer


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A kept frame: uint8 ``(height, width, channels)``, and what to call it as a goal;
    ``can_be_held`` is None where nobody has said."""

    image: np.ndarray
    name: str
    can_be_held: bool | None = None


class Recent:
    """The newest frames, one every ``every_ticks``; the oldest falls out."""

    def __init__(self, size: int, every_ticks: int) -> None:
        self._kept: deque[Thumbnail] = deque(maxlen=size)
        self._every_ticks = every_ticks
        self._last_tick: int | None = None

    def take(self, tick: int, thumbnail: Thumbnail) -> None:
        if self._last_tick is None or tick >= self._last_tick + self._every_ticks:
            self._kept.append(thumbnail)
            self._last_tick = tick

    def thumbnails(self) -> tuple[Thumbnail, ...]:
        """Oldest first."""
        return tuple(self._kept)


class Gallery:
    """Frames as different from each other as possible, each in a place that it keeps.

    Greedy max-min diversity: when the gallery is full, a frame takes the place of one of the
    two most alike if it is further from all others than those two are from each other.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: list[Thumbnail] = []
        self._distances = np.full((size, size), np.inf)  # root mean square, gray levels

    def take(self, thumbnail: Thumbnail) -> None:
        distances = np.full(self._size, np.inf)
        distances[: len(self._kept)] = [_distance(thumbnail, other) for other in self._kept]
        if len(self._kept) < self._size:
            if distances.min() > 0:
                self._kept.append(thumbnail)
                self._settle(len(self._kept) - 1, distances)
            return
        alike = np.unravel_index(self._distances.argmin(), self._distances.shape)
        place = int(min(alike, key=lambda index: distances[index]))
        to_others = np.delete(distances, place)
        if to_others.min(initial=np.inf) > self._distances.min():
            self._kept[place] = thumbnail
            self._settle(place, distances)

    def thumbnails(self) -> tuple[Thumbnail, ...]:
        return tuple(self._kept)

    def _settle(self, place: int, distances: np.ndarray) -> None:
        self._distances[place] = self._distances[:, place] = distances
        self._distances[place, place] = np.inf


def _distance(first: Thumbnail, second: Thumbnail) -> float:
    difference = first.image.astype(np.float32) - second.image
    return float(np.sqrt(np.square(difference).mean()))


def on_offer(offer: Offer, before: tuple[Thumbnail, ...] = ()) -> tuple[Thumbnail, ...]:
    """The goals of an offer, each with its name and whether it can be held; those ``before`` where
    it is the same offer again."""
    names = offer.names.splitlines()
    names += [f"goal {place + 1}" for place in range(len(names), len(offer.images))]
    found = tuple(
        Thumbnail(image, name, bool(held))
        for image, name, held in zip(offer.images, names, offer.can_be_held, strict=False)
    )
    same = len(found) == len(before) and all(map(_equal, found, before))
    return before if same else found


def _equal(first: Thumbnail, second: Thumbnail) -> bool:
    told = (first.name, first.can_be_held) == (second.name, second.can_be_held)
    return told and np.array_equal(first.image, second.image)
