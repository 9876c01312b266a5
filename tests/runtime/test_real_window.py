"""A real window on a virtual screen, with a mouse and keys that X delivers."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jopa_agent.agent.runs.recorded import RecordedRun
from jopa_agent.agent.viewer.gallery import Thumbnail
from jopa_agent.agent.viewer.layout import WINDOW, arrange
from jopa_agent.agent.viewer.panels import live, strip
from jopa_agent.transport.messages import Belief, Frame, Goal, Push
from PIL import Image

_TOOLS = shutil.which("Xvfb") and shutil.which("xdotool")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not _TOOLS, reason="needs Xvfb and xdotool"),
]

SHAPE = (32, 32, 1)
GALLERY, RECENT = 24, 5
GOAL = 11  # of the gallery: 165 degrees from upright, which can be held


@pytest.fixture
def screen() -> Iterator[str]:
    """Name of a display."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        yield f":{told.readline().strip()}"
    server.terminate()
    server.wait()


class Hand:
    """Mouse and keys on a display."""

    def __init__(self, display: str) -> None:
        self.environment = {**os.environ, "DISPLAY": display}
        self.environment.pop("SDL_VIDEODRIVER", None)
        self._window = ""

    def tool(self, *words: str) -> str:
        return subprocess.run(
            ["xdotool", *words], env=self.environment, capture_output=True, text=True, check=False
        ).stdout.strip()

    def sees(self, title: str) -> bool:
        """Whether there is a window of this title; what follows is done with it. The search itself
        does not know titles in every locale."""
        for window in self.tool("search", "--maxdepth", "3", "--class", ".*").split():
            if self.tool("getwindowname", window) == title:
                self._window = window
        return bool(self._window)

    def move(self, point: tuple[int, int]) -> None:
        self.tool("mousemove", "--window", self._window, *map(str, point))

    def press(self, key: str) -> None:
        self.tool("windowfocus", self._window, "key", key)

    def resize(self, width: int, height: int) -> None:
        self.tool("windowsize", "--sync", self._window, str(width), str(height))


def test_click_drag_resize_and_quit(
    screen: str, tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    hand, out = Hand(screen), tmp_path / "run"
    run = subprocess.Popen(
        [sys.executable, "-m", "jopa_agent.agent", "run", "pendulum", "--goal", "hanging",
         "--out", str(out), "--clock", "lockstep"],
        env=hand.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: hand.sees("jopa-agent: pendulum"), 60)
        wait_until(lambda: _ticks(out) > 150)
        layout = arrange(*WINDOW)
        blank = Thumbnail(np.zeros(SHAPE, np.uint8), "")
        groups = (("", (blank,) * GALLERY), ("", (blank,) * RECENT))
        hand.move(strip.places(layout.strip, layout.look, groups)[0][GOAL][0].center)
        hand.tool("click", "1")
        clicked = _ticks(out)
        wait_until(lambda: _ticks(out) > clicked + 200)
        camera = live.picture_in(layout.live, layout.look, SHAPE)
        hand.move((camera.centerx, camera.centery + round(0.4 * camera.height)))
        hand.tool("mousedown", "1")
        hand.move((camera.right - 4, camera.centery + round(0.4 * camera.height)))
        time.sleep(0.5)
        hand.tool("mouseup", "1")
        pushed = _ticks(out)
        wait_until(lambda: _ticks(out) > pushed + 200)
        hand.resize(1000, 700)
        hand.press("s")
        photo = wait_until(lambda: [*out.glob("*.png")])[0]
        hand.press("q")
        assert run.wait(timeout=60) == 0
    finally:
        run.kill()
        run.wait()
    recorded: list[Any] = list(RecordedRun(out))
    goals = [each for each in recorded if isinstance(each.message, Goal)]
    assert {each.header.epoch for each in goals} == {2}
    assert goals[0].message.name == "165deg"
    distance = {
        r.header.tick: r.message.distance for r in recorded if isinstance(r.message, Belief)
    }
    pushes = [each.arrived_ns for each in recorded if isinstance(each.message, Push)]
    frames = [each for each in recorded if isinstance(each.message, Frame)]
    first = next(each.header.tick for each in frames if each.arrived_ns > min(pushes))
    last = next(each.header.tick for each in frames if each.arrived_ns > max(pushes))
    assert max(distance[tick] for tick in range(first - 20, first)) < 0.1
    assert max(distance[tick] for tick in range(first, last + 60)) > 0.3
    assert max(distance[tick] for tick in range(last + 150, last + 170)) < 0.1
    with Image.open(photo) as picture:
        assert picture.size == (1000, 700)
        shown = np.asarray(picture.convert("RGB"), float)
    # the camera's picture in the screenshot is one of the last frames, pixel by pixel enlarged
    layout = arrange(1000, 700)
    camera = live.picture_in(layout.live, layout.look, SHAPE)
    side = (np.arange(32) + 0.5) * camera.width / 32
    middles = shown[np.ix_((camera.y + side).astype(int), (camera.x + side).astype(int))][..., 0]
    apart = [np.abs(middles - each.message.image[..., 0]).max() for each in frames[-200:]]
    assert min(apart) <= 2


def _ticks(out: Path) -> int:
    """How far the run is, as it says itself."""
    try:
        return int(json.loads((out / "status.json").read_text())["tick"])
    except (OSError, ValueError):
        return -1
