"""The loss of each token: as bars, as a formula with its numbers, and two texts against each other."""

import html
import json
import math

import numpy as np
import plotly.graph_objects as go

from playground.records import TokenLoss
from playground.records.sizes import say_count
from playground.views.figure import base_layout, set_axes, strip_axis
from playground.views.labels import axis_labels, elide, plain_label
from playground.views.palette import series_color
from playground.views.tables import numbers_table

BITS = math.log(2)  # nats a bit


def draw_token_loss(loss: TokenLoss, *, height: int = 220) -> go.Figure:
    """Draw a bar a token, in nats on the left and in bits on the right; a line at the mean."""
    names = axis_labels(loss.tokens)
    nats = [float(value) if np.isfinite(value) else None for value in loss.losses_nats]
    top = 1.06 * max([1.0, *(value for value in nats if value is not None)])
    figure = go.Figure(
        go.Bar(
            x=names,
            y=nats,
            customdata=[None if value is None else value / BITS for value in nats],
            marker={"color": series_color("after")},
            meta={"series": "after"},
            hovertemplate="'%{x}': %{y:.3f} nats = %{customdata:.3f} bits<extra></extra>",
        ),
        base_layout(height=height, bargap=0.08, showlegend=False, meta={"hover": "plotly", "strip": True}),
    )
    # Bits are the same bars on another scale: a trace of nothing that gives the axis its place
    figure.add_scatter(x=[names[0]], y=[None], yaxis="y2", hoverinfo="skip", mode="markers")
    if loss.n_predicted:
        figure.add_shape(
            type="line", name="group", xref="paper", x0=0, x1=1, y0=loss.mean_nats, y1=loss.mean_nats,
            line={"width": 1.5, "dash": "dot", "color": "#5d6070"},
        )  # fmt: skip
    shared = {"fixedrange": True, "zeroline": False, "automargin": True, "nticks": 5}
    figure.layout.yaxis2 = {
        **shared,
        "range": [0, top / BITS],
        "title": "bits",
        "overlaying": "y",
        "side": "right",
        "tickmode": "auto",
        "showgrid": False,
    }
    return set_axes(figure, strip_axis(names), {**shared, "range": [0, top], "title": "nats"})


def loss_sentence(loss: TokenLoss, what: str = "This text") -> str:
    """Return the whole in one sentence; not escaped."""
    if not loss.n_predicted:
        return f"{what} is one token, which nothing stands before: there is no loss yet."
    n = say_count(loss.n_predicted, "token")
    by_character = loss.bits_per_character
    more = "" if math.isnan(by_character) else f"; {by_character:.3f} bits a character"
    return (
        f"{what}: a mean loss of {loss.mean_nats:.3f} nats ({loss.mean_nats / BITS:.3f} bits) over {n}, so a "
        f"perplexity of {loss.perplexity:,.2f}{more}."
    )


def loss_formula(loss: TokenLoss, token: int) -> str:
    """Return how the loss of one token is computed, with its numbers, and the perplexity of all, as HTML."""
    if not 0 < token < len(loss.tokens):
        return "<p>Nothing stands before the first token, so it has no loss. Select another one.</p>"
    label = html.escape(elide(plain_label(loss.tokens[token]), 16))
    nats, logit, log_sum = (float(part[token]) for part in (loss.losses_nats, loss.logits, loss.log_sums))
    lines = [
        f"loss of “{label}” = −ln p = ln Σ e<sup>logit</sup> − its logit "
        f"= {_signed(log_sum)} − {_bracketed(logit)} = <b>{nats:.4f} nats</b>",
        f"in bits: {nats:.4f} / ln 2 = <b>{nats / BITS:.4f} bits</b>; "
        f"its probability: e<sup>−{nats:.4f}</sup> = <b>{percent_of_loss(nats)}</b>",
        f"perplexity = e<sup>sum of losses / tokens</sup> = e<sup>{loss.total_nats:.2f} / {loss.n_predicted}</sup> "
        f"= <b>{loss.perplexity:,.2f}</b>",
    ]
    return "".join(f'<p class="formula-line">{line}</p>' for line in lines)


def loss_table(loss: TokenLoss, other: TokenLoss) -> str:
    """Return two texts against each other, as HTML."""
    rows = [
        ("tokens with a loss", f"{loss.n_predicted}", f"{other.n_predicted}"),
        *(
            (name, _number(first), _number(second))
            for name, first, second in [
                ("mean loss, nats", loss.mean_nats, other.mean_nats),
                ("mean loss, bits", loss.mean_nats / BITS, other.mean_nats / BITS),
                ("perplexity", loss.perplexity, other.perplexity),
                ("whole text, nats", loss.total_nats, other.total_nats),
                ("bits a character", loss.bits_per_character, other.bits_per_character),
            ]
        ),
    ]
    return f"{numbers_table(('this text', 'the other'), rows)}<p>{_verdict(loss, other)}</p>"


def token_highlight(place: int) -> str:
    """Return which token is selected in a strip."""
    return json.dumps({"step": place} if place >= 0 else {})


def _verdict(loss: TokenLoss, other: TokenLoss) -> str:
    if not loss.n_predicted or not other.n_predicted:
        return "A text of one token has no loss to compare."
    difference = other.total_nats - loss.total_nats
    if abs(difference) < 1e-6:
        return "The model finds both equally likely."
    which, times = ("This text", difference) if difference > 0 else ("The other text", -difference)
    factor = f"e<sup>{times:.2f}</sup>" if times > 15 else f"{math.exp(times):,.2f}"
    return f"{which} is {factor} times as likely as a whole, given its first token."


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:,.3f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:.4f}".replace("-", "−")


def _bracketed(value: float) -> str:
    return f"({_signed(value)})" if value < 0 else _signed(value)


def percent_of_loss(nats: float) -> str:
    """Return the probability that a loss stands for, in percent."""
    value = 100 * math.exp(-nats)
    return f"{value:.2f} %" if value >= 0.1 else f"{value:.2g} %"
