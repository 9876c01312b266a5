"""What a person has switched on and off, whoever gave the order."""

from dataclasses import dataclass

from ...transport.messages import Do, Order, Pace

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0)


@dataclass
class Switches:
    """``paused`` and ``speed`` are those that the run has told of; the others follow orders."""

    paused: bool = False
    speed: float = 1.0
    planner: bool = True
    learn: bool = False
    record: bool = True

    def take(self, message: Order | Pace) -> None:
        """Follow an order, or the run's word on its pace."""
        match message:
            case Pace():
                self.paused, self.speed = message.paused, message.speed
            case Order(what=Do.PLANNER):
                self.planner = message.value != 0
            case Order(what=Do.LEARN):
                self.learn = message.value != 0
            case Order(what=Do.RECORD):
                self.record = message.value != 0


def next_speed(speed: float, up: bool) -> float:
    """The next of :data:`SPEEDS` above or below ``speed``, or the last one."""
    if up:
        return min((each for each in SPEEDS if each > speed * 1.001), default=SPEEDS[-1])
    return max((each for each in SPEEDS if each < speed * 0.999), default=SPEEDS[0])
