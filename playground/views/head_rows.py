"""Where every head of every layer looked from one position: a row a head, a column a token."""

import plotly.graph_objects as go

from playground.records import HeadRows
from playground.views.figure import base_layout, set_axes
from playground.views.head_map import boundary_lines, shares_heatmap, shares_meta, token_axis

ROW_PIXELS = 7


def draw_head_rows(rows: HeadRows, *, compact: bool = False, second_at: int = 0) -> go.Figure:
    """Draw the weights from `rows.query` to every token that it may see, layers from top to bottom.

    second_at: where the second of two sentences begins, a line before it.
    """
    n_layers, n_heads, n_keys = rows.weights.shape
    weights = rows.weights.reshape(n_layers * n_heads, n_keys)
    names = [f"layer {layer} head {head}" for layer in rows.layers for head in range(n_heads)]
    hover = "%{y} looks at '%{x}': %{z:.2f}<extra></extra>"
    figure = go.Figure(
        shares_heatmap(weights, rows.key_tokens, names, compact=compact, hovertemplate=hover),
        base_layout(
            height=max(220, min(900, ROW_PIXELS * len(names)) + 90),
            meta=shares_meta("rows", rows.key_tokens, names, compact=compact),
            shapes=[
                {
                    "type": "line",
                    "name": "grid",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": layer * n_heads - 0.5,
                    "y1": layer * n_heads - 0.5,
                    "line": {"width": 1.5, "color": "#d4d4dc"},
                }
                for layer in range(1, n_layers)
            ]
            + boundary_lines(second_at, "x"),
        ),
    )
    layers = {
        "type": "category",
        "autorange": "reversed",
        "tickvals": names[::n_heads],
        "ticktext": [f"layer {layer}" for layer in rows.layers],
        "ticklen": 0,
        "showgrid": False,
        "automargin": True,
    }
    return set_axes(figure, token_axis(rows.key_tokens, most=32) | {"side": "top", "tickangle": -60}, layers)
