"""Pictures and films of the window."""

from pathlib import Path

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer.showing import Notice
from jopa_agent.agent.viewer.snapshots import Film, free_name
from jopa_agent.agent.viewer.viewing import Viewing
from PIL import Image, ImageSequence

TENTH_NS = 10**8


@pytest.fixture
def window(surface: pygame.Surface) -> pygame.Surface:
    """Red above, blue below."""
    surface.fill((200, 0, 0))
    surface.fill((0, 0, 200), (0, 320, 960, 320))
    return surface


def filmed(folder: Path, window: pygame.Surface, refreshes: int, every_ns: int) -> Notice | None:
    """What is told of a film of so many refreshes, whose red part gets darker."""
    film = Film(folder)
    assert film.switch(window.get_size(), 0) == Notice("filming: V ends it")
    for number in range(refreshes):
        window.fill((200 - number % 200, 0, 0), (0, 0, 960, 320))
        film.take(window, number * every_ns)
    film.finish()
    assert not film.rolling
    return film.news()


def count_of(film: Image.Image) -> int:
    return sum(1 for _ in ImageSequence.Iterator(film))


def test_a_picture_of_the_window_is_written_beside_the_run(tmp_path: Path, window: pygame.Surface):
    viewing = Viewing(tmp_path)
    for number in (1, 2):
        viewing.do("screenshot", window.get_size(), 0)
        viewing.drawn(window, 0)
        viewing.drawn(window, 0)  # once alone
        file = tmp_path / f"screenshot-{number}.png"
        assert viewing.notice(1) == Notice(f"saved {file}")
        seen = np.asarray(Image.open(file))
        assert seen.shape == (640, 960, 3)
        assert tuple(seen[0, 0]) == (200, 0, 0)
    assert len(list(tmp_path.iterdir())) == 2
    assert viewing.notice(10**11) is None


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path, window: pygame.Surface):
    viewing, gone = Viewing(tmp_path / "gone"), tmp_path / "gone"
    viewing.do("screenshot", window.get_size(), 0)
    viewing.drawn(window, 0)
    notice = viewing.notice(1)
    assert notice
    assert notice.fault
    assert str(gone) in notice.text
    notice = filmed(gone, window, 3, TENTH_NS)
    assert notice
    assert notice.fault


@pytest.mark.parametrize("every_ns", [TENTH_NS // 3, TENTH_NS])
def test_a_film_has_ten_pictures_a_second_at_half_the_size(
    tmp_path: Path, window: pygame.Surface, every_ns: int
):
    notice = filmed(tmp_path, window, 2 * 10**9 // every_ns, every_ns)
    assert notice == Notice(f"saved {tmp_path / 'film-1.gif'}")
    with Image.open(tmp_path / "film-1.gif") as film:
        assert film.size == (480, 320)
        assert film.info["duration"] == 100
        seen = np.asarray(film.convert("RGB"))
        np.testing.assert_allclose(seen[10, 10], (200, 0, 0), atol=8)
        np.testing.assert_allclose(seen[-10, 10], (0, 0, 200), atol=8)
        assert count_of(film) == pytest.approx(20, abs=1)


def test_a_film_lasts_a_minute_at_most(tmp_path: Path, surface: pygame.Surface):
    tiny = pygame.transform.scale(surface, (16, 8))
    film = Film(tmp_path)
    film.switch(tiny.get_size(), 0)
    for number in range(700):
        tiny.fill((number % 250, number // 250 * 50, 0))
        film.take(tiny, number * TENTH_NS)
    assert not film.rolling
    film.finish()
    with Image.open(tmp_path / "film-1.gif") as found:
        assert count_of(found) == 600


def test_names_that_are_taken_are_left_alone(tmp_path: Path):
    assert free_name(tmp_path, "film", ".gif") == tmp_path / "film-1.gif"
    (tmp_path / "film-1.gif").touch()
    assert free_name(tmp_path, "film", ".gif") == tmp_path / "film-2.gif"
