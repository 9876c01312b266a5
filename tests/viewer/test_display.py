"""Whether a window can be shown."""

import subprocess
import sys

import pytest
from jopa_agent.agent.viewer import display


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    return monkeypatch


@pytest.mark.parametrize("driver", ["dummy", "offscreen", "Dummy"])
def test_a_driver_that_draws_to_memory_is_no_display(nothing_set: pytest.MonkeyPatch, driver: str):
    nothing_set.setenv("DISPLAY", ":0")
    nothing_set.setenv("SDL_VIDEODRIVER", driver)
    assert not display.display_available()


@pytest.mark.usefixtures("nothing_set")
def test_without_a_desktop_there_is_no_display():
    assert not display.display_available()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS asks no DISPLAY")
def test_a_desktop_that_does_not_answer_is_no_display(nothing_set: pytest.MonkeyPatch):
    nothing_set.setenv("DISPLAY", ":9999")
    assert not display.display_available()


def test_over_ssh_a_mac_shows_no_window(nothing_set: pytest.MonkeyPatch):
    nothing_set.setattr(sys, "platform", "darwin")
    nothing_set.setenv("SSH_CONNECTION", "1.2.3.4 1 5.6.7.8 22")
    assert not display.display_available()


def test_asking_leaves_neither_pygame_nor_jax_behind():
    code = (
        "import sys; from jopa_agent.agent.viewer.display import display_available;"
        "display_available(); sys.exit(bool({'pygame', 'jax'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_viewer_starts_without_jax():
    code = "import sys; import jopa_agent.agent.viewer.window; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_run_begins_without_jax():
    code = (
        "import sys; from jopa_agent.agent import cli, kinds, running;"
        "from jopa_agent.configs.settings import read_preset, settings_from, shipped_model;"
        "kinds.check_trusted(shipped_model('pendulum'), settings_from(read_preset('pendulum')));"
        "sys.exit(bool({'jax', 'scipy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
