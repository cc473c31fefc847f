"""The next token as it was, and with tokens hidden or the causal mask off."""

import numpy as np
import plotly.graph_objects as go

from playground.records import Candidate, MaskedPrediction, Token
from playground.views.figure import base_layout
from playground.views.labels import axis_labels, plain_label
from playground.views.palette import SeriesName, series_color

SHOWN = 10
ROW_PIXELS = 26
_BLIND = {
    "encoder": "neither the encoder nor the decoder sees",
    "cross": "the decoder does not see (though the other tokens of the source do)",
}


def draw_masked_prediction(prediction: MaskedPrediction) -> go.Figure:
    """Draw two bars a candidate: what the model predicts after the text, and what it would predict, in percent.

    A candidate that is not among the likeliest of one of the two has no bar there: its probability is not known.
    """
    before = {candidate.id: candidate for candidate in prediction.original_candidates[:SHOWN]}
    after = {candidate.id: candidate for candidate in prediction.candidates[:SHOWN]}
    ids = list(before | after)
    names = axis_labels([_token((before | after)[id]) for id in ids])
    bars: list[tuple[SeriesName, str, dict[int, Candidate]]] = [
        ("before", "as it was", before),
        ("chosen", "counterfactual", after),
    ]
    figure = go.Figure(layout=base_layout(height=ROW_PIXELS * len(ids) + 96, barmode="group", bargap=0.25))
    for series, name, candidates in bars:
        figure.add_bar(
            orientation="h",
            name=name,
            x=[100 * candidates[id].raw_probability if id in candidates else None for id in ids],
            y=names,
            marker={"color": series_color(series), "cornerradius": 2},
            hovertemplate="'%{y}' " + name + ": %{x:.2f} %<extra></extra>",
            meta={"series": series},
        )
    figure.update_layout(
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        meta={"hover": "plotly"},
    )
    figure.update_xaxes(title="probability of the next token, %", rangemode="tozero", fixedrange=True, automargin=True)
    figure.update_yaxes(
        type="category", autorange="reversed", tickvals=names, ticktext=names, ticklen=0, automargin=True,
        fixedrange=True,
    )  # fmt: skip
    return figure


def leak_sentence(prediction: MaskedPrediction) -> str:
    """Return what was changed and how the loss of the text's own tokens changed; not escaped."""
    changes = []
    if prediction.mask_off:
        changes.append("every token sees those after it")
    if prediction.hidden:
        hidden = list(zip(prediction.hidden, prediction.hidden_tokens, strict=True))
        names = [f"“{plain_label(token)}” ({place})" for place, token in hidden[:4]]
        more = f" and {len(prediction.hidden) - 4} more" if len(prediction.hidden) > 4 else ""
        changes.append(f"{_BLIND.get(prediction.kind, 'nobody sees')} {', '.join(names)}{more}")
    if len(prediction.tokens) == 1:
        return f"In all layers {' and '.join(changes)}."
    before, after = (float(np.nanmean(losses)) for losses in (prediction.original_loss_nats, prediction.loss_nats))
    sentence = (
        f"In all layers {' and '.join(changes)}: the mean loss of {_whose(prediction)} goes from {before:.2f} to "
        f"{after:.2f} nats a token."
    )
    if prediction.mask_off:
        sentence += " Each token's answer was before its eyes: a low loss now would be a leak, not skill."
    return sentence


def _whose(prediction: MaskedPrediction) -> str:
    return "this text's tokens" if prediction.kind == "self" else "the tokens of what was written"


def _token(candidate: Candidate) -> Token:
    return Token(candidate.id, candidate.text, candidate.label)
