"""One head's attention as a heatmap: a row for each token that looks, a column for each token looked at."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from playground.records import HeadMap, Token
from playground.views.figure import base_layout
from playground.views.labels import axis_labels, plain_label
from playground.views.palette import ScaleName, colorscale

COMPACT_SCALE = 65535  # values as uint16: half the bytes of float32, and exact to 0.00002


def compact_weights(weights: np.ndarray, low: float = 0) -> np.ndarray:
    """Return values in [low, 1] as uint16, 0 = low and 65535 = 1; not-a-number becomes 0."""
    part = (np.nan_to_num(np.clip(weights, low, 1)) - low) / (1 - low)
    return np.rint(part * COMPACT_SCALE).astype(np.uint16)


def draw_head_map(head_map: HeadMap, *, compact: bool = False, height: int = 520) -> go.Figure:
    """Draw the weights of one head. Hover reads: 'girl' looks at 'little': 0.42.

    compact: send the weights as uint16, for the page, whose JavaScript turns them back for the hover text.
    """
    is_difference = head_map.view.heads == "difference"
    scale: ScaleName = "difference" if is_difference else "attention"
    low = -1 if is_difference else 0
    z = compact_weights(head_map.weights, low) if compact else head_map.weights
    drawn_low, drawn_top = (0, COMPACT_SCALE) if compact else (low, 1)
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=axis_labels(head_map.key_tokens),
            y=axis_labels(head_map.query_tokens),
            zmin=drawn_low,
            zmax=drawn_top,
            colorscale=colorscale(scale),
            hovertemplate="'%{y}' looks at '%{x}': %{z:.2f}<extra></extra>",
            hoverinfo="none" if compact else None,
            colorbar=weight_bar(low, drawn_low, drawn_top),
            meta={"scale": scale},
        ),
        base_layout(
            height=height,
            margin={"l": 8, "r": 8, "t": 8, "b": 8},
            meta=hover_meta(head_map, low, drawn_top - drawn_low),
        ),
    )
    if compact:
        figure.update_traces(hovertemplate=None)
    figure.update_xaxes(**token_axis(head_map.key_tokens), title="looked at (key)", side="top", tickangle=-60)
    figure.update_yaxes(**token_axis(head_map.query_tokens), title="looking (query)", autorange="reversed")
    return figure


def weight_bar(low: float, drawn_low: float, drawn_top: float) -> dict[str, object]:
    """Return a colour bar that reads values from `low` to 1, however they are drawn."""
    parts = (0, 0.25, 0.5, 0.75, 1)
    return {
        "title": {"text": "weight" if low == 0 else "difference", "side": "top"},
        "thickness": 12,
        "outlinewidth": 0,
        "tickvals": [drawn_low + part * (drawn_top - drawn_low) for part in parts],
        "ticktext": [f"{low + part * (1 - low):g}" for part in parts],
    }


def hover_meta(head_map: HeadMap, low: float, span: float) -> dict[str, object]:
    """Return what the page's JavaScript needs to word a hover: plain labels, and a value as low + z * unit."""
    return {
        "hover": "weights",
        "layer": head_map.layer,
        "head": head_map.head,
        "low": low,
        "unit": (1 - low) / span,
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
