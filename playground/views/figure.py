"""What all figures share: no margins to spare, no background of their own, no mode bar clutter.

Colours and fonts come from the page: its JavaScript reads `layout.meta` and the names of shapes, and sets them
for the theme. What is set here is the light form, for notebooks.
"""

import html
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

MOST_NAMED = 48  # tokens along a strip


def base_layout(**changes: Any) -> dict[str, Any]:
    """Return the layout that every figure starts from, with `changes` laid over it."""
    return {
        "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "font": {"size": 12},
        "hoverlabel": {"align": "left"},
        "dragmode": False,
    } | changes


def name_picture(figure: go.Figure, *names: str, title: str) -> go.Figure:
    """Return the figure with what a picture of it is called when it is saved: a file name of `names`, and a title."""
    meta = {**(figure.layout.meta or {}), "file": file_stem(*names), "title": html.escape(title, quote=False)}
    figure.layout.meta = meta
    return figure


def set_axes(figure: go.Figure, x: dict[str, Any], y: dict[str, Any]) -> go.Figure:
    """Give a figure of one plot its two axes, and return it.

    plotly's update_xaxes and update_yaxes, which look for the axes of other plots, take five times as long: most of
    what drawing took.
    """
    figure.layout.xaxis = x
    figure.layout.yaxis = y
    return figure


def strip_axis(names: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return the axis of a strip along a text, of labels.axis_labels; of many tokens only every n-th is named."""
    every = max(1, -(-len(names) // MOST_NAMED))
    return {
        "type": "category",
        "tickvals": list(names[::every]),
        "ticktext": [name.rstrip("\u200b") for name in names[::every]],
        "tickangle": -60,
        "automargin": True,
        "fixedrange": True,
        "showgrid": False,
        **more,
    }


def file_stem(*names: str) -> str:
    """Return a file name without its ending, of ASCII letters, digits and hyphens; each name at most 40 long."""
    return "-".join("".join(c if c.isascii() and c.isalnum() else "-" for c in name)[:40] for name in names)


def empty_figure(message: str) -> go.Figure:
    """Return a figure that says what to do to fill it."""
    figure = go.Figure(layout=base_layout(height=240))
    set_axes(figure, {"visible": False}, {"visible": False})
    figure.add_annotation(text=message, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure
