"""The same before and after a change of the model: losses of a text, and what is written on."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float32

from playground.records import Token
from playground.views.figure import base_layout, set_axes, strip_axis
from playground.views.labels import axis_labels, readable
from playground.views.palette import SeriesName, series_color


def draw_two_losses(
    tokens: Sequence[Token],
    before: Float32[np.ndarray, " token"],
    after: Float32[np.ndarray, " token"],
    names: tuple[str, str],
) -> go.Figure:
    """Draw two bars a token, its losses in nats; what is not a number has none."""
    labels = axis_labels(tokens)
    figure = go.Figure(
        layout=base_layout(height=240, barmode="group", bargap=0.15, meta={"hover": "plotly", "strip": True})
    )
    bars: list[tuple[SeriesName, str, Float32[np.ndarray, " token"]]] = [
        ("before", names[0], before),
        ("chosen", names[1], after),
    ]
    for series, name, losses in bars:
        figure.add_bar(
            x=labels,
            y=[float(loss) if np.isfinite(loss) else None for loss in losses],
            name=name,
            marker={"color": series_color(series)},
            hovertemplate="'%{x}' " + name + ": %{y:.3f} nats<extra></extra>",
            meta={"series": series},
        )
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"})
    losses = {
        "title": "loss, nats",
        "rangemode": "tozero",
        "fixedrange": True,
        "zeroline": False,
        "automargin": True,
    }
    return set_axes(figure, strip_axis(labels), losses)


def two_texts_html(before: Sequence[Token], after: Sequence[Token], names: tuple[str, str]) -> str:
    """Return two texts below each other, the tokens from where they part marked, as HTML."""
    same = 0
    while same < min(len(before), len(after)) and before[same].id == after[same].id:
        same += 1
    rows = []
    for name, tokens in zip(names, (before, after), strict=True):
        shared, rest = ("".join(token.text for token in part) for part in (tokens[:same], tokens[same:]))
        marked = f"<mark>{html.escape(readable(rest))}</mark>" if rest else ""
        rows.append(f"<dt>{name}</dt><dd>{html.escape(readable(shared))}{marked}</dd>")
    return f"<dl>{''.join(rows)}</dl>"
