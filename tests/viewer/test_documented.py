"""The page about the viewer says what the window does."""

from pathlib import Path

import pytest
from jopa_agent.agent.viewer.controls import LIVE, MOUSE, REPLAY, REPLAY_MOUSE, Control, Right

PAGE = (Path(__file__).parents[2] / "docs" / "viewer.md").read_text("utf-8")
WHERE = {Right.WATCH: "any", Right.GOALS: "not observers", Right.HOST: "at the host"}


def rows_after(heading: str) -> list[list[str]]:
    """The first table below a heading, cell by cell, less its own two lines of heading."""
    below = PAGE.partition(f"## {heading}\n")[2].splitlines()
    first = next(place for place, line in enumerate(below) if line.startswith("|"))
    lines = []
    for line in below[first + 2 :]:
        if not line.startswith("|"):
            break
        lines.append([cell.strip() for cell in line.strip("|").split("|")])
    return lines


@pytest.mark.parametrize(("heading", "table"), [("Keys and buttons", LIVE), ("Recordings", REPLAY)])
def test_every_key_is_there_as_it_is(heading: str, table: tuple[Control, ...]):
    found = rows_after(heading)
    assert [row[0] for row in found] == [each.shown for each in table]
    for (_, label, help_line, where), each in zip(found, table, strict=True):
        assert label == each.label
        assert where == WHERE[each.right]
        assert help_line == each.help or (each.name, each.help) == ("quit", "")


@pytest.mark.parametrize("row", [*MOUSE, *REPLAY_MOUSE])
def test_what_the_mouse_does_is_there(row: tuple[str, str]):
    assert f"| {row[0]} | {row[1]} |" in PAGE
