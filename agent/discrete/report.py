"""The report of a discrete agent: one HTML file that needs nothing else."""

import base64
import html
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #20242a; max-width: 1080px; margin: 2rem auto;
       padding: 0 1rem; }
td { padding: .1rem 1.2rem .1rem 0; border-bottom: 1px solid #dde1e6; } img { max-width: 100%; }
"""


def save_report(path: Path, figures: Mapping[str, Any], pictures: Mapping[str, Figure]) -> None:
    """Write figures and pictures to ``path``; OSError where that is not possible."""
    rows = "".join(
        f"<tr><td>{html.escape(name.replace('_', ' '))}</td><td>{_number(value)}</td></tr>"
        for name, value in figures.items()
    )
    drawn = "".join(
        f"<p><img src='{_embedded(each)}' alt='{n}'></p>" for n, each in pictures.items()
    )
    page = (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>lineworld</title>"
        f"<style>{_STYLE}</style><h1>lineworld: {figures['state_accuracy']:.1%} of states inferred,"
        f" of {figures['filter_ceiling']:.1%} at best</h1><table>{rows}</table>{drawn}</html>"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))


def _embedded(figure: Figure) -> str:
    memory = io.BytesIO()
    figure.savefig(memory, format="png")
    return "data:image/png;base64," + base64.b64encode(memory.getvalue()).decode()
