"""What can be seen on the surface that is drawn."""

from dataclasses import replace

import numpy as np
import pygame
import pytest
from jopa_agent.agent.viewer.board import PANELS, Board
from jopa_agent.agent.viewer.gallery import Thumbnail
from jopa_agent.agent.viewer.layout import SMALLEST, Layout
from jopa_agent.agent.viewer.look import DARK, LIGHT, Colour, Theme
from jopa_agent.agent.viewer.panels import strip
from jopa_agent.agent.viewer.panels.live import picture_in
from jopa_agent.agent.viewer.showing import Button, Drag, Notice, Showing
from jopa_agent.agent.viewer.state import ViewerState
from jopa_agent.transport.messages import Frame, Header, Pace

from .conftest import Feed, messages_of, offer, picture

SIZE = (960, 640)
BUTTONS = tuple(Button(f"b{i}", f"Button {i}", f"B{i}", "X", i // 4) for i in range(12))


def drawn(state: ViewerState, showing: Showing, size=SIZE, theme: Theme = DARK) -> pygame.Surface:
    """The window, drawn at once."""
    surface = pygame.Surface(size)
    Board(theme).draw(surface, state, showing)
    return surface


def pixels(surface: pygame.Surface, rect: pygame.Rect | None = None) -> np.ndarray:
    """The colours within ``rect``: (height, width, 3)."""
    part = surface if rect is None else surface.subsurface(rect)
    return pygame.surfarray.array3d(part).swapaxes(0, 1)


def shows(surface: pygame.Surface, rect: pygame.Rect, colour: Colour) -> bool:
    """Whether a stroke of ``colour`` is there; smooth strokes are mixed with what is behind."""
    difference = np.abs(pixels(surface, rect).astype(int) - colour).max(axis=-1)
    return bool((difference < 30).any())


def below_title(card: pygame.Rect) -> pygame.Rect:
    return pygame.Rect(card.x, card.y + 24, card.width, card.height - 24)


def layout(size: tuple[int, int] = SIZE) -> Layout:
    return Board().layout(size)


@pytest.mark.usefixtures("surface")
def test_before_the_first_message_the_window_waits(state: ViewerState):
    seen = drawn(state, Showing(0))
    assert not shows(seen, layout().latent.inflate(-40, -80), DARK.belief)
    assert shows(seen, layout().header, DARK.text)


@pytest.mark.usefixtures("surface")
def test_the_frame_is_enlarged_in_its_own_pixels(state: ViewerState, feed: Feed):
    feed(range(3))
    seen = drawn(state, Showing(1_200_000_000))
    found = layout()
    where = picture_in(found.live, found.look, (32, 32, 1))
    inside = pixels(seen, where)
    centres = (np.arange(32) + 0.5) / 32
    rows = (centres * where.height).astype(int)
    columns = (centres * where.width).astype(int)
    expected = np.broadcast_to(picture(2), (32, 32, 3))
    np.testing.assert_array_equal(inside[np.ix_(rows, columns)], expected)


@pytest.mark.usefixtures("surface")
@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_every_panel_has_its_own_colours(full: ViewerState, theme: Theme):
    seen, found = drawn(full, Showing(4_000_000_000), theme=theme), layout()
    for rect, colour in (
        (found.latent.inflate(-60, -60), theme.belief),  # less its title and legend
        (found.latent.inflate(-60, -60), theme.plan),
        (found.latent.inflate(-60, -60), theme.goal),
        (below_title(found.distance), theme.goal),
        (below_title(found.control), theme.plan),
        (below_title(found.free_energy), theme.plan),
        (below_title(found.surprise), theme.belief),
        (found.imagined, theme.plan),
        (found.believed, theme.belief),
        (found.goal, theme.goal),
        (found.timing, theme.text),
        (found.processes, theme.goal),
        (found.processes, theme.alarm),
        (found.strip, theme.plan),
    ):
        assert shows(seen, rect, colour)


@pytest.mark.usefixtures("surface")
def test_what_is_believed_is_tinted_where_it_may_be_off(state: ViewerState, feed: Feed):
    feed(range(1))
    assert state.imagined is not None
    state.imagined.spread[:] = 0
    card = layout().believed
    picture_of_it = card.inflate(-40, -100)
    plain = pixels(drawn(state, Showing(0)), picture_of_it)
    np.testing.assert_array_equal(plain[..., 0], plain[..., 2])
    state.imagined.spread[:] = 60
    tinted = pixels(drawn(state, Showing(0)), picture_of_it)
    assert (tinted[..., 2].astype(int) - tinted[..., 0]).mean() > 40  # the tint is blue


@pytest.mark.usefixtures("surface")
def test_frames_that_stopped_coming_raise_an_alarm_but_not_in_a_pause(
    state: ViewerState, feed: Feed
):
    feed(range(1))
    header = layout().header
    assert not shows(drawn(state, Showing(1_500_000_000)), header, DARK.alarm)
    assert shows(drawn(state, Showing(4_000_000_000)), header, DARK.alarm)
    state.take(Header(0, 0, 0), Pace(0, PERIOD_NS, True, 1.0))
    assert not shows(drawn(state, Showing(4_000_000_000)), header, DARK.alarm)


PERIOD_NS = 50_000_000


@pytest.mark.usefixtures("surface")
def test_the_pursued_goal_is_framed(full: ViewerState):
    found = layout()
    rect, thumbnail = strip.places(found.strip, found.look, full.offered())[0][2]
    around = rect.inflate(6, 6)
    assert not shows(drawn(full, Showing(0)), around, DARK.goal)
    full.choose(thumbnail)
    assert shows(drawn(full, Showing(0)), around, DARK.goal)
    full.choose(Thumbnail(thumbnail.image.copy(), "as another window names it"))
    assert shows(drawn(full, Showing(0)), around, DARK.goal)


@pytest.mark.usefixtures("surface")
def test_goals_that_cannot_be_held_are_fainter_and_marked(full: ViewerState):
    found = layout()
    (holds, _), (passes, _), *_ = strip.places(found.strip, found.look, full.offered())[0]
    seen = drawn(full, Showing(0))
    assert (
        pixels(seen, holds.inflate(-4, -4)).std() > 1.5 * pixels(seen, passes.inflate(-4, -4)).std()
    )
    below = pygame.Rect(passes.x, passes.bottom, passes.width, found.look.line)
    assert shows(seen, below, DARK.plan)
    assert not shows(seen, below.move(holds.x - passes.x, 0), DARK.plan)


@pytest.mark.usefixtures("surface")
def test_a_push_is_an_arrow_in_the_picture(full: ViewerState):
    found = layout()
    where = picture_in(found.live, found.look, (32, 32, 1))
    middle = pygame.Rect(where.centerx, where.centery - 4, where.width // 4, 8)
    drag = Drag((0.0, 0.0), (0.9, 0.0))
    assert not shows(drawn(full, Showing(0)), middle, DARK.push)
    assert shows(drawn(full, Showing(0, drag=drag)), middle, DARK.push)


OVERLAYS = (
    Showing(0),
    Showing(4_000_000_000, (300, 300), BUTTONS, Notice("saved " + "x" * 300), filming=True),
    Showing(0, help=tuple((f"key {i}", "does what it does " * 3) for i in range(25))),
    Showing(0, entry="a line " * 60, entry_hint="30deg"),
    Showing(0, entry="", entry_hint="30deg", drag=Drag((0.0, 0.0), (3.0, -9.0)), starting=True),
)


@pytest.mark.usefixtures("surface")
@pytest.mark.parametrize("size", [(1, 1), (300, 200), SMALLEST, (1000, 1400), (2000, 800)])
def test_any_window_can_be_drawn(size: tuple[int, int], state: ViewerState, full: ViewerState):
    for showing in OVERLAYS:
        drawn(state, showing, size)
        drawn(full, showing, size)


@pytest.mark.usefixtures("surface")
@pytest.mark.parametrize("size", [SMALLEST, (1280, 800), (1000, 1400)])
def test_panels_stay_within_their_rectangles(size: tuple[int, int], full: ViewerState):
    """Drawn without the clip that the board sets, with every word as long as can be."""
    found, showing = layout(size), OVERLAYS[1]
    full.goal = Thumbnail(full.goal.image, "a goal with a name that goes on and on and on")
    for panel in PANELS:
        surface = pygame.Surface((size[0] + 400, size[1] + 400))
        rect = getattr(found, panel.name).move(200, 200)
        panel.draw(surface, rect, found.look, *panel.values(full, showing))
        surface.fill((0, 0, 0), rect)
        outside = pygame.surfarray.array3d(surface)
        assert not outside.any(), panel.name


@pytest.mark.usefixtures("surface")
def test_the_same_is_drawn_whether_all_of_it_or_what_has_changed(state: ViewerState, feed: Feed):
    board, kept = Board(), pygame.Surface(SIZE)
    board.draw(kept, state, Showing(0))
    feed(range(30))
    board.draw(kept, state, OVERLAYS[1])
    board.draw(kept, state, OVERLAYS[2])
    feed(range(30, 60))
    state.take(Header(0, 0, 0), offer())
    for showing in (OVERLAYS[3], OVERLAYS[1], Showing(7)):
        board.draw(kept, state, showing)
        np.testing.assert_array_equal(pixels(kept), pixels(drawn(state, showing)))


@pytest.mark.usefixtures("surface")
def test_what_has_not_changed_is_not_drawn_again(full: ViewerState, feed: Feed):
    board, kept, showing = Board(), pygame.Surface(SIZE), OVERLAYS[1]
    assert board.draw(kept, full, showing) == [kept.get_rect()]
    assert board.draw(kept, full, showing) == []
    found = board.layout(SIZE)
    notice = replace(showing, notice=Notice("done"))
    assert board.draw(kept, full, notice) == [found.header]
    feed(range(60, 61))  # a tick at which nothing is imagined comes next
    feed(range(61, 62))
    board.draw(kept, full, notice)
    feed(range(62, 63))
    changed = board.draw(kept, full, notice)
    for still in (found.toolbar, found.imagined, found.strip, found.goal):
        assert still not in changed
    for moved in (found.live, found.latent, found.distance, found.control):
        assert moved in changed
    board.theme = LIGHT
    assert board.draw(kept, full, notice) == [kept.get_rect()]


@pytest.mark.usefixtures("surface")
def test_numbers_out_of_all_proportion_can_be_drawn(state: ViewerState, feed: Feed):
    feed(range(3))
    assert state.belief is not None
    state.belief.planned_mean[:] = 1e30
    state.belief.planned_std[:] = 1e37
    state.distances.add(99.0, np.array([1e38]))
    state.energies.add(99.0, np.array([-1e38]))
    state.surprises.add(99.0, np.array([1e-38]))
    drawn(state, Showing(0))


@pytest.mark.usefixtures("surface")
@pytest.mark.parametrize(
    ("shape", "controls"), [((24, 32, 3), 2), ((65, 65, 2), 2), ((1, 1, 1), 6), ((2, 90, 4), 1)]
)
def test_frames_and_controls_of_any_shape(shape: tuple[int, int, int], controls: int):
    limit = np.full(controls, 2.0, np.float32)
    goal = Thumbnail(picture(5, shape), "odd")
    state = ViewerState("odd", 0.05, -limit, limit, goal)
    state.take(Header(0, 0, 0), offer(30, shape))
    for tick in range(25):
        for header, message in messages_of(tick, shape=shape, controls=controls):
            state.take(header, message)
    found, seen = layout(), drawn(state, Showing(0, (500, 600)))
    assert state.image is not None
    where = picture_in(found.live, found.look, shape)
    assert where.width * shape[0] == pytest.approx(where.height * shape[1], rel=0.6)
    assert pixels(seen, where).any()
    for place in range(min(controls, 2)):
        colour = (DARK.plan, DARK.belief)[place]
        title = found.control.inflate(-4, 0)
        title.height = 22
        assert shows(seen, title, colour)


def test_a_new_episode_is_drawn_before_its_first_belief(full: ViewerState):
    header, frame = next(each for each in messages_of(10**4) if isinstance(each[1], Frame))
    full.take(header, replace(frame, episode=7))
    drawn(full, Showing(0))
    view = full.latent_view()
    assert view is not None
    assert view.trail.shape == (0, 2)
