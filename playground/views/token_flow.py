"""Where what one token holds came from: a row a layer, a column an input token."""

import plotly.graph_objects as go

from playground.records import TokenFlow
from playground.views.figure import base_layout
from playground.views.head_map import COMPACT_SCALE, compact_weights, token_axis
from playground.views.labels import axis_labels, plain_label
from playground.views.palette import colorscale

ROW_PIXELS = 34


def draw_token_flow(flow: TokenFlow, *, compact: bool = False) -> go.Figure:
    """Draw how much of each input token reaches the token after each layer, the last layer on top."""
    relevance = flow.relevance[::-1]
    names = [f"after layer {layer}" for layer in range(len(relevance) - 2, -1, -1)] + ["input"]
    top = COMPACT_SCALE if compact else 1
    figure = go.Figure(
        go.Heatmap(
            z=compact_weights(relevance) if compact else relevance,
            x=axis_labels(flow.tokens),
            y=names,
            zmin=0,
            zmax=top,
            colorscale=colorscale("attention"),
            hovertemplate=None if compact else "%{y}: %{z:.3f} from '%{x}'<extra></extra>",
            hoverinfo="none" if compact else None,
            showscale=False,
            meta={"scale": "attention"},
        ),
        base_layout(
            height=ROW_PIXELS * len(names) + 100,
            meta={
                "hover": "flow",
                "low": 0,
                "unit": 1 / top,
                "queries": names,
                "keys": [plain_label(token) for token in flow.tokens],
            },
        ),
    )
    figure.update_xaxes(**token_axis(flow.tokens), tickangle=-60, title="input token")
    figure.update_yaxes(type="category", autorange="reversed", ticklen=0, showgrid=False, automargin=True)
    return figure
