"""The positional signal of a model as one picture, whichever kind it is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float32

from playground.records import PositionalSignal
from playground.views.figure import base_layout
from playground.views.palette import colorscale, series_color

SIGNED: dict[str, Any] = {
    "zmin": -1,
    "zmax": 1,
    "colorscale": colorscale("difference"),
    "meta": {"scale": "difference"},
}


def draw_positions(signal: PositionalSignal, head: int) -> go.Figure | None:
    """Draw similarities of the table, turned angles, slopes, or the bias of `head`; None for a model without any."""
    if signal.similarities is not None:
        return _heatmap(signal.similarities, "position", "position", "cosine", SIGNED)
    if signal.rotary:
        angles = signal.rotary[0].angles  # (position, frequency)
        return _heatmap(np.cos(angles), "pair of numbers, fast to slow", "position", "cosine of the angle", SIGNED)
    if signal.slopes is not None:
        figure = go.Figure(layout=_layout())
        figure.add_bar(
            x=list(range(len(signal.slopes))),
            y=signal.slopes,
            marker={"color": series_color("after")},
            hovertemplate="head %{x}: %{y:.4g} a step<extra></extra>",
            meta={"series": "after"},
        )
        figure.update_xaxes(title="head", fixedrange=True)
        figure.update_yaxes(title="taken from the score, a step back", fixedrange=True)
        return figure
    if signal.bias is not None:
        bias = signal.bias[min(head, len(signal.bias) - 1)]
        most = float(np.abs(bias).max()) or 1.0
        return _heatmap(bias, "key", "query", "bias", SIGNED | {"zmin": -most, "zmax": most})
    return None


def positions_sentence(signal: PositionalSignal, head: int) -> str:
    """Say in plain words what tells this model where a token stands; not escaped."""
    n = signal.n_positions
    if signal.kind == "learned":
        return (
            f"This model learned a vector for each position and adds it to the token's. The picture has the cosine "
            f"between the vectors of every two of the first {n} positions."
        )
    if signal.kind == "sinusoidal":
        return f"Sines and cosines of the position are added to each token; the cosine between the first {n} positions."
    if signal.kind == "rotary":
        share = 1.0 if signal.rotary_share is None else signal.rotary_share
        return (
            f"Queries and keys are turned by an angle that grows with the position, {100 * share:.0f} % of each head's "
            "numbers, in pairs: the first turn fast, the last slowly. A dot product then depends on the distance."
        )
    if signal.kind == "alibi":
        return "The further back a key stands, the more is taken from its score, in each head by a slope of its own."
    if signal.kind == "relative-buckets":
        return f"Distances fall into buckets, and each head adds a learned number for each: here those of head {head}."
    return "Nothing in this model's code tells it where a token stands: only the mask gives an order."


def _heatmap(z: Float32[np.ndarray, "row column"], x: str, y: str, what: str, colours: Mapping[str, Any]) -> go.Figure:
    figure = go.Figure(
        go.Heatmap(
            z=z.astype(np.float32),
            hovertemplate=f"{y} %{{y}}, {x.split(',', maxsplit=1)[0]} %{{x}}: %{{z:.3f}}<extra></extra>",
            colorbar={"title": {"text": what, "side": "top"}, "thickness": 12, "outlinewidth": 0},
            **colours,
        ),
        _layout(),
    )
    figure.update_xaxes(title=x, showgrid=False, zeroline=False, fixedrange=True, automargin=True)
    figure.update_yaxes(title=y, autorange="reversed", showgrid=False, zeroline=False, fixedrange=True, automargin=True)
    return figure


def _layout() -> dict[str, object]:
    return base_layout(height=440, margin={"l": 8, "r": 8, "t": 16, "b": 8}, meta={"hover": "plotly"})
