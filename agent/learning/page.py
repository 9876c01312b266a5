"""The page about a model of a pose, which is read without what its numbers need."""

from pathlib import Path
from typing import Any

from ..store.errors import ModelError
from ..store.page import page_of

FORMAT = 7
REMAKE = "make one with 'jopa-agent train'"


def read_page(folder: Path) -> dict[str, Any]:
    """The page about the model in ``folder``; raises :class:`ModelError` where there is none."""
    return page_of(folder, REMAKE, format=FORMAT)


def check_trusted(folder: Path) -> None:
    """Raise :class:`ModelError` for a model that failed its validation."""
    verdict = read_page(folder).get("verdict")
    if isinstance(verdict, dict) and verdict.get("verdict") == "fail":
        faults = verdict.get("faults") or ["no reason is given"]
        raise ModelError(
            f"model {str(folder)!r} failed its validation: {faults[0]}: train it again, or run it "
            "with --force"
        )
