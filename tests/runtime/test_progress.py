"""Whether a process gets on."""

from jopa_agent.agent.runtime.progress import Progress
from jopa_agent.transport.clock import NS_PER_MS

TIMEOUT_S = 1.0


def at(ms: int) -> int:
    return ms * NS_PER_MS


def test_silence_is_a_hang() -> None:
    progress = Progress(at(0))
    assert progress.trouble(at(1000), TIMEOUT_S) is None
    assert "hangs" in str(progress.trouble(at(1001), TIMEOUT_S))
    progress.hear(at(1001), 3)
    assert progress.trouble(at(2000), TIMEOUT_S) is None


def test_staying_behind_is_no_progress_however_much_it_says() -> None:
    progress = Progress(at(0))
    for ms in range(0, 2000, 50):
        progress.feed(at(ms), ms // 50)
        progress.hear(at(ms), 4)
        trouble = progress.trouble(at(ms), TIMEOUT_S)
        # its input passed it by at 250 ms
        assert (trouble is None) == (ms <= 1250), ms
    assert "at tick 4" in str(trouble)


def test_whoever_moves_is_not_stuck_however_far_behind() -> None:
    progress = Progress(at(0))
    for ms in range(0, 5000, 100):
        progress.feed(at(ms), ms)
        progress.hear(at(ms), ms // 200)
        assert progress.trouble(at(ms), TIMEOUT_S) is None


def test_without_input_nobody_is_behind() -> None:
    progress = Progress(at(0))
    progress.feed(at(0), 7)
    for ms in range(0, 5000, 100):
        progress.hear(at(ms), 7)
        assert progress.trouble(at(ms), TIMEOUT_S) is None


def test_whoever_was_silent_while_the_supervisor_was_held_up_is_excused() -> None:
    progress = Progress(at(0))
    progress.excuse(at(5000))
    assert progress.trouble(at(5500), TIMEOUT_S) is None
