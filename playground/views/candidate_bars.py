"""Candidates of the next token as bars: each with what it had, and what it has, in percent."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from playground.records import Token
from playground.views.figure import base_layout, set_axes
from playground.views.labels import axis_labels
from playground.views.palette import SeriesName, series_color


class Bars(NamedTuple):
    """One bar a candidate."""

    series: SeriesName
    name: str
    percent: Sequence[float | None]  # None where there is none of a candidate


def draw_candidate_bars(
    tokens: Sequence[Token], bars: Sequence[Bars], *, title: str = "probability, %", row_pixels: int = 30
) -> go.Figure:
    """Draw the bars of some tokens, the first at the top."""
    names = axis_labels(tokens)
    figure = go.Figure(
        layout=base_layout(
            height=row_pixels * len(names) + 96,
            barmode="group",
            bargap=0.25,
            legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
            meta={"hover": "plotly"},
        )
    )
    for series, name, percent in bars:
        figure.add_bar(
            orientation="h",
            name=name,
            x=list(percent),
            y=names,
            marker={"color": series_color(series), "cornerradius": 2},
            hovertemplate="'%{y}' " + name + ": %{x:.3f} %<extra></extra>",
            meta={"series": series},
        )
    both = {"fixedrange": True, "automargin": True}
    return set_axes(
        figure,
        both | {"title": title, "rangemode": "tozero", "zeroline": False},
        both | {"type": "category", "autorange": "reversed", "tickvals": names, "ticktext": names, "ticklen": 0},
    )
