"""Rendering without a display leaves the process as it was."""

import signal
import subprocess
import sys

_RENDERS = """
import time
from jopa_agent.envs import make_body
from jopa_agent.envs.camera import Camera
make_body("pendulum", Camera(256, 32)).reset(0, "hanging")
print("rendered", flush=True)
time.sleep(60)
"""


def test_a_process_that_renders_ends_when_it_is_told_to():
    command = [sys.executable, "-c", _RENDERS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "rendered\n"
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(20) == -signal.SIGTERM
        finally:
            process.kill()
