"""The most likely candidates of one step, before and after the filters."""

from collections.abc import Sequence

import plotly.graph_objects as go

from playground.records import Candidate, Step, Token
from playground.views.candidate_bars import Bars, draw_candidate_bars
from playground.views.labels import axis_labels, plain_label

SHOWN = 15


def shown_candidates(step: Step, most: int = SHOWN) -> Sequence[Candidate]:
    """Return the likeliest candidates, and the chosen one last where it is not among them."""
    shown = step.candidates[:most]
    if all(candidate.id != step.chosen.id for candidate in shown):
        shown = (*shown[: most - 1], step.chosen)
    return shown


def draw_step(step: Step, *, most: int = SHOWN) -> go.Figure:
    """Draw two bars a candidate: the model's own probability, and what the filters left of it, in percent."""
    candidates = shown_candidates(step, most)
    before = [100 * candidate.raw_probability for candidate in candidates]
    after = [100 * candidate.probability for candidate in candidates]
    bars = [Bars("before", "model", before), Bars("after", "after the filters", after)]
    tokens = [Token(candidate.id, candidate.text, candidate.label) for candidate in candidates]
    figure = draw_candidate_bars(tokens, bars)
    for at, (_, name, values) in enumerate(bars):
        figure.update_traces(
            selector=at,
            customdata=[candidate.id for candidate in candidates],
            text=[_in_percent(value) for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="'%{y}' (id %{customdata}), " + name + ": %{x:.3f} %<extra></extra>",
        )
    names = axis_labels(tokens)
    chosen = [candidate.id == step.chosen.id for candidate in candidates]
    figure.layout.meta = {"chosen": names[chosen.index(True)], "hover": "plotly", "step": step.index}
    figure.layout.xaxis.range = [0, max(1.0, *before, *after) * 1.12]
    figure.layout.yaxis.ticktext = [
        f"<b>▸ {name}</b>" if is_chosen else name for name, is_chosen in zip(names, chosen, strict=True)
    ]
    return figure


def _in_percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}" if value >= 0.05 else "0" if value == 0 else "<0.1"


def describe_step(step: Step) -> str:
    """Return the step in one plain sentence, for the page and for screen readers; not escaped."""
    kept = "one candidate" if step.n_kept == 1 else f"{step.n_kept:,} candidates"
    token = plain_label(step.token)
    if step.by_hand:
        return (
            f"Step {step.index + 1}: “{token}” was chosen by hand. The model gave it "
            f"{100 * step.chosen.raw_probability:.1f} %, its number {step.rank:,} of all tokens. "
            f"Entropy {step.entropy_bits:.2f} bits."
        )
    return (
        f"Step {step.index + 1}: the model gave “{token}” {100 * step.chosen.raw_probability:.1f} %, "
        f"its number {step.rank:,} of all tokens; the filters left {kept}, and “{token}” had "
        f"{100 * step.chosen.probability:.1f} % among them. Entropy {step.entropy_bits:.2f} bits."
    )
