"""The wheel alone, in an empty environment and another folder, is a working jopa-agent."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ["agent", "configs", "envs", "transport", "pyproject.toml", "README.md", "LICENSE"]


def call(*words: str | Path, folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_runs_from_another_folder(tmp_path: Path) -> None:
    source, elsewhere = tmp_path / "source", tmp_path / "elsewhere"
    source.mkdir()
    elsewhere.mkdir()
    for name in SOURCES:
        origin = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__")
        if origin.is_dir():
            shutil.copytree(origin, source / name, ignore=ignore)
        else:
            shutil.copy(origin, source / name)
    call(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, folder=source)
    (wheel,) = tmp_path.glob("*.whl")
    call(sys.executable, "-m", "venv", tmp_path / "venv", folder=elsewhere)
    python = tmp_path / "venv" / "bin" / "python"
    call(python, "-m", "pip", "install", "-q", "-c", ROOT / "requirements.lock", wheel,
         folder=elsewhere)  # fmt: skip

    program = tmp_path / "venv" / "bin" / "jopa-agent"
    words = ["--headless", "--clock", "lockstep", "--duration", "4", "--json", "figures.json"]
    call(program, "run", "pendulum", *words, folder=elsewhere)
    figures = json.loads((elsewhere / "figures.json").read_text())
    assert figures["ticks"] == 80
    assert figures["reached"]
    packages = next((tmp_path / "venv" / "lib").glob("python3*/site-packages"))
    ours = {path.name for path in (packages / "jopa_agent").iterdir()}
    assert ours == {"agent", "configs", "envs", "transport"}
    assert not {"agent", "configs", "envs", "transport"} & {p.name for p in packages.iterdir()}
