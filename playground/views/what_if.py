"""A prediction and its losses with a part of the model switched off, beside the model's own; which heads matter."""

import html
import json
import math

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float32

from playground.records import AttentionExplains, Change, ChangedText, HeadImportance, Token, WhatIf
from playground.views.before_after import draw_two_losses, two_texts_html
from playground.views.candidate_bars import Bars, draw_candidate_bars
from playground.views.figure import base_layout, set_axes
from playground.views.heads_overview import grid_lines, number_axis
from playground.views.labels import plain_label, readable
from playground.views.palette import ScaleName, colorscale

ROW_PIXELS = 28
NAMES = ("the model", "under the change")
HOW = {
    "zero": "passes on nothing",
    "mean": "passes on its mean over this text",
    "uniform": "looks at all tokens alike",
}


def draw_prediction(result: WhatIf) -> go.Figure:
    """Draw two bars a candidate: the model's own probability, and that under the change, in percent."""
    candidates = result.candidates
    return draw_candidate_bars(
        [Token(candidate.id, candidate.text, candidate.label) for candidate in candidates],
        [
            Bars("before", NAMES[0], [100 * candidate.raw_probability for candidate in candidates]),
            Bars("chosen", NAMES[1], [100 * candidate.probability for candidate in candidates]),
        ],
        row_pixels=ROW_PIXELS,
    )


def draw_loss_change(result: WhatIf) -> go.Figure:
    """Draw the loss of each token as it is and under the change, in nats."""
    return draw_two_losses(result.tokens, result.original_loss_nats, result.loss_nats, NAMES)


def change_sentence(result: WhatIf) -> str:
    """Return what is switched off and what came of it; not escaped."""
    change = result.change
    if change.is_empty:
        return "Nothing is switched off yet. Name heads, layers or looks, or click a head in the map below."
    before, after = result.original_loss_nats[1:], result.loss_nats[1:]
    parts = [f"{describe_change(change)}:"]
    if 0 < result.token < len(result.tokens):
        label, at = plain_label(result.tokens[result.token]), result.token - 1
        shares = [_percent(float(losses[at])) for losses in (before, after)]
        parts.append(
            f"“{label}” (token {result.token}) goes from {shares[0]} to {shares[1]}; "
            f"the prediction of it moves by {result.divergence_nats:.3f} nats (Kullback-Leibler)."
        )
    if len(before):
        parts.append(f"The mean loss of the text goes from {before.mean():.3f} to {after.mean():.3f} nats.")
    return " ".join(parts)


def describe_change(change: Change) -> str:
    """Return what is switched off; not escaped."""
    parts = []
    if change.heads:
        names = ", ".join(f"{layer}.{head}" for layer, head in change.heads[:6])
        more = f" and {len(change.heads) - 6} more" if len(change.heads) > 6 else ""
        one = len(change.heads) == 1
        verb = HOW[change.how] if one else HOW[change.how].replace("passes", "pass").replace("looks", "look")
        verb = verb if one else verb.replace("its mean", "their means")
        parts.append(f"{'Head' if one else 'Heads'} {names}{more} {verb}")
    if change.layers:
        one = len(change.layers) == 1
        names = ", ".join(map(str, change.layers[:8]))
        parts.append(f"{'layer' if one else 'layers'} {names} {'is' if one else 'are'} left out")
    if change.edges:
        names = ", ".join(f"{token} at {other}" for token, other in change.edges[:6])
        more = f" and {len(change.edges) - 6} more" if len(change.edges) > 6 else ""
        parts.append(f"no head looks from {names}{more}")
    said = "; ".join(parts)
    return said[:1].upper() + said[1:]


def changed_text_html(text: ChangedText) -> str:
    """Return what is written on with and without the change, the tokens from where they part marked, as HTML."""
    note = "" if text.is_complete else "<p>You stopped it.</p>"
    tail = "".join(token.text for token in text.start)[-60:]
    both = two_texts_html(text.original, text.changed, NAMES)
    return f"<p>Behind “… {html.escape(readable(tail))}”, greedily:</p>{both}{note}"


