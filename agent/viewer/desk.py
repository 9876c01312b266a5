"""What a person wishes becomes goals, orders and pushes: as far as this window may give them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...transport.clock import NS_PER_MS, NS_PER_S
from ...transport.messages import Do, Message, Order, Push
from .controls import LIVE, MOUSE, REFUSALS, Control, Right, button_of, help_rows
from .entry import HINTS, Entry, read_picture
from .gallery import Thumbnail
from .history import Tour
from .showing import Button, Drag, Notice, Showing
from .state import Asked, ViewerState
from .switches import next_speed
from .viewing import Viewing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...transport.streams import Received

LEARNS_LATER = 3
"""Ticks from the newest one until learning is switched: then all processes have heard of it."""

_GOAL_EVERY_NS = 100 * NS_PER_MS
_PATIENCE_NS = 2 * NS_PER_S
_LEAST_PUSH = 0.02  # halves of the picture: less is a click


class Source(Protocol):
    """Where messages come from, and orders go to: a process of the run, or the port of one."""

    tick: int

    def publish(self, stream: str, message: Message, tick: int = -1, epoch: int = 0) -> None: ...

    def messages(self, until_ns: int) -> Iterator[Received]: ...


class Desk:
    """Everything that can be done in a window with these ``right``s; it decides nothing itself.

    ``quitting`` is what closing the window does, in words. A control that takes more than the
    ``right`` is refused in a line, ``refusal`` where that is given; ``draggable`` says whether the
    body can be pushed.
    """

    def __init__(
        self, state: ViewerState, source: Source, right: Right, folder: Path, quitting: str
    ) -> None:
        self.state, self.viewing = state, Viewing(folder)
        self.right, self.refusal = right, ""
        self.draggable = True
        self.entry: Entry | None = None
        self.drag: Drag | None = None
        self._source, self._quitting = source, quitting
        self._tour = Tour()
        self._sent_epoch, self._next_goal_ns = state.epoch, 0

    def do(self, control: Control, size: tuple[int, int], now_ns: int) -> bool:
        """Do what ``control`` does, in a window of ``size``; False when it asks to end."""
        name = control.name
        if not self.may(control.right, now_ns) or self.viewing.do(name, size, now_ns):
            return True
        state = self.state
        match name:
            case "pause":
                self._order(Do.RESUME if state.switches.paused else Do.PAUSE)
            case "step":
                self._order(Do.STEP)
            case "reset":
                self._order(Do.RESET)
            case "slower" | "faster":
                self._order(Do.SPEED, next_speed(state.switches.speed, up=name == "faster"))
            case "planner":
                self._order(Do.PLANNER, float(not state.switches.planner))
            case "learn":
                self._order(Do.LEARN, float(not state.switches.learn))
            case "record" if not self._records():
                words = "nothing records this run: it was started with --run.record no"
                self.viewing.tell(Notice(words, fault=True), now_ns)
            case "record":
                self._order(Do.RECORD, float(not state.switches.record))
            case "here":
                self._choose_here(now_ns)
            case "type":
                self.entry = Entry()
            case "back" | "next":
                self._go(-1 if name == "back" else 1, now_ns)
            case "tour":
                self._tour.switch(state.now_s)
            case "quit":
                return False
        return True

    def may(self, right: Right, now_ns: int) -> bool:
        """Whether this window has a ``right``; where not, it says so."""
        if self.right >= right:
            return True
        self.viewing.tell(Notice(self.refusal or REFUSALS[right], fault=True), now_ns)
        return False

    def may_push(self, now_ns: int) -> bool:
        """Whether the body can be pushed from here; where not, it says so."""
        if not self.may(Right.HOST, now_ns):
            return False
        if not self.draggable:
            self.viewing.tell(Notice("this body cannot be pushed", fault=True), now_ns)
        return self.draggable

    def choose(self, goal: Thumbnail, now_ns: int) -> None:
        """Make ``goal`` the goal, and end the tour."""
        if self.may(Right.GOALS, now_ns):
            self._tour.end()
            self.state.choose(goal)

    def choose_file(self, file: Path, now_ns: int) -> None:
        """Make the picture in ``file`` the goal, or say why not."""
        if not self.may(Right.GOALS, now_ns):
            return
        try:
            image = read_picture(file, self.state.frame_shape)
        except ValueError as error:
            self.viewing.tell(Notice(str(error), fault=True), now_ns)
            return
        name = file.name.encode(errors="replace").decode()  # a name need not be text
        self.choose(Thumbnail(image, name), now_ns)

    def enter(self, now_ns: int) -> None:
        """Take what was typed as the goal: a picture that is here, or what the run makes of it."""
        text = self.entry.text.strip() if self.entry else ""
        self.entry = None
        if not text:
            return
        file = Path(text).expanduser()
        if _is_file(file):
            self.choose_file(file, now_ns)
        elif self.may(Right.HOST, now_ns):
            self._tour.end()
            asked = self.state.ask(text, now_ns + _PATIENCE_NS)
            self._publish("order", Order(Do.GOAL, 0.0, text), epoch=asked.epoch)

    def refresh(self, now_ns: int) -> None:
        """Send what is due: the goal until it is pursued, a push while it is made, the tour's
        next goal; and say where an answer has not come."""
        state = self.state
        tour_goal = self._tour.due(state.tour_goals(), state.now_s)
        if tour_goal is not None and self.right >= Right.GOALS:
            state.choose(tour_goal)
        if state.asked and (reason := self._refused(state.asked, now_ns)):
            self.viewing.tell(Notice(reason, fault=True), now_ns)
            state.asked = None
        unanswered = state.unanswered_goal()
        if unanswered and self.right >= Right.GOALS:
            epoch, goal = unanswered
            if epoch != self._sent_epoch or now_ns >= self._next_goal_ns:
                self._publish("goal", goal, epoch=epoch)
                self._sent_epoch, self._next_goal_ns = epoch, now_ns + _GOAL_EVERY_NS
        if self.drag and max(map(abs, self.drag.force)) >= _LEAST_PUSH:
            self._push(self.drag)

    def showing(self, now_ns: int, pointer: tuple[int, int]) -> Showing:
        """What is shown besides the run's state."""
        viewing = self.viewing
        rows = help_rows(LIVE, MOUSE, self._quitting) if viewing.helping else ()
        return Showing(
            now_ns, pointer, self.buttons(), viewing.notice(now_ns), self.drag,
            entry=self.entry.text if self.entry else None, entry_hint=HINTS[self.right],
            help=rows, filming=viewing.film.rolling, starting=bool(self.refusal),
            pushing=self.right >= Right.HOST and self.draggable,
        )  # fmt: skip

    def buttons(self) -> tuple[Button, ...]:
        """The toolbar as it looks now."""
        switches, history = self.state.switches, self.state.history
        on = {
            "planner": switches.planner, "learn": switches.learn, "record": switches.record,
            "tour": self._tour.on, "film": self.viewing.film.rolling,
        }  # fmt: skip
        usable = {
            "back": history.reaches(-1), "next": history.reaches(1), "record": self._records(),
        }  # fmt: skip
        return tuple(
            button_of(
                each,
                pressed=switches.paused,
                usable=self.right >= each.right and usable.get(each.name, True),
                on=on.get(each.name),
            )
            for each in LIVE
        )

    def _records(self) -> bool:
        """Whether there is a recorder, as far as the processes are known."""
        processes = self.state.processes
        return not processes or "recorder" in processes

    def _choose_here(self, now_ns: int) -> None:
        image, tick = self.state.image, self.state.tick
        if image is None:
            self.viewing.tell(Notice("there is no frame yet", fault=True), now_ns)
        else:
            self.choose(Thumbnail(image, f"frame {tick}"), now_ns)

    def _go(self, by: int, now_ns: int) -> None:
        goal = self.state.history.move(by)
        if goal is None:
            words = "there is no goal before this one" if by < 0 else "this is the newest goal"
            self.viewing.tell(Notice(words, fault=True), now_ns)
        else:
            self.choose(goal, now_ns)

    def _order(self, what: Do, value: float = 0.0) -> None:
        state, order = self.state, Order(what, value, "")
        tick = state.tick + LEARNS_LATER if what is Do.LEARN else state.tick
        self._publish("order", order, tick, state.epoch)
        state.switches.take(order)  # nobody sends it back; pace and pauses are told by the run

    def _push(self, drag: Drag) -> None:
        place, force = np.array(drag.place, np.float32), np.array(drag.force, np.float32)
        self._publish("push", Push(place, force), self.state.tick, self.state.epoch)
        self.state.pushes.push(self.state.now_s)

    def _refused(self, asked: Asked, now_ns: int) -> str | None:
        """Why a goal that was asked for does not come, as a process or the clock says."""
        about = f"goal {asked.text!r} "
        notes = (status.note for status in self.state.processes.values())
        reason = next((note for note in notes if note.startswith(about)), None)
        if reason is None and now_ns >= asked.until_ns:
            return f"goal {asked.text!r} was not answered within 2 s"
        return reason

    def _publish(self, stream: str, message: Message, tick: int = -1, epoch: int = 0) -> None:
        self._source.publish(stream, message, tick=tick, epoch=epoch)


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError):  # such as a name that is too long
        return False
