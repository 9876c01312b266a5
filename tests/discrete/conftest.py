"""One agent that is trained once for all tests, with fewer steps than a user's."""

from pathlib import Path

import pytest
from jopa_agent.agent.cli import main


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("discrete") / "model"
    words = ["--seed", "5", "--discrete.steps", "400", "--discrete.trajectories", "600"]
    assert main(["train", "lineworld", "--out", str(folder), *words]) == 0
    return folder
