"""Every example runs without a display, writes its picture, and its method works."""

import gzip
import importlib.util
import os
import re
import struct
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "tools" / "examples"
NOTEBOOK = EXAMPLES / "pendulum_notebook.py"
FIGURE = r"(-?\d+(?:\.\d+)?)"


class Ran(NamedTuple):
    code: int
    printed: str
    errors: str
    picture: Path

    def figures(self, pattern: str) -> list[float]:
        """The numbers where ``#`` stands in ``pattern``, at every place that it is printed."""
        found = re.findall(re.escape(pattern).replace(r"\#", FIGURE), self.printed)
        assert found, f"no {pattern!r} in {self.printed!r}"
        rows = [one if isinstance(one, tuple) else (one,) for one in found]
        return [float(value) for row in rows for value in row]


def run(script: Path, folder: Path, *words: str) -> Ran:
    picture = folder / f"{script.stem}.png"
    command = [sys.executable, str(script), *words, "--out", str(picture)]
    # no display and no user's folder: what is not named is not needed
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=900,
    )
    return Ran(done.returncode, done.stdout, done.stderr, picture)


def system_identification(ran: Ran) -> None:
    (a,) = ran.figures("A off by #,")
    (b,) = ran.figures("B off by #")
    (away,) = ran.figures("the true system ends # from the goal")
    assert max(a, b) < 0.05
    assert away < 0.2


def multimodal_fusion(ran: Ran) -> None:
    together, apart = ran.figures("mean error # while the camera is dark")
    # smoothed from both sides of the gap, the camera alone does nearly as well
    assert together < 0.9 * apart


def known_physics(ran: Ran) -> None:
    filtered, smoothed = (ran.figures(f"{name}: error of the angle #, velocity #")
                          for name in ("filtered", "smoothed"))  # fmt: skip
    away, torque = ran.figures("ends # rad from upright, torque at most #")
    assert max(smoothed) < 0.3
    assert smoothed[1] < filtered[1]
    assert away < 0.3
    assert torque <= 6.0


def rotating_digits(ran: Ran) -> None:
    gap = ran.figures("error in the gap # %")
    predicted = ran.figures("predicted: # % over the first turn, # % over the second")
    assert max(gap + predicted) < 20


def controlled_digits(ran: Ran) -> None:
    errors = ran.figures("predicted with an error of # %")
    assert len(errors) == 4
    assert max(errors) < 20


def end_to_end_digits(ran: Ran) -> None:
    bounds = ran.figures("bound # nats")
    errors = np.reshape(ran.figures("error of # % over one turn, # % over the next"), (-1, 2))
    assert (np.diff(bounds) < 0).all()
    assert errors[-1].max() < 20
    assert errors[-1].mean() < 0.75 * errors[0].mean()


JUDGES = [
    system_identification,
    multimodal_fusion,
    known_physics,
    rotating_digits,
    controlled_digits,
    end_to_end_digits,
]


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """The examples that will be asked for, two at a time, begun with the first."""
    folder = tmp_path_factory.mktemp("pictures")
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    asked = [one.params["judge"] for one in parameters if one and "judge" in one.params]
    with ThreadPoolExecutor(2) as pool:
        jobs: dict[str, Future[Ran]] = {
            judge.__name__: pool.submit(run, EXAMPLES / f"{judge.__name__}.py", folder, "--short")
            for judge in asked
            if judge in JUDGES
        }
        yield jobs
        for job in jobs.values():
            job.cancel()


def assert_drawn(ran: Ran) -> None:
    assert ran.code == 0, ran.errors
    assert ran.picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.__name__)
def test_an_example_runs_and_its_method_works(judge, running: dict[str, "Future[Ran]"]) -> None:
    ran = running[judge.__name__].result()
    assert_drawn(ran)
    judge(ran)


@pytest.mark.long
def test_the_notebook_runs_as_a_script(tmp_path: Path) -> None:
    pytest.importorskip("marimo", reason="the extra 'notebook' is not installed")
    ran = run(NOTEBOOK, tmp_path)
    assert_drawn(ran)
    (away,) = ran.figures("the body ends # degrees from up")
    assert abs(away) < 30


@pytest.fixture(scope="module")
def digits() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_digits", EXAMPLES / "digits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


IMAGES = np.random.default_rng(0).integers(0, 256, (20, 28, 28))
LABELS = np.arange(20) % 10


def idx(values: np.ndarray, magic: int) -> bytes:
    return struct.pack(f">{1 + values.ndim}I", magic, *values.shape) + values.astype("u1").tobytes()


def written(folder: Path, images: bytes, labels: bytes) -> Path:
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    return folder


def test_mnist_is_read_from_its_files_plain_and_gzipped(digits: ModuleType, tmp_path: Path):
    read = digits.load_digits(written(tmp_path, idx(IMAGES, 2051), idx(LABELS, 2049)))
    np.testing.assert_allclose(read.images * 255, IMAGES, atol=1e-4)
    np.testing.assert_array_equal(read.labels, LABELS)
    np.testing.assert_array_equal(digits.pick(read, 3, 1), read.images[13])
    with pytest.raises(ValueError, match="digit, index"):
        digits.pick(read, 3, 2)


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (idx(IMAGES, 2051), b"", "no idx file"),
        (idx(IMAGES, 2051), idx(LABELS, 2051), "no idx file"),
        (idx(IMAGES, 2051), idx(LABELS, 2049)[:-1], "only a part"),
        (idx(IMAGES, 2051)[:-30], idx(LABELS, 2049), "only a part"),
        (idx(IMAGES, 2051), idx(LABELS[:5], 2049), "5 labels"),
        (idx(IMAGES[:, :20], 2051), idx(LABELS, 2049), "28×28"),
    ],
)
def test_what_is_not_mnist_is_said_in_one_line(
    images: bytes, labels: bytes, said: str, digits: ModuleType, tmp_path: Path
):
    with pytest.raises(ValueError, match=said) as caught:
        digits.load_digits(written(tmp_path, images, labels))
    assert "\n" not in str(caught.value)


def test_a_folder_without_mnist_or_with_a_torn_file_is_named(digits: ModuleType, tmp_path: Path):
    with pytest.raises(ValueError, match="is no folder"):
        digits.load_digits(tmp_path / "none")
    with pytest.raises(ValueError, match="no file train-images"):
        digits.load_digits(tmp_path)
    written(tmp_path, idx(IMAGES, 2051), idx(LABELS, 2049))
    torn = tmp_path / "train-images-idx3-ubyte.gz"
    torn.write_bytes(torn.read_bytes()[:-20])
    with pytest.raises(ValueError, match="cannot be read"):
        digits.load_digits(tmp_path)


def test_a_digit_turns_counterclockwise_by_its_controls(digits: ModuleType):
    pytest.importorskip("sklearn", reason="the extra 'examples' is not installed")
    image = digits.pick(digits.load_digits(), 3)
    np.testing.assert_allclose(digits.rotate(image, np.pi / 2), np.rot90(image), atol=1e-5)
    controls = digits.random_controls(np.random.default_rng(0), 50, 0.3, -1, 1)
    film = digits.controlled(image, controls)
    assert film.images.shape == (51, 28, 28)
    np.testing.assert_allclose(film.angles[1:], np.cumsum(controls))
    assert np.abs(film.angles).max() <= 1
