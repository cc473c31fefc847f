"""The next token as it was, and with tokens hidden or the causal mask off."""

import numpy as np
import plotly.graph_objects as go

from playground.records import Candidate, MaskedPrediction, Token
from playground.views.candidate_bars import Bars, draw_candidate_bars
from playground.views.labels import plain_label

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

    def percent(candidates: dict[int, Candidate]) -> list[float | None]:
        return [100 * candidates[id].raw_probability if id in candidates else None for id in ids]

    return draw_candidate_bars(
        [_token((before | after)[id]) for id in ids],
        [Bars("before", "as it was", percent(before)), Bars("chosen", "counterfactual", percent(after))],
        title="probability of the next token, %",
        row_pixels=ROW_PIXELS,
    )


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
