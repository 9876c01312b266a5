"""The replay's window: keys, the bar, and what is shown at a moment."""

from pathlib import Path
from typing import Any

import numpy as np
import pygame
import pytest
from jopa_agent.agent.runs import launch
from jopa_agent.agent.runs.recorded import RecordedRun
from jopa_agent.agent.viewer import replay
from jopa_agent.agent.viewer.board import Board
from jopa_agent.agent.viewer.controls import REPLAY
from jopa_agent.agent.viewer.layout import arrange
from jopa_agent.agent.viewer.look import LIGHT, Look
from jopa_agent.agent.viewer.panels.toolbar import places
from jopa_agent.agent.viewer.player import SPEEDS, Player
from jopa_agent.agent.viewer.showing import Showing
from jopa_agent.agent.viewer.viewing import Viewing
from jopa_agent.configs.settings import Settings
from jopa_agent.envs import BodySpec
from jopa_agent.transport.codec import encode
from jopa_agent.transport.messages import FIRST_EPOCH, STREAMS, Do, Goal, Header, Order
from jopa_agent.transport.recording import PREFIX
from jopa_agent.transport.recording_writer import RecordingWriter

from .conftest import PERIOD_NS, messages_of, picture

BAR = pygame.Rect(100, 600, 400, 16)
UPPER = pygame.Rect(0, 0, 1280, 580)


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
    """A recorded run of 600 ticks whose pictures are known; a goal is set and
    the planner switched off at tick 100."""
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
            sent.append((Header(4, 0, 0, tick, epoch), Order(Do.PLANNER, 0.0, "")))
        for header, message in sent:
            data = encode(header, message)
            writer.add(streams[type(message)], header, message, data, 10**9 + tick * PERIOD_NS)
    writer.close()
    return RecordedRun(folder)


def seen(script: replay.Script, surface: pygame.Surface, position_s: float) -> np.ndarray:
    """What both of two scripts have seen for as long as the plots reach; the gallery may differ."""
    state, stamp_ns = script.at(position_s)
    Board().draw(surface, state, Showing(stamp_ns))
    return pygame.surfarray.array3d(surface)[:, : arrange(*surface.get_size()).strip.y]


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


def test_goal_and_switches_of_a_moment_are_known_wherever_one_comes_from(run: RecordedRun) -> None:
    onward, leap, back = (replay.Script(run) for _ in range(3))
    for second in range(29):
        goal = onward.at(float(second))[0].goal
    for script in (leap, back):
        assert script.at(28.0)[0].goal.name == goal.name == "another"
        assert not script.at(28.0)[0].switches.planner
    assert back.at(2.0)[0].goal.name == replay.Script(run).at(0.0)[0].goal.name != "another"


def test_no_more_is_read_than_what_is_shown(
    run: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 600 frames a leap reads those that the plots reach back to, and no others."""
    read = []
    original = run.recording.messages

    def messages(*args: Any, **kwargs: Any) -> Any:
        for each in original(*args, **kwargs):
            read.append(each.stream)
            yield each

    monkeypatch.setattr(run.recording, "messages", messages)
    replay.Script(run).at(29.0)
    assert 400 <= read.count("frame") <= 425


@pytest.mark.parametrize("size", [(900, 33), (960, 44), (3840, 119)])
def test_the_bar_fits_beside_its_words(size: tuple[int, int]) -> None:
    pygame.font.init()
    area = pygame.Rect((0, 0), size)
    look = Look(unit=size[1] / 44)
    bar = replay.draw_bar(pygame.Surface(size), area, look, player())
    assert area.contains(bar)
    assert bar.width > size[0] / 2


@pytest.fixture
def viewing(tmp_path: Path, surface: pygame.Surface) -> Viewing:  # noqa: ARG001
    return Viewing(tmp_path)


def press_in(viewing: Viewing, shown: Player, key: int) -> bool:
    event = pygame.event.Event(pygame.KEYDOWN, key=key, mod=0)
    return replay.answer(event, shown, viewing, UPPER, BAR)


def click_in(viewing: Viewing, shown: Player, name: str) -> bool:
    layout = viewing.board.layout(UPPER.size)
    found = places(layout.toolbar, layout.look, replay.buttons(shown, filming=False))
    at = next(rect.center for rect, each, *_ in found if each.name == name)
    event = pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=pygame.BUTTON_LEFT)
    return replay.answer(event, shown, viewing, UPPER, BAR)


@pytest.mark.parametrize("use", [press_in, click_in])
def test_every_control_of_a_replay_by_key_and_by_mouse(viewing: Viewing, use: Any) -> None:
    shown = player()

    def do(name: str) -> bool:
        control = next(each for each in REPLAY if each.name == name)
        return use(viewing, shown, control.keys[0] if use is press_in else name)

    done = set()
    for name, expected in (
        ("play", lambda: not shown.playing),
        ("step", lambda: shown.position_s == 0.05),
        ("step_back", lambda: shown.position_s == 0.0),
        ("last", lambda: shown.position_s == 10.0),
        ("first", lambda: shown.position_s == 0.0),
        ("faster", lambda: shown.speed == 2.0),
        ("slower", lambda: shown.speed == 1.0),
        ("theme", lambda: viewing.board.theme is LIGHT),
        ("film", lambda: viewing.film.rolling),
        ("screenshot", lambda: True),
        ("help", lambda: viewing.helping),
    ):
        assert do(name), name
        assert expected(), name
        done.add(name)
    viewing.film.finish()
    assert press_in(viewing, shown, pygame.K_ESCAPE)
    assert not viewing.helping
    assert not do("quit")
    assert {each.name for each in REPLAY} == {*done, "quit"}


def test_a_recording_plays_in_its_window(
    run: RecordedRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    pygame.display.init()
    for key in (pygame.K_s, pygame.K_F1):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, mod=0))
    advance, positions = Player.advance, []

    def advance_and_close(self: Player, passed_s: float) -> None:
        advance(self, passed_s)
        positions.append(self.position_s)
        if len(positions) == 6:
            pygame.event.post(pygame.event.Event(pygame.QUIT))

    monkeypatch.setattr(Player, "advance", advance_and_close)
    replay.show(run, 16.0)
    assert not pygame.display.get_init()
    assert [each.name for each in tmp_path.iterdir()] == ["screenshot-1.png"]
    assert positions[-1] > positions[0]
