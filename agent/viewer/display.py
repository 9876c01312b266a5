"""Whether a window can be shown here."""

import os
import subprocess
import sys

_PROBE = "import pygame; pygame.display.init(); print(pygame.display.get_driver())"
_PROBE_TIMEOUT_S = 5.0  # a forwarded display whose other end has gone would wait for ever
_NO_WINDOW = {"dummy", "offscreen", "evdev", "kmsdrm"}  # SDL's drivers that have no desktop


def display_available() -> bool:
    """True when a window would be seen: a desktop is named in the environment and answers.

    It is asked from a process of its own, so that nothing of SDL stays behind in this one.
    """
    return _display_named() and _display_answers()


def _display_named() -> bool:
    if os.environ.get("SDL_VIDEODRIVER", "").lower() in _NO_WINDOW:
        return False
    if sys.platform == "darwin":
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _display_answers() -> bool:
    environment = {**os.environ, "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
    try:
        probe = subprocess.run(
            [sys.executable, "-P", "-c", _PROBE],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    driver = probe.stdout.strip().lower()
    return probe.returncode == 0 and driver not in _NO_WINDOW
