"""When the body's next step is due, as a person orders it: pauses, single steps, another speed."""

from dataclasses import replace

from ...transport.clock import Clock
from ...transport.messages import Do, Pace

SLOWEST, FASTEST = 0.1, 4.0


class Pacer:
    """Keeps the clock of the body. Each method returns whether the pace has changed.

    Ticks do not go by during a pause: the clock is set anew when it ends. In lockstep there is no
    speed, and a pause only keeps the next step back.
    """

    def __init__(self, clock: Clock, period_ns: int) -> None:
        """``period_ns`` is that of a tick at the usual speed."""
        self.clock, self.paused = clock, False
        self.speed = period_ns / clock.period_ns
        self._period_ns = period_ns
        self._last: int | None = None  # the tick after which to pause

    def pace(self) -> Pace:
        """The present pace, for those who keep deadlines, too."""
        return Pace(self.clock.t0_ns, self.clock.period_ns, self.paused, self.speed)

    def deadline_ns(self, tick: int) -> int | None:
        """When ``tick`` is due; None where it has no deadline, or is not to come yet."""
        return None if self.paused else self.clock.deadline_ns(tick)

    def tick_at(self, moment_ns: int) -> int:
        """The newest tick whose deadline has come by a moment; -1 without deadlines."""
        return -1 if self.paused else self.clock.tick_at(moment_ns)

    def order(self, what: Do, value: float, tick: int, now_ns: int) -> bool:
        """Act on an order while the step of ``tick`` is waited for."""
        match what:
            case Do.PAUSE if not self.paused:
                self.paused, self._last = True, None
            case Do.RESUME if self.paused or self._last is not None:
                self._last = None
                self._go_on(tick, now_ns + self.clock.period_ns)
            case Do.STEP:
                self._last = tick
                self._go_on(tick, now_ns)
            case Do.SPEED if SLOWEST <= value <= FASTEST and value != self.speed:
                due_ns = self.clock.t0_ns + tick * self.clock.period_ns
                self.speed = value
                self.clock = replace(self.clock, period_ns=round(self._period_ns / value))
                self._set(tick, due_ns)
            case _:
                return False
        return True

    def stepped(self, tick: int) -> bool:
        """The step of ``tick`` has been made."""
        if self._last is None or tick < self._last:
            return False
        self.paused, self._last = True, None
        return True

    def _go_on(self, tick: int, due_ns: int) -> None:
        if self.paused:
            self.paused = False
            self._set(tick, due_ns)

    def _set(self, tick: int, due_ns: int) -> None:
        self.clock = replace(self.clock, t0_ns=due_ns - tick * self.clock.period_ns)
