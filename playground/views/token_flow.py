"""Where what one token holds came from: a row a layer, a column an input token."""

import plotly.graph_objects as go

from playground.records import TokenFlow
from playground.views.figure import base_layout, set_axes
from playground.views.head_map import shares_heatmap, shares_meta, token_axis

ROW_PIXELS = 34


def draw_token_flow(flow: TokenFlow, *, compact: bool = False) -> go.Figure:
    """Draw how much of each input token reaches the token after each layer, the last layer on top."""
    relevance = flow.relevance[::-1]
    names = [f"after layer {layer}" for layer in range(len(relevance) - 2, -1, -1)] + ["input"]
    hover = "%{y}: %{z:.3f} from '%{x}'<extra></extra>"
    figure = go.Figure(
        shares_heatmap(relevance, flow.tokens, names, compact=compact, hovertemplate=hover),
        base_layout(
            height=ROW_PIXELS * len(names) + 100, meta=shares_meta("flow", flow.tokens, names, compact=compact)
        ),
    )
    tokens = token_axis(flow.tokens) | {"tickangle": -60, "title": "input token"}
    layers = {"type": "category", "autorange": "reversed", "ticklen": 0, "showgrid": False, "automargin": True}
    return set_axes(figure, tokens, layers)
