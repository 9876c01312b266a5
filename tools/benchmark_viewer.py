"""What drawing the viewer costs: milliseconds of a core a refresh, and the share at 30 a second.

    SDL_VIDEODRIVER=dummy python tools/benchmark_viewer.py RUN [--size 1280x800] [--seconds 20]

It plays the recording in the run's folder as it arrived, 30 refreshes a second of the run, without
waiting in between. Times are those that the core was at work. A state in which nothing has changed,
and one that is drawn as a whole, are timed apart.
"""

import argparse
import os
import time
from pathlib import Path
from statistics import mean, quantiles

os.environ["SDL_VIDEODRIVER"] = "dummy"

import pygame
from jopa_agent.agent.runs.recorded import RecordedRun
from jopa_agent.agent.viewer.board import Board
from jopa_agent.agent.viewer.controls import Right
from jopa_agent.agent.viewer.desk import Desk
from jopa_agent.agent.viewer.film import state_of
from jopa_agent.agent.viewer.showing import NOWHERE
from jopa_agent.transport.clock import NS_PER_S
from jopa_agent.transport.messages import Message

REFRESH_HZ = 30


class Nobody:
    """Hears nothing and says nothing."""

    tick = -1

    def publish(self, stream: str, message: Message, tick: int = -1, epoch: int = 0) -> None:
        del stream, message, tick, epoch

    def messages(self, until_ns: int):
        del until_ns
        return iter(())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a recorded run")
    parser.add_argument("--size", default="1280x800", metavar="WxH", help="[1280x800]")
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="of the run [20]")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    pygame.display.init()
    pygame.font.init()
    pygame.display.set_mode((width, height))
    run = RecordedRun(arguments.run)
    took, read, messages = replayed(run, arguments.seconds)
    share = (mean(took) + mean(read)) / 1000 * REFRESH_HZ
    print(f"{len(took)} refreshes of {arguments.size}, {messages} messages")
    print(f"draw      mean {mean(took):.2f} ms, p99 {quantiles(took, n=100)[-1]:.2f} ms a refresh")
    print(f"messages  mean {mean(read):.2f} ms a refresh")
    print(f"together  {100 * share:.1f} % of a core at {REFRESH_HZ} refreshes a second")
    for name, times in still(run).items():
        print(f"{name:9} mean {mean(times):.2f} ms")


def replayed(run: RecordedRun, seconds: float) -> tuple[list[float], list[float], int]:
    """Milliseconds of each refresh for drawing, and for what had arrived; and how many messages."""
    surface, board, state = pygame.display.get_surface(), Board(), state_of(run)
    desk = Desk(state, Nobody(), Right.HOST, Path(), "end the run")
    took, read, count = [], [], 0
    arrived = list(run)
    begun_ns = arrived[0].arrived_ns
    while arrived and len(took) < seconds * REFRESH_HZ:
        until_ns = begun_ns + (len(took) + 1) * NS_PER_S // REFRESH_HZ
        began = time.thread_time()
        while arrived and arrived[0].arrived_ns <= until_ns:
            received = arrived.pop(0)
            state.take(received.header, received.message)
            count += 1
        handled = time.thread_time()
        changed = board.draw(surface, state, desk.showing(state.stamp_ns or 0, NOWHERE))
        pygame.display.update(changed)
        read.append(1000 * (handled - began))
        took.append(1000 * (time.thread_time() - handled))
    return took, read, count


def still(run: RecordedRun, times: int = 50) -> dict[str, list[float]]:
    """Milliseconds of drawing the run's end: again though nothing has changed, and as a whole."""
    surface, board, state = pygame.display.get_surface(), Board(), state_of(run)
    for recorded in run:
        state.take(recorded.header, recorded.message)
    desk = Desk(state, Nobody(), Right.HOST, Path(), "end the run")
    showing = desk.showing(state.stamp_ns or 0, NOWHERE)
    board.draw(surface, state, showing)

    def timed(whole: bool) -> float:
        shown = Board() if whole else board
        began = time.thread_time()
        shown.draw(surface, state, showing)
        return 1000 * (time.thread_time() - began)

    return {
        "unchanged": [timed(whole=False) for _ in range(times)],
        "whole": [timed(whole=True) for _ in range(times)],
    }


if __name__ == "__main__":
    main()
