"""The most likely candidates of one step, before and after the filters."""

import plotly.graph_objects as go

from playground.records import Candidate, Step, Token
from playground.views.figure import base_layout
from playground.views.labels import axis_labels, plain_label
from playground.views.palette import SeriesName, series_color

SHOWN = 15
ROW_PIXELS = 30


def shown_candidates(step: Step, most: int = SHOWN) -> tuple[Candidate, ...]:
    """Return the likeliest candidates, and the chosen one last where it is not among them."""
    shown = step.candidates[:most]
    if all(candidate.id != step.chosen.id for candidate in shown):
        shown = (*shown[: most - 1], step.chosen)
    return shown


def draw_step(step: Step, *, most: int = SHOWN) -> go.Figure:
    """Draw two bars a candidate: the model's own probability, and what the filters left of it, in percent."""
    candidates = shown_candidates(step, most)
    names = axis_labels([Token(c.id, c.text, c.label) for c in candidates])
    before = [100 * candidate.raw_probability for candidate in candidates]
    after = [100 * candidate.probability for candidate in candidates]
    chosen = [candidate.id == step.chosen.id for candidate in candidates]
    ids = [candidate.id for candidate in candidates]
    figure = go.Figure(layout=base_layout(height=ROW_PIXELS * len(candidates) + 96, barmode="group", bargap=0.25))
    bars: list[tuple[SeriesName, str, list[float]]] = [
        ("before", "model", before),
        ("after", "after the filters", after),
    ]
    for series, name, values in bars:
        figure.add_bar(
            orientation="h",
            name=name,
            x=values,
            y=names,
            customdata=ids,
            marker={"color": series_color(series), "cornerradius": 2},
            text=[f"{value:.1f}" if value >= 0.05 else ("0" if value == 0 else "<0.1") for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="'%{y}' (id %{customdata}), " + name + ": %{x:.3f} %<extra></extra>",
            meta={"series": series},
        )
    figure.update_layout(
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        meta={"chosen": names[chosen.index(True)], "hover": "plotly"},
    )
    figure.update_xaxes(title="probability, %", rangemode="tozero", zeroline=False, fixedrange=True, automargin=True)
    figure.update_xaxes(range=[0, max(1.0, *before, *after) * 1.12])
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        tickvals=names,
        ticktext=[f"<b>▸ {name}</b>" if is_chosen else name for name, is_chosen in zip(names, chosen, strict=True)],
        ticklen=0,
        automargin=True,
        fixedrange=True,
    )
    return figure


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