def draw_importance(importance: HeadImportance) -> go.Figure:
    """Draw layers from top to bottom and heads from left to right; below zero the token becomes less likely."""
    changes = importance.changes
    most = max(1e-3, float(np.nanmax(np.abs(changes), initial=0.0)))
    hover = [
        [
            "not measured" if np.isnan(value) else f"head {layer}.{head} off: {value:+.4f} nats".replace("-", "−")
            for head, value in enumerate(row)
        ]
        for layer, row in enumerate(changes)
    ]
    return _head_chart(
        np.round(changes, 6), hover, ends=(-most, most), scale="difference", title="change of log-probability, nats"
    )


def draw_looks(found: AttentionExplains) -> go.Figure:
    """Draw the largest weight that each head gives, as layers by heads."""
    hover = [
        [
            "no such head" if np.isnan(value) else f"head {layer}.{head}: weight {value:.3f}"
            for head, value in enumerate(row)
        ]
        for layer, row in enumerate(found.weights)
    ]
    return _head_chart(found.weights, hover, ends=(0.0, 1.0), scale="attention", title="largest weight")


def explains_sentence(found: AttentionExplains) -> str:
    """Return whether attention explains what matters, here; not escaped."""
    if math.isnan(found.correlation):
        return "The two maps cannot be correlated: one of them is the same everywhere."
    size = abs(found.correlation)
    word = "hardly" if size < 0.2 else "weakly" if size < 0.4 else "clearly" if size < 0.7 else "closely"
    p_value = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.3f}"
    sign = " and the other way round" if found.correlation < -0.2 else ""
    correlation = f"{found.correlation:+.2f}".replace("-", "−")
    return (
        f"Rank correlation (Spearman) of how strongly heads look and how much the token depends on them: {correlation} "
        f"({p_value}): they go together {word}{sign}."
    )


def importance_sentence(importance: HeadImportance) -> str:
    """Return which head matters most; not escaped."""
    token = plain_label(importance.tokens[importance.token])
    changes = np.where(np.isnan(importance.changes), 0.0, importance.changes)
    layer, head = np.unravel_index(int(np.abs(changes).argmax()), changes.shape)
    value = f"{float(changes[layer, head]):+.3f}".replace("-", "−")
    done = (
        "" if importance.n_done == importance.n_heads else f" {importance.n_done} of {importance.n_heads} heads so far."
    )
    return (
        f"“{token}” (token {importance.token}) has {_percent(-importance.log_prob)}. Most changes with head "
        f"{layer}.{head} off: its log-probability by {value} nats.{done}"
    )


def heads_highlight(change: Change) -> str:
    """Return which heads are marked in a map of heads: those that are off."""
    return json.dumps({"heads": [list(place) for place in change.heads]})


def _head_chart(
    values: Float32[np.ndarray, "layer head"],
    hover: list[list[str]],
    *,
    ends: tuple[float, float],
    scale: ScaleName,
    title: str,
) -> go.Figure:
    """Return values as cells whose middles are at half numbers, so that lines stand between them."""
    n_layers, n_heads = values.shape
    low, top = ends
    figure = go.Figure(
        go.Heatmap(
            z=[[None if np.isnan(value) else float(value) for value in row] for row in values],
            x0=0.5,
            dx=1,
            y0=0.5,
            dy=1,
            zmin=low,
            zmax=top,
            customdata=hover,
            hovertemplate="%{customdata}<extra></extra>",
            colorscale=colorscale(scale),
            colorbar={"title": {"text": title, "side": "right"}, "thickness": 12, "outlinewidth": 0, "nticks": 5},
            meta={"scale": scale},
        ),
        base_layout(
            height=max(200, ROW_PIXELS * n_layers + 70),
            margin={"l": 44, "r": 8, "t": 52, "b": 8},
            meta={"hover": "plotly", "heads": True},
            shapes=grid_lines(n_layers, n_heads),
        ),
    )
    return set_axes(
        figure,
        number_axis(range(n_heads), "head", side="top", range=[0, n_heads]),
        number_axis(range(n_layers), "layer", range=[n_layers, 0]),
    )


def _percent(nats: float) -> str:
    value = 100 * math.exp(-nats)
    return f"{value:.1f} %" if value >= 0.1 else f"{value:.1g} %"
