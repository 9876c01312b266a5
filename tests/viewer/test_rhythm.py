"""When the window is drawn, on a clock that the test moves."""

from collections.abc import Iterator

import pytest
from jopa_agent.agent.viewer import rhythm
from jopa_agent.agent.viewer.rhythm import Rhythm
from jopa_agent.agent.viewer.state import ViewerState
from jopa_agent.transport.messages import Message
from jopa_agent.transport.streams import Received

from .conftest import PERIOD_NS, messages_of

MS = 10**6


class Play:
    """A run whose frames come every 50 ms, all that follows from each ``at_work_ms`` later."""

    tick = -1

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at_work_ms: int) -> None:
        self.now_ns = 10**9
        self.at_work_ns = at_work_ms * MS
        self._next = 0
        self._waiting: list[tuple[int, Received]] = []
        monkeypatch.setattr(rhythm, "now_ns", lambda: self.now_ns)

    def publish(self, stream: str, message: Message, tick: int = -1, epoch: int = 0) -> None: ...

    def messages(self, until_ns: int) -> Iterator[Received]:
        while True:
            frame, *rest = (Received(*each) for each in messages_of(self._next))
            if not self._waiting:
                stamp_ns = frame.header.stamp_ns
                self._waiting = [(stamp_ns, frame)]
                self._waiting += [(stamp_ns + self.at_work_ns, each) for each in rest]
                self._next += 1
            arrival_ns, received = self._waiting[0]
            if arrival_ns > max(until_ns, self.now_ns):
                self.now_ns = max(until_ns, self.now_ns)
                return
            self.now_ns = max(self.now_ns, arrival_ns)
            self._waiting.pop(0)
            yield received


def drawings(
    monkeypatch: pytest.MonkeyPatch, state: ViewerState, at_work_ms: int, drawing_ms: int
) -> list[int]:
    """Nanoseconds of the beginnings, in three seconds."""
    play = Play(monkeypatch, at_work_ms)
    turns, begun = Rhythm(state), []
    end_ns = play.now_ns + 3 * 10**9
    while play.now_ns < end_ns:
        turns.await_turn(play)
        begun.append(play.now_ns)
        play.now_ns += drawing_ms * MS
        turns.drew(begun[-1])
    return begun


@pytest.mark.parametrize(("at_work_ms", "drawing_ms"), [(13, 8), (18, 6), (15, 1)])
def test_thirty_a_second_none_of_them_while_control_is_at_work(
    monkeypatch: pytest.MonkeyPatch, state: ViewerState, at_work_ms: int, drawing_ms: int
):
    begun = drawings(monkeypatch, state, at_work_ms, drawing_ms)
    assert 88 <= len(begun) <= 92
    for moment_ns in begun[1:]:  # how long a drawing takes is known after the first
        phase_ns = (moment_ns - 10**9) % PERIOD_NS
        assert at_work_ms * MS <= phase_ns <= PERIOD_NS - drawing_ms * MS


def test_where_control_is_always_at_work_drawing_goes_on(
    monkeypatch: pytest.MonkeyPatch, state: ViewerState
):
    assert len(drawings(monkeypatch, state, at_work_ms=49, drawing_ms=8)) > 75


def test_without_a_run_there_are_thirty_a_second(
    monkeypatch: pytest.MonkeyPatch, state: ViewerState
):
    """Before the first frame, and in a pause."""
    play = Play(monkeypatch, 15)

    def silence(until_ns: int) -> Iterator[Received]:
        play.now_ns = until_ns
        return iter(())

    monkeypatch.setattr(play, "messages", silence)
    turns, count = Rhythm(state), 0
    while play.now_ns < 2 * 10**9:
        turns.await_turn(play)
        count += 1
    assert 29 <= count <= 31
