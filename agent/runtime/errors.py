"""What ends a run, in one line for the user."""

BEFORE_START = 2
DURING_RUN = 1
INTERRUPTED = 130


class RunError(Exception):
    """A run that could not begin or had to end; the text says why and what to do about it.

    ``exit_code`` is the command's: 2 before the run began, 1 during it, 130 when the user
    stopped it before it began.
    """

    def __init__(self, text: str, exit_code: int = BEFORE_START) -> None:
        super().__init__(text)
        self.exit_code = exit_code
