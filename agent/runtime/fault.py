"""What befell a process of a run."""

from dataclasses import dataclass, field

from ...transport.clock import NS_PER_S


@dataclass
class Fault:
    """A process that was lost: ``what`` happened, when and at which tick of the run, and how long
    until another did its work; None while none does. The run may have ``given_up`` on it."""

    process: str
    tick: int
    lost_ns: int
    what: str
    back_after_s: float | None = None
    replaced_ns: list[int] = field(default_factory=list)
    due_ns: int = 0
    begun: bool = False
    given_up: bool = False

    @property
    def waits(self) -> bool:
        """Whether the process has still to be replaced."""
        return self.due_ns > 0

    def over_for(self, duration_ns: int, now_ns: int) -> bool:
        """Whether another has done its work for so long, or will never do it."""
        if self.back_after_s is None:
            return self.given_up
        return now_ns - self.lost_ns - self.back_after_s * NS_PER_S >= duration_ns
