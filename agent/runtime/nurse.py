"""Looks after the processes of a run that goes on: whoever is lost is replaced, or the run ends."""

from ...configs.sections import Runtime
from ...transport.clock import NS_PER_S, now_ns
from ...transport.messages import (
    STREAMS,
    Command,
    Do,
    Header,
    Message,
    Order,
    Pace,
    Push,
    Start,
    State,
)
from .errors import DURING_RUN, RunError
from .family import Family
from .fault import Fault
from .member import Member
from .process import kind_of
from .table import PROCESSES, SENSING

_WITHIN_NS = 60 * NS_PER_S
_FIRST_WAIT_S = 0.25  # before the second replacement within a minute; it doubles with each
_CALM_NS = 4 * NS_PER_S  # after the start, or a fault, when the body should be at its goal
_HELD_UP_NS = NS_PER_S // 2  # since the last look: then it is the supervisor that was held up
_NO_WORK = (Order, Pace, Push)
_LASTING = (Do.PLANNER, Do.LEARN, Do.RECORD)
_HELD_UP_PATIENCE = 0.5  # with whoever a signal holds up: it is not busy
_LOCKSTEP_PATIENCE = 10.0  # where nothing has a deadline, a busy machine may take its time


class Nurse:
    """Watches the members of ``family`` from the start of the run on.

    It keeps the newest message of each stream, and each order that lasts, which whoever takes the
    place of another is told: belief, plan and goal are rebuilt from them.
    """

    def __init__(self, family: Family, settings: Runtime, start: Start) -> None:
        self.faults: list[Fault] = []
        self._family, self._settings, self._start = family, settings, start
        self._newest: dict[object, tuple[Header, Message]] = {}
        self._pace: Pace | None = None
        self._spares_left = 1 + settings.restarts if settings.spare and start.realtime else 0
        self._looked_ns = now_ns()
        patience = 1.0 if start.realtime else _LOCKSTEP_PATIENCE
        self._timeout_s = patience * settings.stall_timeout_s

    def take(self, header: Header, message: Message) -> None:
        """Note a message of any stream."""
        if _lasts(message):
            self._newest[kind_of(message)] = header, message
        now = now_ns()
        if isinstance(message, Pace):
            self._pace = message
        for member in self._family.members.values():
            reads = any(type(message) is STREAMS[stream] for stream in member.process.reads)
            # An order is no work; a command is for the tick after the one that its reader is at.
            if reads and member.state is State.RUNNING and not isinstance(message, _NO_WORK):
                member.progress.feed(now, header.tick - isinstance(message, Command))
        writer = PROCESSES[header.source - 1].name if 0 < header.source <= len(PROCESSES) else ""
        fault = self._open_faults().get(writer)
        if fault and fault.begun and header.stamp_ns > fault.lost_ns:
            fault.back_after_s = (now - fault.lost_ns) / NS_PER_S

    def calm(self, now: int) -> bool:
        """Whether the last fault has been over for a while, or there was none."""
        return all(fault.over_for(_CALM_NS, now) for fault in self.faults)

    def look(self) -> None:
        """Find who is lost, replace whoever is due, and let those begin that are ready.

        :class:`RunError` where a process that the run needs says that it cannot go on, or replacing
        it does not help; without one that is optional the run goes on.
        """
        if reason := self._family.refused(optional=False):
            raise RunError(reason, DURING_RUN)
        self._family.dismiss_those_who_left()
        now, open_faults = now_ns(), self._open_faults()
        held_up, self._looked_ns = now - self._looked_ns > _HELD_UP_NS, now
        if held_up:  # whoever was silent meanwhile is not to blame
            for member in self._family.members.values():
                member.progress.excuse(now)
        for name, member in list(self._family.members.items()):
            fault = open_faults.get(name)
            if fault and fault.waits:
                if now >= fault.due_ns:
                    self._family.replace(name)
                    self._looked_ns = now_ns()
                    fault.due_ns, fault.begun = 0, False
                    fault.replaced_ns.append(now)
            elif trouble := self._trouble(member, now):
                self._lose(member, trouble, fault, now)
            elif fault:
                self._bring_back(member, fault, now)
        self._care_for_spares(now)

    def _open_faults(self) -> dict[str, Fault]:
        return {
            fault.process: fault
            for fault in self.faults
            if fault.back_after_s is None and not fault.given_up
        }

    def _trouble(self, member: Member, now: int) -> str | None:
        if member.state is State.FAILED and member.health:
            return f"cannot go on: {member.health.note}"
        if not member.alive:
            return member.end()
        if member.state is State.STARTING:
            late = now - member.began_ns > self._settings.startup_timeout_s * NS_PER_S
            return "was not ready in time" if late else None
        if member.state is State.DONE:
            return None
        patience = _HELD_UP_PATIENCE if member.stopped else member.process.patience
        return member.progress.trouble(now, self._timeout_s * patience)

    def _lose(self, member: Member, what: str, fault: Fault | None, now: int) -> None:
        """``member`` is lost; ``fault`` if it was to mend one."""
        member.kill()
        name = member.process.name
        replaced = [at for each in self.faults if each.process == name for at in each.replaced_ns]
        recent = sum(now - at < _WITHIN_NS for at in replaced)
        if fault is None:
            newest = max((header.tick for header, _ in self._newest.values()), default=0)
            fault = Fault(name, newest, now, what)
            self.faults.append(fault)
        if recent >= self._settings.restarts:
            what = f"{what}; it was replaced {recent} times within a minute: giving up"
            if not member.process.optional:
                raise RunError(f"{name} {what} (see {member.log})", DURING_RUN)
            fault.what, fault.given_up = what, True
            self._family.dismiss(name)
            return
        wait_s = _FIRST_WAIT_S * 2 ** (recent - 1) if recent else 0.0
        fault.what, fault.due_ns = what, now + int(wait_s * NS_PER_S)

    def _bring_back(self, member: Member, fault: Fault, now: int) -> None:
        """Let whoever takes the place of another begin; one that publishes nothing of its own
        accord is back when it says so."""
        if not fault.begun and member.state is State.READY:
            self._hand_over(member)
            fault.begun = True
        elif member.state is State.RUNNING and member.tick >= 0:
            fault.back_after_s = (now - fault.lost_ns) / NS_PER_S

    def _hand_over(self, member: Member) -> None:
        read = {STREAMS[stream] for stream in member.process.reads}
        for header, message in self._newest.values():
            if type(message) in read:
                self._family.tell(member, message, header)
        frame = self._newest.get(STREAMS["frame"])
        first = 0 if frame is None else frame[0].tick + 1
        self._family.tell(member, self._start_at(first, member.process is SENSING))

    def _start_at(self, first: int, moves_the_body: bool) -> Start:
        """The word to go on with the tick ``first``, at the present pace: in a pause there are no
        deadlines. It ends with the process that keeps the body still, whose successor sets another
        pace."""
        start, pace = self._start, self._pace
        if pace is None:
            return Start(start.t0_ns, start.period_ns, start.realtime, first)
        if pace.paused and moves_the_body:
            t0_ns = now_ns() - first * pace.period_ns
            return Start(t0_ns, pace.period_ns, start.realtime, first)
        return Start(pace.t0_ns, pace.period_ns, start.realtime and not pace.paused, first)

    def _care_for_spares(self, now: int) -> None:
        """Have a spare for those that want one, as often as it takes, within reason."""
        spares = self._family.spares
        for name, spare in list(spares.items()):
            ready = spare.state is State.READY
            if not spare.alive or (ready and spare.progress.trouble(now, self._timeout_s)):
                spare.kill()
                del spares[name]
        if now - self._start.t0_ns < _CALM_NS or not self.calm(now):
            return
        for name, member in self._family.members.items():
            if member.process.spare and name not in spares and self._spares_left:
                self._spares_left -= 1
                self._family.stand_by(member.process)


def _lasts(message: Message) -> bool:
    if isinstance(message, Order):
        return message.what in _LASTING
    return not isinstance(message, Push)
