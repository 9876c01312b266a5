"""What is on or off, from some tick on."""


class Switch:
    """Begins ``on`` or not; later turns may be known before their tick."""

    def __init__(self, on: bool) -> None:
        self._turns = [(-1, on)]

    def turn(self, tick: int, on: bool) -> None:
        """Be ``on`` from ``tick`` on, or not."""
        self._turns.append((tick, on))

    def on_at(self, tick: int) -> bool:
        """Whether it is on at ``tick``, as the last turn until then left it."""
        return [on for since, on in self._turns if since <= tick][-1]
