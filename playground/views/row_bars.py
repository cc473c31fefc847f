"""One row of a map as bars: where one query looked, in the order of the text."""

import plotly.graph_objects as go

from playground.records import HeadMap
from playground.views.figure import base_layout, set_axes
from playground.views.head_map import token_axis
from playground.views.labels import axis_labels, plain_label
from playground.views.palette import series_color


def draw_row_bars(head_map: HeadMap, query: int, *, height: int = 190) -> go.Figure:
    """Draw the weights of row `query`, a bar for each token that it may look at."""
    row = head_map.weights[query]
    figure = go.Figure(
        go.Bar(
            x=axis_labels(head_map.key_tokens),
            y=row,
            marker={"color": series_color("after"), "line": {"width": 0}},
            hoverinfo="none",
            meta={"series": "after"},
        ),
        base_layout(
            height=height,
            bargap=0.15,
            margin={"l": 44, "r": 8, "t": 8, "b": 8},
            meta={
                "hover": "bars",
                "query": plain_label(head_map.query_tokens[query]),
                "keys": [plain_label(token) for token in head_map.key_tokens],
            },
        ),
    )
    lowest, highest = float(min(0, row.min())), float(max(0, row.max()))
    room = 0.05 * max(highest - lowest, 0.01)
    values = {
        "title": "length" if head_map.values == "norms" else "weight",
        "range": [lowest - (room if lowest < 0 else 0), highest + room],
        "fixedrange": True,
    }
    return set_axes(figure, token_axis(head_map.key_tokens) | {"tickangle": -60}, values)
