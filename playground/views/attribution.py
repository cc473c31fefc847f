"""Which tokens made a prediction: the methods below each other over the same tokens, and how far they agree."""

import html
import math

import numpy as np
import plotly.graph_objects as go

from playground.records import METHODS, Attribution, AttributionMethod
from playground.views.figure import base_layout, set_axes, strip_axis
from playground.views.labels import axis_labels, plain_label
from playground.views.palette import colorscale

ROW_PIXELS = 44
MOST_NUMBERS = 16  # tokens with their numbers in the cells


def draw_attribution(found: Attribution) -> go.Figure:
    """Draw a row a method and a column a token; a row's colours are shares of its largest score."""
    names = axis_labels(found.tokens)
    rows = [found.scores.get(method, np.full(len(names), np.nan, np.float32)) for method in METHODS]
    most = [float(np.nanmax(np.abs(row), initial=0.0)) or 1.0 for row in rows]
    hover = [
        [_hover(found, method, at, float(score)) for at, score in enumerate(row)]
        for method, row in zip(METHODS, rows, strict=True)
    ]
    has_numbers = len(names) <= MOST_NUMBERS
    figure = go.Figure(
        go.Heatmap(
            z=[
                [None if np.isnan(score) else round(float(score) / top, 5) for score in row]
                for row, top in zip(rows, most, strict=True)
            ],
            x=names,
            y=[method.replace(" × ", " ×<br>").replace("integrated ", "integrated<br>") for method in METHODS],
            text=[["" if np.isnan(score) else _signed(float(score), 2) for score in row] for row in rows],
            texttemplate="%{text}" if has_numbers else "",
            textfont={"size": 11},
            customdata=hover,
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=True,
            zmin=-1,
            zmax=1,
            colorscale=colorscale("difference"),
            showscale=False,
            xgap=1,
            ygap=4,
            meta={"scale": "difference"},
        ),
        base_layout(height=ROW_PIXELS * len(METHODS) + 90, meta={"hover": "plotly", "strip": True}),
    )
    methods = {
        "type": "category",
        "autorange": "reversed",
        "ticklen": 0,
        "automargin": True,
        "fixedrange": True,
        "showgrid": False,
    }
    return set_axes(figure, strip_axis(names, side="top", ticklen=0), methods)


def attribution_sentence(found: Attribution) -> str:
    """Return what was predicted, and which token counted most by each method; not escaped."""
    said = []
    for method in METHODS:
        if method in found.scores and not np.isnan(found.scores[method]).all():
            at = int(np.nanargmax(np.abs(found.scores[method])))
            score = _signed(float(found.scores[method][at]))
            said.append(f"by {method} “{plain_label(found.tokens[at])}” (token {at}, {score} nats)")
    predicted = f"“{plain_label(found.predicted)}” (token {found.predicted_at}) has {_percent(found.log_prob)}."
    return f"{predicted} Most counted {'; '.join(said)}."


def progress_sentence(found: Attribution) -> str:
    """Return how far it is, and whether integrated gradients add up; not escaped."""
    if found.completeness is None:
        return f"Leaving out one by one: {found.n_left_out} of {found.n_inputs} tokens."
    complete = found.completeness
    said = (
        f"Integrated gradients add up to {_signed(complete.sum_nats)} nats in {complete.n_steps} steps; the "
        f"log-probability differs by {_signed(complete.difference_nats)} from the baseline's "
        f"{_signed(complete.baseline_log_prob)}: an error of {complete.error_nats:.4f} nats"
    )
    share = complete.error_nats / max(abs(complete.difference_nats), 1e-9)
    wrong = "; too large to trust: the gradients jump on the way" if share > 0.05 and found.is_complete else ""
    return f"{said} ({100 * share:.2g} %){wrong}."


def agreement_table(found: Attribution) -> str:
    """Return the rank correlation of each method with each other, as HTML."""
    agreement = found.agreement
    absent = "".join(
        f"<p>There is no {html.escape(method)} here: {html.escape(reason)}</p>"
        for method, reason in found.absent.items()
    )
    if len(agreement.methods) < 2:
        return absent
    if np.isnan(agreement.correlations).all():
        return absent + "<p>Too few tokens, or all alike: how far the methods agree cannot be said.</p>"
    head = "".join(f'<th class="number">{html.escape(method)}</th>' for method in agreement.methods)
    rows = "".join(
        f"<tr><th>{html.escape(method)}</th>"
        + "".join(f'<td class="number">{_correlation(float(value))}</td>' for value in row)
        + "</tr>"
        for method, row in zip(agreement.methods, agreement.correlations, strict=True)
    )
    return (
        f"{absent}<p>Do they agree? Rank correlation (Spearman) over {agreement.n_tokens} tokens: 1 is the same order, "
        f"0 none, −1 the reverse.</p><div class='numbers-scroll'><table class='numbers-table'><tr><th></th>{head}</tr>"
        f"{rows}</table></div>"
    )


def _hover(found: Attribution, method: AttributionMethod, at: int, score: float) -> str:
    """Return what is said of a cell, with plotly's own markup; tokens are escaped."""
    token = f"“{html.escape(plain_label(found.tokens[at]), quote=False)}” (token {at})"
    if not math.isnan(score):
        return f"<b>{method}</b><br>{token}: {_signed(score, 4)} nats"
    if method in found.absent:
        return f"<b>{method}</b><br>not to be had here"
    return f"{token}<br>" + ("not measured yet" if at < found.n_inputs else "comes later: it cannot count")


def _signed(value: float, digits: int = 3) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _correlation(value: float) -> str:
    return "–" if math.isnan(value) else _signed(value, 2)


def _percent(log_prob: float) -> str:
    value = 100 * math.exp(log_prob)
    return f"{value:.1f} %" if value >= 0.1 else f"{value:.1g} %"
