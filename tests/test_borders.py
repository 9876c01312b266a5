"""Who may import whom: the parts of the package know each other in one direction only."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("agent", "configs", "envs", "transport")

BASE = {"configs", "envs", "transport"}
MIND = {"graph", "encoders", "model", "pose_sensor", "observe", "planner", "lesson", "senses"}
KNOWN = {
    # the values and tools that everything is made of
    "configs": set(),
    "envs": set(),
    "transport": set(),
    "jax_setup": set(),
    "output": set(),
    "progress": set(),
    "bodies": {"configs", "envs"},
    "options": {"store", "configs", "envs"},
    "kinds": {"configs"},
    # the mind
    "graph": set(),
    "encoders": {"graph"},
    "pose_sensor": {"graph", "encoders"},
    "model": {"graph", "encoders", "pose_sensor"},
    "observe": {"graph", "model"},
    "planner": {"graph", "model", "configs"},
    "lesson": {"graph", "model", "observe", "configs"},
    "store": {"graph"},
    "senses": {"graph", "encoders", "model", "pose_sensor", "store", "configs"},
    "imagine": {"graph", "model"},
    "switch": set(),
    "mind": MIND | {"imagine", "configs"},
    # what is done with it
    "runs": BASE,
    "learning": MIND | BASE | {"mind", "store", "runs", "bodies", "jax_setup", "progress"},
    "discrete": {"store", "graph", "encoders", "mind", "learning", "bodies", "options", "output"}
    | {"progress", "jax_setup", "configs", "envs"},
    "jepa": {
        "store",
        "graph",
        "mind",
        "learning",
        "options",
        "output",
        "progress",
        "jax_setup",
        "configs",
    }
    | {"configs", "envs"},
    "pose_commands": {"learning", "evaluation", "options", "output", "configs"},
    "gallery": {"envs", "learning", "runs"},
    "minds": {"mind", "learning", "senses", "configs"},
    "evaluation": {"mind", "minds", "learning", "bodies", "jax_setup", "output", "progress"} | BASE,
    "runtime": {"mind", "kinds", "switch", "evaluation", "runs", "bodies", "jax_setup"} | BASE,
    "viewer": {"runs", "output", "envs", "transport"},
    "replay": {"mind", "kinds", "switch", "runs", "viewer", "jax_setup", "output", "transport"},
    "remote": {"learning", "viewer", "output", "transport"},
    "prepare": {"bodies", "gallery", "runs", "configs", "envs"},
    "running": {"prepare", "runs", "runtime", "viewer", "output", "configs", "envs"},
}
"""What each part may import. The command line, and the names that ``agent`` offers, know all."""

OF_GRAPH = {"jax", "jaxtyping", "numpy"}
WITHOUT_JAX = ("configs", "transport", "runs", "viewer", "remote")


def part_of(places: tuple[str, ...]) -> str:
    """The folder of a module or, right below ``agent``, the module itself."""
    return places[0] if places[0] != "agent" else places[1]


class Imports(NamedTuple):
    """What a module imports when it runs, types apart: parts of ours, and packages of others."""

    ours: frozenset[str]
    others: frozenset[str]


@cache
def imports(file: Path) -> Imports:
    return imports_in(file.read_text("utf-8"), file.parent.relative_to(ROOT).parts)


def imports_in(source: str, folder: tuple[str, ...]) -> Imports:
    ours: set[str] = set()
    others: set[str] = set()
    for node in running(ast.parse(source)):
        if isinstance(node, ast.Import):
            others |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            others.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1]
            inside = node.module.split(".") if node.module else []
            for name in [[]] if inside else [[each.name] for each in node.names]:
                ours.add(part_of((*base, *inside, *name)))
    return Imports(frozenset(ours), frozenset(others))


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a checker of types sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from running(node)


def modules() -> list[Path]:
    found = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    free = {ROOT / "agent" / name for name in ("__init__.py", "__main__.py", "cli.py")}
    return [file for file in found if file not in free]


def parts() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in modules():
        found.setdefault(part_of(file.relative_to(ROOT).with_suffix("").parts), []).append(file)
    return found


def known_by() -> dict[str, set[str]]:
    """The parts that each part imports, in truth."""
    return {
        part: {name for file in files for name in imports(file).ours} - {part}
        for part, files in parts().items()
    }


def test_every_part_imports_only_what_it_may() -> None:
    strange = {part: known - KNOWN[part] for part, known in known_by().items()}
    assert {part: names for part, names in strange.items() if names} == {}


def test_no_part_is_known_to_what_it_knows() -> None:
    order = list(TopologicalSorter(known_by()).static_order())
    assert order.index("graph") < order.index("mind") < order.index("runtime")


def test_imports_are_found_wherever_they_stand() -> None:
    source = """
import jax.numpy as jnp
from ..mind import Mind
from .. import model
from .gaussian import Belief
from ...transport.clock import now_ns
if TYPE_CHECKING:
    from ..runtime.process import Child
def late():
    from ..viewer.board import Board
"""
    found = imports_in(source, ("agent", "graph"))
    assert found.ours == {"mind", "model", "graph", "transport", "viewer"}
    assert found.others == {"jax"}


def test_the_graph_needs_numpy_and_jax_alone() -> None:
    others = frozenset[str]().union(*(imports(file).others for file in parts()["graph"]))
    assert others - set(sys.stdlib_module_names) == OF_GRAPH


@pytest.mark.parametrize("part", WITHOUT_JAX)
def test_whoever_starts_at_once_does_without_jax(part: str) -> None:
    assert not [file for file in parts()[part] if "jax" in imports(file).others]
