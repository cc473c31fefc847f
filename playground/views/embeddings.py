"""Neighbours of a token as a table, the paths of tokens through the layers, and how long their vectors become."""

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from playground.records import Embeddings, LensStage, Neighbour, TokenPaths
from playground.views.figure import base_layout
from playground.views.labels import plain_label
from playground.views.palette import series_color
from playground.views.tables import scrolled_table

PATH_PIXELS = 460


def neighbours_html(neighbours: Sequence[Neighbour]) -> str:
    """Return the nearest tokens with their cosines as HTML."""
    rows = (
        f"<tr><td>“{html.escape(plain_label(near.token))}”</td><td class='number'>{near.cosine:.3f}</td></tr>"
        for near in neighbours
    )
    return scrolled_table("neighbour-table", (("nearest token", False), ("cosine", True)), rows)


def embeddings_sentence(found: Embeddings) -> str:
    """Return what is shown of which token; not escaped."""
    name = f"“{plain_label(found.token)}”"
    if not found.neighbours:
        return f"{name} stands alone in its vocabulary."
    nearest = found.neighbours[0]
    said = (
        f"Nearest to {name} among the input embeddings: “{plain_label(nearest.token)}”, at a cosine of "
        f"{nearest.cosine:.2f}."
    )
    if found.paths is None:
        return f"{said} {found.absent}"
    first, last = found.paths.norms[0], found.paths.norms[-1]
    return f"{said} Its vector in the residual stream grows from {first:.1f} to {last:.1f} on the way up."


def draw_paths(paths: TokenPaths) -> go.Figure:
    """Draw the way of each token through the layers in the plane of the first two principal components."""
    figure = go.Figure(layout=base_layout(height=PATH_PIXELS, meta={"hover": "plotly"}, hovermode="closest"))
    stages = [stage_title(stage) for stage in paths.stages]
    for at, (place, token) in enumerate(zip(paths.places, paths.tokens, strict=True)):
        name = html.escape(plain_label(token), quote=False)
        is_selected = place == paths.position
        series = "chosen" if is_selected else "before"
        figure.add_scatter(
            x=paths.points[:, at, 0],
            y=paths.points[:, at, 1],
            mode="lines+markers+text",
            name=f"{name} ({place})",
            text=[*[""] * (len(stages) - 1), name],
            textposition="top center",
            customdata=stages,
            hovertemplate=f"{name} ({place}), %{{customdata}}<extra></extra>",
            line={"color": series_color(series), "width": 2.5 if is_selected else 1.2},
            marker={"color": series_color(series), "size": [9, *[4] * (len(stages) - 2), 7][: len(stages)]},
            meta={"series": series},
        )
    first, second = (f"{100 * share:.0f} %" for share in paths.explained)
    for axis, share in ((figure.update_xaxes, first), (figure.update_yaxes, second)):
        axis(title=f"{share} of the variance", zeroline=False, fixedrange=True, automargin=True)
    return figure.update_layout(showlegend=False)


def draw_norms(paths: TokenPaths) -> go.Figure:
    """Draw the length of the selected token's vector at each stage."""
    stages = [stage_title(stage) for stage in paths.stages]
    figure = go.Figure(layout=base_layout(height=240, meta={"hover": "plotly"}))
    figure.add_bar(
        x=stages, y=paths.norms, marker={"color": series_color("chosen"), "cornerradius": 2},
        hovertemplate="%{x}: %{y:.2f}<extra></extra>", meta={"series": "chosen"},
    )  # fmt: skip
    figure.update_xaxes(type="category", fixedrange=True, automargin=True)
    figure.update_yaxes(title="length of the vector", rangemode="tozero", fixedrange=True, automargin=True)
    return figure


def stage_title(stage: LensStage) -> str:
    """Return the name of a stage of the residual stream."""
    return "input" if stage.part == "input" else f"layer {stage.layer}"
