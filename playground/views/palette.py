"""The colour scales: one a meaning, each safe for colour-blind eyes, each in a light and a dark form.

The page's JavaScript reads the same file, so that a figure changes its colours with the theme.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

ASSETS = Path(__file__).resolve().parents[2] / "assets"

ScaleName = Literal["attention", "attention-log", "difference", "probability"]
SeriesName = Literal["before", "after", "chosen"]


@cache
def read_palette() -> dict[str, Any]:
    """Return assets/palette.json."""
    return json.loads((ASSETS / "palette.json").read_text(encoding="utf-8"))


def colorscale(name: ScaleName) -> list[tuple[float, str]]:
    """Return a scale in its light form, as plotly takes it.

    The attention scale gives small weights more colour than large ones: in a long text most weights are below
    0.1. Its colour bar shows the weights as they are.
    """
    scale = read_palette()[name]
    return list(zip(scale["positions"], scale["light"], strict=True))


def series_color(name: SeriesName) -> str:
    """Return the colour of a series of bars in its light form."""
    return read_palette()["series"][name]["light"]
