"""All heads of all layers as one mosaic: one trace, whatever the number of heads and the length of the text."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from playground.records import AttentionSummary
from playground.views.figure import base_layout, set_axes
from playground.views.palette import colorscale

TILE_PIXELS = 56
# From so many columns on a cell is smaller than a pixel: scaled as a picture none is lost, and it takes half the time
SMALLEST_CELLS = 500


def draw_heads_overview(
    summary: AttentionSummary, *, order: Sequence[tuple[int, int]] | None = None, heads_per_key: int = 1
) -> go.Figure:
    """Draw the tiles, layers from top to bottom and heads from left to right.

    A cell's place is its column (or row) plus its place within the tile, from 0 to 1, so that a click at (x, y)
    is on the tile in column floor(x) of row floor(y).

    order: (layer, head) of every tile, row after row, to be drawn in this order and not in the model's.
    heads_per_key: query heads that share a key head stand between heavier lines.
    """
    n_layers, n_heads, rows, columns = summary.tiles.shape
    tiles = summary.tiles
    if order is not None:
        tiles = np.stack([tiles[place] for place in order]).reshape(tiles.shape)
    mosaic = tiles.transpose(0, 2, 1, 3).reshape(n_layers * rows, n_heads * columns)
    group = heads_per_key if order is None else 1
    figure = go.Figure(
        go.Heatmap(
            z=mosaic,
            x0=0.5 / columns,
            dx=1 / columns,
            y0=0.5 / rows,
            dy=1 / rows,
            zmin=0,
            zmax=255,
            zsmooth="fast" if n_heads * columns > SMALLEST_CELLS else False,
            colorscale=colorscale("attention"),
            showscale=False,
            hoverinfo="none",
            meta={"scale": "attention"},
        ),
        base_layout(
            height=max(180, TILE_PIXELS * n_layers + 40),
            margin={"l": 44, "r": 8, "t": 52, "b": 8},
            meta={
                "hover": "tiles",
                "n_layers": n_layers,
                "n_heads": n_heads,
                "tile": [rows, columns],
                "order": None if order is None else [list(place) for place in order],
                "layers": list(summary.layers),
            },
            shapes=grid_lines(n_layers, n_heads, group),
        ),
    )
    title = "head" if group == 1 else f"head; {group} at a time share keys and values"
    heads = number_axis(range(n_heads), title, side="top", range=[0, n_heads])
    layers = number_axis(summary.layers, "layer", range=[n_layers, 0])
    if order is not None:
        heads |= {"title": {"text": "strongest first, row by row", "standoff": 10}, "showticklabels": False}
        layers |= {"title": {"text": "", "standoff": 10}, "showticklabels": False}
    return set_axes(figure, heads, layers)


def number_axis(numbers: Sequence[int], title: str, **options: Any) -> dict[str, Any]:
    """Return an axis that labels the middle of each tile with its number."""
    every = max(1, -(-len(numbers) // 24))  # at most 24 numbers, so that they never touch
    places = range(0, len(numbers), every)
    return {
        "title": {"text": title, "standoff": 10},
        "tickvals": [place + 0.5 for place in places],
        "ticktext": [str(numbers[place]) for place in places],
        "showgrid": False,
        "zeroline": False,
        "showline": False,
        "fixedrange": True,
        **options,
    }


def grid_lines(n_layers: int, n_heads: int, group: int = 1) -> list[dict[str, Any]]:
    """Return the lines between tiles; the page colours them by their name. Every `group` heads a heavier one."""
    line = {"type": "line", "name": "grid", "layer": "above", "line": {"width": 1.5, "color": "#d4d4dc"}}
    across = [line | {"x0": 0, "x1": n_heads, "y0": layer, "y1": layer} for layer in range(n_layers + 1)]
    down = [line | {"y0": 0, "y1": n_layers, "x0": head, "x1": head} for head in range(n_heads + 1)]
    heavy = [
        line
        | {"name": "group", "y0": 0, "y1": n_layers, "x0": head, "x1": head, "line": {"width": 3, "color": "#5d6070"}}
        for head in range(group, n_heads, group)
        if group > 1
    ]
    return across + down + heavy
