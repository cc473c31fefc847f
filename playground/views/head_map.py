"""One head's attention as a heatmap: a row for each token that looks, a column for each token looked at."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from playground.records import HeadMap, Token
from playground.views.figure import base_layout
from playground.views.labels import axis_labels, plain_label
from playground.views.palette import colorscale

COMPACT_SCALE = 65535  # weights as uint16: half the bytes of float32, and exact to 0.00002


def compact_weights(weights: np.ndarray) -> np.ndarray:
    """Return weights in [0, 1] as uint16, 65535 = 1; not-a-number becomes 0."""
    return np.rint(np.nan_to_num(np.clip(weights, 0, 1)) * COMPACT_SCALE).astype(np.uint16)


def draw_head_map(head_map: HeadMap, *, compact: bool = False, height: int = 520) -> go.Figure:
    """Draw the weights of one head. Hover reads: 'girl' looks at 'little': 0.42.

    compact: send the weights as uint16, for the page, whose JavaScript turns them back for the hover text.
    """
    z = compact_weights(head_map.weights) if compact else head_map.weights
    top = COMPACT_SCALE if compact else 1
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=axis_labels(head_map.key_tokens),
            y=axis_labels(head_map.query_tokens),
            zmin=0,
            zmax=top,
            colorscale=colorscale("attention"),
            hovertemplate="'%{y}' looks at '%{x}': %{z:.2f}<extra></extra>",
            hoverinfo="none" if compact else None,
            colorbar=weight_bar(top),
            meta={"scale": "attention"},
        ),
        base_layout(height=height, margin={"l": 8, "r": 8, "t": 8, "b": 8}, meta=hover_meta(head_map, top)),
    )
    if compact:
        figure.update_traces(hovertemplate=None)
    figure.update_xaxes(**token_axis(head_map.key_tokens), title="looked at (key)", side="top", tickangle=-60)
    figure.update_yaxes(**token_axis(head_map.query_tokens), title="looking (query)", autorange="reversed")
    return figure


def weight_bar(top: float) -> dict[str, object]:
    """Return a colour bar that reads weights from 0 to 1."""
    values = (0, 0.25, 0.5, 0.75, 1)
    return {
        "title": {"text": "weight", "side": "top"},
        "thickness": 12,
        "outlinewidth": 0,
        "tickvals": [value * top for value in values],
        "ticktext": [f"{value:g}" for value in values],
    }


def hover_meta(head_map: HeadMap, top: float) -> dict[str, object]:
    """Return what the page's JavaScript needs to word a hover: plain labels, and what a weight of 1 is."""
    return {
        "hover": "weights",
        "unit": top,
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
