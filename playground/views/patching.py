"""Activation patching: a map of layers by tokens, and the next token with one swap."""

import html
import json
import math

import numpy as np
import plotly.graph_objects as go

from playground.records import PatchedPrediction, PatchingMap, Token
from playground.views.candidate_bars import Bars, draw_candidate_bars
from playground.views.figure import base_layout, set_axes
from playground.views.heads_overview import grid_lines, number_axis
from playground.views.labels import elide, plain_label
from playground.views.palette import colorscale

ROW_PIXELS = 28
MOST_LABELS = 40
PARTS = {"layer": "residual stream behind layer", "attention": "attention of layer", "mlp": "MLP of layer"}


def draw_patching(found: PatchingMap) -> go.Figure:
    """Draw layers from top to bottom and tokens from left to right; above zero the other text's answer comes."""
    n_layers, n_tokens = found.changes.shape
    most = max(1e-3, abs(found.other_log_prob - found.log_prob), float(np.nanmax(np.abs(found.changes), initial=0.0)))
    figure = go.Figure(
        go.Heatmap(
            z=[[None if np.isnan(value) else round(float(value), 5) for value in row] for row in found.changes],
            x0=0.5,
            dx=1,
            y0=0.5,
            dy=1,
            zmin=-most,
            zmax=most,
            customdata=[[_hover(found, layer, at) for at in range(n_tokens)] for layer in range(n_layers)],
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            colorscale=colorscale("difference"),
            colorbar={
                "title": {"text": "nats", "side": "right"},
                "thickness": 12,
                "outlinewidth": 0,
                "nticks": 5,
            },
            meta={"scale": "difference"},
        ),
        base_layout(
            height=max(220, ROW_PIXELS * n_layers + 130),
            margin={"l": 44, "r": 8, "t": 8, "b": 8},
            meta={"hover": "plotly", "heads": True},
            shapes=grid_lines(n_layers, n_tokens),
        ),
    )
    every = max(1, -(-n_tokens // MOST_LABELS))
    tokens = {
        "side": "top",
        "tickvals": [at + 0.5 for at in range(0, n_tokens, every)],
        "ticktext": [_column(found, at) for at in range(0, n_tokens, every)],
        "tickangle": -60,
        "ticklen": 0,
        "range": [0, n_tokens],
        "automargin": True,
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
    }
    return set_axes(figure, tokens, number_axis(range(n_layers), "layer", range=[n_layers, 0]))


def patching_sentence(found: PatchingMap) -> str:
    """Return what is measured and where a swap brings most of the other text's answer; not escaped."""
    answer = plain_label(found.answer)
    changes = np.where(np.isnan(found.changes), -np.inf, found.changes)
    layer, at = np.unravel_index(int(changes.argmax()), changes.shape)
    done = "" if found.n_done == changes.size else f" {found.n_done} of {changes.size} swaps so far."
    return (
        f"As token {len(found.tokens)} the other text has “{answer}” likeliest: {_percent(found.other_log_prob)}, "
        f"behind this text {_percent(found.log_prob)}. One swap brings it to at most "
        f"{_percent(found.log_prob + float(changes[layer, at]))}: {PARTS[found.part]} {layer}, token {at} "
        f"({_signed(float(changes[layer, at]))} of {_signed(found.other_log_prob - found.log_prob)} nats).{done}"
    )


def draw_patched(result: PatchedPrediction) -> go.Figure:
    """Draw two bars a candidate: without the swap and with it, in percent."""
    candidates = result.candidates
    return draw_candidate_bars(
        [Token(candidate.id, candidate.text, candidate.label) for candidate in candidates],
        [
            Bars("before", "the model", [100 * candidate.raw_probability for candidate in candidates]),
            Bars("chosen", "with the swap", [100 * candidate.probability for candidate in candidates]),
        ],
        row_pixels=ROW_PIXELS,
    )


def patched_highlight(layer: int, position: int) -> str:
    """Return which cell is marked."""
    return json.dumps({"heads": [[layer, position]]})


def _column(found: PatchingMap, at: int) -> str:
    """Return the token of a place, and the other text's where it is another; escaped."""
    own, other = (elide(plain_label(tokens[at]), 10) for tokens in (found.tokens, found.other_tokens))
    said = own if found.tokens[at].id == found.other_tokens[at].id else f"{own} ← {other}"
    return html.escape(said, quote=False)


def _hover(found: PatchingMap, layer: int, at: int) -> str:
    value = float(found.changes[layer, at])
    if math.isnan(value):
        return "not measured"
    whole = found.other_log_prob - found.log_prob
    share = f" ({100 * value / whole:.0f} % of the difference)" if abs(whole) > 1e-3 else ""
    return f"{PARTS[found.part]} {layer}, token {at}: {_column(found, at)}<br>{_signed(value)} nats{share}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _percent(log_prob: float) -> str:
    value = 100 * math.exp(log_prob)
    return f"{value:.1f} %" if value >= 0.1 else f"{value:.1g} %"
