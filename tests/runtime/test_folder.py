"""The run folder."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jopa_agent.agent.runs.launch import Launch, read
from jopa_agent.agent.runtime.errors import RunError
from jopa_agent.agent.runtime.folder import claim, write
from jopa_agent.configs.settings import settings_from, shipped_model
from jopa_agent.envs import BodySpec


def launch() -> Launch:
    spec = BodySpec(
        name="arm",
        period_s=0.05,
        control_low=np.array([-2.1, -0.1], np.float32),
        control_high=np.array([2.1, 0.3], np.float32),
        safe_control=np.array([0.0, 0.1], np.float32),
        frame_shape=(4, 6, 1),
    )
    settings = settings_from({"run": {"goal": 'a "quoted" ü.png', "seed": 3}})
    image = np.arange(24, dtype=np.uint8).reshape(4, 6, 1)
    return Launch(settings, spec, Path("/models/arm"), image)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    with claim(tmp_path / "deep" / "run"):
        write(tmp_path / "deep" / "run", launch())
    seen, expected = read(tmp_path / "deep" / "run"), launch()
    assert seen.settings == expected.settings
    assert seen.model == expected.model
    np.testing.assert_array_equal(seen.goal, expected.goal)
    assert seen.goal.dtype == np.uint8
    for name in ("control_low", "control_high", "safe_control"):
        value = getattr(seen.body, name)
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, getattr(expected.body, name))
    assert (seen.body.name, seen.body.period_s, seen.body.frame_shape) == ("arm", 0.05, (4, 6, 1))


def test_a_relative_model_folder_is_found_from_anywhere(tmp_path: Path) -> None:
    with claim(tmp_path):
        write(tmp_path, replace(launch(), model=Path("models/arm")))
    assert read(tmp_path).model == Path.cwd() / "models" / "arm"


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    with claim(tmp_path):
        with pytest.raises(RunError, match="in use by another run") as refused, claim(tmp_path):
            pass
        assert refused.value.exit_code == 2
    with claim(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RunError, match=r"cannot be written.*--out") as refused,
        claim(tmp_path / "file" / "run"),
    ):
        pass
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("missing", ["settings.toml", "launch.toml", "goal.npy"])
def test_a_folder_of_another_kind_is_told(tmp_path: Path, missing: str) -> None:
    write(tmp_path, launch())
    (tmp_path / missing).unlink()
    with pytest.raises(ValueError, match=missing) as told:
        read(tmp_path)
    assert "\n" not in str(told.value)


def test_a_launch_file_without_a_body_is_told(tmp_path: Path) -> None:
    write(tmp_path, launch())
    (tmp_path / "launch.toml").write_text('model = "/models/arm"\n')
    with pytest.raises(ValueError, match="is not the folder of a run"):
        read(tmp_path)


@pytest.mark.parametrize("file", ["launch.toml", "goal.npy"])
@pytest.mark.parametrize(
    "content",
    [
        b"model = 5\nbody = 5\n",
        b'model = "m"\n[body]\nname = "a"\nperiod_s = 1\ncontrol_low = "x"\n',
        b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '|u1', 'shape': (".ljust(117) + b"\n",
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '|u1', 'fortran_order': False, 'shape': (2305843009213693951,)}".ljust(117)
        + b"\n",
    ],
)
def test_what_was_tampered_with_is_told_in_one_line(
    tmp_path: Path, file: str, content: bytes
) -> None:
    """The third was found by ``tools/fuzz_coverage.py``."""
    write(tmp_path, launch())
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ValueError, match=r"(is not the folder of a run|cannot be read)") as told:
        read(tmp_path)
    assert "\n" not in str(told.value)


def test_a_shipped_model_is_found_wherever_it_is_installed(tmp_path: Path) -> None:
    write(tmp_path, replace(launch(), model=shipped_model("pendulum")))
    assert str(shipped_model("pendulum").parent) not in (tmp_path / "launch.toml").read_text()
    assert read(tmp_path).model == shipped_model("pendulum")
