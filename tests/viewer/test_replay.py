"""The replay's window: keys, the bar, and what is shown at a moment."""

from pathlib import Path
from typing import Any

import numpy as np
import pygame
import pytest
from jopa_agent.agent.runs import launch
from jopa_agent.agent.runs.recorded import RecordedRun
from jopa_agent.agent.viewer import replay
from jopa_agent.agent.viewer.player import SPEEDS, Player
from jopa_agent.configs.settings import Settings
from jopa_agent.envs import BodySpec
from jopa_agent.transport.codec import encode
from jopa_agent.transport.messages import FIRST_EPOCH, STREAMS, Goal, Header
from jopa_agent.transport.recording import PREFIX
from jopa_agent.transport.recording_writer import RecordingWriter

from .conftest import PERIOD_NS, messages_of, picture

BAR = pygame.Rect(100, 600, 400, 16)


def player() -> Player:
    return Player(10.0, 0.05, 1.0)


def press(to: Player, key: int, shift: bool = False) -> bool:
    mod = pygame.KMOD_SHIFT if shift else 0
    return to.answer(pygame.event.Event(pygame.KEYDOWN, key=key, mod=mod), BAR)


def mouse(to: Player, kind: int, x: int, y: int = 605) -> None:
    to.answer(pygame.event.Event(kind, pos=(x, y), button=pygame.BUTTON_LEFT), BAR)


def test_it_plays_at_its_speed_and_stops_at_the_end() -> None:
    shown = player()
    shown.advance(2.0)
    assert shown.position_s == 2.0
    press(shown, pygame.K_UP)
    shown.advance(2.0)
    assert shown.position_s == 6.0
    shown.advance(100.0)
    assert (shown.position_s, shown.playing) == (10.0, False)
    press(shown, pygame.K_SPACE)
    assert (shown.position_s, shown.playing) == (0.0, True)


def test_keys_pause_step_and_leap() -> None:
    shown = player()
    press(shown, pygame.K_RIGHT)
    assert (shown.position_s, shown.playing) == (0.05, False)
    press(shown, pygame.K_RIGHT, shift=True)
    assert shown.position_s == pytest.approx(1.05)
    press(shown, pygame.K_END)
    press(shown, pygame.K_LEFT)
    assert shown.position_s == pytest.approx(9.95)
    press(shown, pygame.K_HOME)
    press(shown, pygame.K_LEFT)
    assert shown.position_s == 0.0
    for _ in range(20):
        press(shown, pygame.K_DOWN)
    assert shown.speed == SPEEDS[0]
    assert not press(shown, pygame.K_ESCAPE)


def test_the_mouse_goes_where_it_is_on_the_bar() -> None:
    shown = player()
    mouse(shown, pygame.MOUSEBUTTONDOWN, 300)
    assert shown.position_s == 5.0
    shown.advance(1.0)
    assert shown.position_s == 5.0
    mouse(shown, pygame.MOUSEMOTION, 900)
    assert shown.position_s == 10.0
    mouse(shown, pygame.MOUSEBUTTONUP, 900)
    mouse(shown, pygame.MOUSEMOTION, 100)
    assert shown.position_s == 10.0
    mouse(shown, pygame.MOUSEBUTTONDOWN, 300, y=100)
    assert shown.position_s == 10.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    """A recorded run of 600 ticks whose pictures are known; a goal is set at tick 100."""
    folder = tmp_path_factory.mktemp("run")
    body = BodySpec(
        name="pendulum",
        period_s=0.05,
        control_low=np.array([-2.0], np.float32),
        control_high=np.array([2.0], np.float32),
        safe_control=np.zeros(1, np.float32),
        frame_shape=(32, 32, 1),
    )
    launch.write(folder, launch.Launch(Settings(), body, Path("/model"), picture(10**6)))
    writer = RecordingWriter(folder / f"{PREFIX}0.mcap", {}, launch.launch_files(folder))
    streams = {kind: name for name, kind in STREAMS.items()}
    for tick in range(600):
        epoch = FIRST_EPOCH + (tick >= 100)
        sent = list(messages_of(tick, epoch))
        if tick == 100:
            sent.append((Header(4, 0, 0, tick, epoch), Goal(picture(7), "another")))
        for header, message in sent:
            data = encode(header, message)
            writer.add(streams[type(message)], header, message, data, 10**9 + tick * PERIOD_NS)
    writer.close()
    return RecordedRun(folder)


def seen(script: replay.Script, surface: pygame.Surface, position_s: float) -> np.ndarray:
    """What both of two scripts have seen for as long as the plots reach; the gallery may differ."""
    script.draw(surface, position_s)
    return pygame.surfarray.array3d(surface)[:540, :520]


def test_a_moment_looks_the_same_from_both_sides_and_after_a_leap(
    run: RecordedRun, surface: pygame.Surface
) -> None:
    onward, back, leap = (replay.Script(run) for _ in range(3))
    assert onward.length_s == pytest.approx(599 * 0.05)
    for second in range(25):
        seen(onward, surface, float(second))
    there = seen(onward, surface, 25.0)
    assert not np.array_equal(seen(back, surface, 29.0), there)
    np.testing.assert_array_equal(seen(back, surface, 25.0), there)
    np.testing.assert_array_equal(seen(leap, surface, 25.0), there)
    assert np.array_equal(seen(leap, surface, 1.0), seen(replay.Script(run), surface, 1.0))


def test_the_goal_of_a_moment_is_known_wherever_one_comes_from(
    run: RecordedRun, surface: pygame.Surface
) -> None:
    onward, leap, back = (replay.Script(run) for _ in range(3))
    for second in range(29):
        onward.draw(surface, float(second))
    for script in (leap, back):
        script.draw(surface, 28.0)
        assert script.goal.name == onward.goal.name == "another"
    back.draw(surface, 2.0)
    assert back.goal.name == replay.Script(run).goal.name != "another"


def test_no_more_is_read_than_what_is_shown(
    run: RecordedRun, surface: pygame.Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 600 frames a leap reads those that the plots reach back to, and no others."""
    read = []
    original = run.recording.messages

    def messages(*args: Any, **kwargs: Any) -> Any:
        for each in original(*args, **kwargs):
            read.append(each.stream)
            yield each

    monkeypatch.setattr(run.recording, "messages", messages)
    replay.Script(run).draw(surface, 29.0)
    assert 400 <= read.count("frame") <= 425


def test_the_bar_fits_beside_its_words(surface: pygame.Surface) -> None:
    area = pygame.Rect(0, 596, 960, 44)
    bar = replay.draw_bar(surface, area, player())
    assert area.contains(bar)
    assert bar.width > 500
