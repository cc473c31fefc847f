"""One head's attention as a heatmap: a row for each token that looks, a column for each token looked at."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float32, UInt16

from playground.records import HeadMap, Token
from playground.views.figure import base_layout, set_axes
from playground.views.labels import axis_labels, plain_label
from playground.views.palette import ScaleName, colorscale

LEAST_RANGE = 0.05  # of a difference of texts: what is next to nothing shall not look like much
COMPACT_SCALE = 65535  # values as uint16: half the bytes of float32, and exact to 0.00002


def compact_weights(
    weights: Float32[np.ndarray, "row column"], low: float = 0, top: float = 1
) -> UInt16[np.ndarray, "row column"]:
    """Return values in [low, top] as uint16, 0 = low and 65535 = top; not-a-number becomes 0."""
    part = (np.nan_to_num(np.clip(weights, low, top)) - low) / (top - low)
    return np.rint(part * COMPACT_SCALE).astype(np.uint16)


def shares_heatmap(
    shares: Float32[np.ndarray, "row token"],
    columns: Sequence[Token],
    rows: Sequence[str],
    *,
    compact: bool,
    hovertemplate: str,
) -> go.Heatmap:
    """Return rows of shares from 0 to 1 over the tokens of a text, without a colour bar.

    compact: as of draw_head_map, the page words the hover itself.
    """
    return go.Heatmap(
        z=compact_weights(shares) if compact else shares,
        x=axis_labels(columns),
        y=list(rows),
        zmin=0,
        zmax=COMPACT_SCALE if compact else 1,
        colorscale=colorscale("attention"),
        hovertemplate=None if compact else hovertemplate,
        hoverinfo="none" if compact else None,
        showscale=False,
        meta={"scale": "attention"},
    )


def shares_meta(hover: str, columns: Sequence[Token], rows: Sequence[str], *, compact: bool) -> dict[str, object]:
    """Return what the page's JavaScript needs to word a hover over shares_heatmap."""
    unit = 1 / COMPACT_SCALE if compact else 1
    keys = [plain_label(token) for token in columns]
    return {"hover": hover, "low": 0, "unit": unit, "queries": list(rows), "keys": keys}


def value_range(head_map: HeadMap) -> tuple[float, float]:
    """Return what the ends of the colour scale stand for.

    Weights are shares, lengths have no bound; of two texts most weights change little, so the largest change counts.
    """
    if head_map.values == "norms":
        return 0.0, float(np.nan_to_num(head_map.weights).max(initial=0)) or 1.0
    if head_map.values == "texts":
        most = max(LEAST_RANGE, float(np.abs(np.nan_to_num(head_map.weights)).max(initial=0)))
        return -most, most
    return (-1.0 if head_map.view.heads == "difference" and head_map.values == "weights" else 0.0), 1.0


def boundary_lines(second_at: int, axes: str = "xy") -> list[dict[str, Any]]:
    """Return the lines before the second of two sentences; the page colours them by their name."""
    line = {"type": "line", "name": "group", "line": {"width": 2, "color": "#5d6070"}}
    across = {"x": "y", "y": "x"}
    return [
        line
        | {f"{axis}0": second_at - 0.5, f"{axis}1": second_at - 0.5}
        | {f"{across[axis]}ref": "paper", f"{across[axis]}0": 0, f"{across[axis]}1": 1}
        for axis in axes
        if second_at
    ]


def draw_head_map(head_map: HeadMap, *, compact: bool = False, height: int = 520, second_at: int = 0) -> go.Figure:
    """Draw the weights of one head. Hover reads: 'girl' looks at 'little': 0.42.

    compact: send the weights as uint16, for the page, whose JavaScript turns them back for the hover text.
    second_at: where the second of two sentences begins, lines before it.
    """
    low, top = value_range(head_map)
    scale: ScaleName = "difference" if low < 0 else "attention"
    z = compact_weights(head_map.weights, low, top) if compact else head_map.weights
    drawn_low, drawn_top = (0, COMPACT_SCALE) if compact else (low, top)
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=axis_labels(head_map.key_tokens),
            y=axis_labels(head_map.query_tokens),
            zmin=drawn_low,
            zmax=drawn_top,
            colorscale=colorscale(scale),
            hovertemplate=None if compact else "'%{y}' looks at '%{x}': %{z:.2f}<extra></extra>",
            hoverinfo="none" if compact else None,
            colorbar=value_bar(head_map, drawn_low, drawn_top),
            meta={"scale": scale},
        ),
        base_layout(
            height=height,
            margin={"l": 8, "r": 8, "t": 8, "b": 8},
            meta=hover_meta(head_map, drawn_top - drawn_low),
            shapes=boundary_lines(second_at),
        ),
    )
    return set_axes(
        figure,
        token_axis(head_map.key_tokens) | {"title": "looked at (key)", "side": "top", "tickangle": -60},
        token_axis(head_map.query_tokens) | {"title": "looking (query)", "autorange": "reversed"},
    )


def value_bar(head_map: HeadMap, drawn_low: float, drawn_top: float) -> dict[str, object]:
    """Return a colour bar that reads the values as they are, however they are drawn."""
    low, top = value_range(head_map)
    title = "length" if head_map.values == "norms" else "difference" if low < 0 else "weight"
    parts = (0, 0.25, 0.5, 0.75, 1)
    return {
        "title": {"text": title, "side": "top"},
        "thickness": 12,
        "outlinewidth": 0,
        "tickvals": [drawn_low + part * (drawn_top - drawn_low) for part in parts],
        "ticktext": [f"{low + part * (top - low):.3g}" for part in parts],
    }


def hover_meta(head_map: HeadMap, span: float) -> dict[str, object]:
    """Return what the page's JavaScript needs to word a hover: plain labels, and a value as low + z * unit."""
    low, top = value_range(head_map)
    return {
        "hover": "weights",
        "layer": head_map.layer,
        "head": head_map.head,
        "low": low,
        "unit": (top - low) / span,
        "queries": [plain_label(token) for token in head_map.query_tokens],
        "keys": [plain_label(token) for token in head_map.key_tokens],
    }


def token_axis(tokens: Sequence[Token], most: int = 64) -> dict[str, Any]:
    """Return an axis of token labels; with many tokens only every n-th is named."""
    labels = axis_labels(tokens)
    every = max(1, -(-len(labels) // most))
    return {
        "type": "category",
        "tickvals": labels[::every],
        "ticktext": labels[::every],
        "ticklen": 0,
        "tickfont": {"size": 11 if len(labels) <= 40 else 9},
        "showgrid": False,
        "zeroline": False,
        "automargin": True,
        "constrain": "domain",
    }
