"""The frames that are kept to choose a goal from."""

import numpy as np
from jopa_agent.agent.viewer.gallery import Gallery, Recent, Thumbnail, on_offer
from jopa_agent.transport.messages import Offer


def gray(level: int) -> Thumbnail:
    return Thumbnail(np.full((4, 4, 1), level, np.uint8), str(level))


def names(kept: Recent | Gallery) -> list[str]:
    return [thumbnail.name for thumbnail in kept.thumbnails()]


def spread(levels: list[int]) -> int:
    return min(abs(a - b) for i, a in enumerate(levels) for b in levels[:i])


def test_recent_keeps_the_newest_one_every_so_many_ticks():
    recent = Recent(size=3, every_ticks=10)
    for tick in range(55):
        recent.take(tick, gray(tick))
    assert names(recent) == ["30", "40", "50"]


def test_a_gallery_takes_a_frame_that_it_has_only_once():
    gallery = Gallery(size=3)
    for level in (7, 7, 9, 9, 7):
        gallery.take(gray(level))
    assert names(gallery) == ["7", "9"]


def test_a_full_gallery_makes_room_for_what_is_further_from_the_others():
    gallery = Gallery(size=3)
    for level in (0, 1, 2, 200):
        gallery.take(gray(level))
    assert "200" in names(gallery)
    kept = names(gallery)
    gallery.take(gray(199))
    assert names(gallery) == kept


def test_the_frames_of_a_gallery_never_come_closer():
    gallery = Gallery(size=6)
    rng = np.random.default_rng(0)
    spreads = []
    for level in rng.integers(0, 256, 400):
        gallery.take(gray(int(level)))
        if len(gallery.thumbnails()) == 6:
            spreads.append(spread([int(name) for name in names(gallery)]))
    assert spreads == sorted(spreads)
    assert spreads[-1] >= 25  # of 51, were they placed evenly by hand


def test_a_frame_that_stays_keeps_its_place():
    gallery = Gallery(size=3)
    for level in (0, 100, 110):
        gallery.take(gray(level))
    gallery.take(gray(255))
    assert names(gallery)[0] == "0"
    assert set(names(gallery)) < {"0", "100", "110", "255"}


def test_an_offer_tells_names_and_what_can_be_held():
    images = np.zeros((3, 4, 4, 1), np.uint8)
    goals = on_offer(Offer(images, "up\ndown", np.array([1, 0, 1], np.uint8)))
    assert [(each.name, each.can_be_held) for each in goals] == [
        ("up", True),
        ("down", False),
        ("goal 3", True),
    ]


def test_the_same_offer_again_is_that_of_before():
    images = np.arange(32, dtype=np.uint8).reshape(2, 4, 4, 1)
    held = np.array([1, 0], np.uint8)
    before = on_offer(Offer(images, "up\ndown", held))
    assert on_offer(Offer(images.copy(), "up\ndown", held), before) is before
    for other in (
        Offer(images, "up\nleft", held),
        Offer(images + 1, "up\ndown", held),
        Offer(images, "up\ndown", held[::-1]),
        Offer(images[:1], "up", held[:1]),
    ):
        assert on_offer(other, before) is not before
