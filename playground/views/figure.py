"""What all figures share: no margins to spare, no background of their own, no mode bar clutter.

Colours and fonts come from the page: its JavaScript reads `layout.meta` and the names of shapes, and sets them
for the theme. What is set here is the light form, for notebooks.
"""

from typing import Any

import plotly.graph_objects as go


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


def empty_figure(message: str) -> go.Figure:
    """Return a figure that says what to do to fill it."""
    figure = go.Figure(layout=base_layout(height=240))
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(text=message, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure
