"""A training as it goes: loss curve and gradient by layer; losses and probabilities before and after."""

import html
import math

import plotly.graph_objects as go

from playground.records import TokenLoss, TrainedLoss, Training, TrainingPlan, shown_name
from playground.records.sizes import say_bytes, say_count
from playground.views.figure import base_layout
from playground.views.labels import plain_label
from playground.views.palette import series_color
from playground.views.tables import numbers_table
from playground.views.token_loss import percent_of_loss

NAMES = ("the model", "the trained copy")
METHODS = {"full": "All its weights are trained", "lora": "LoRA adapters are trained beside its weights, which stay"}


def plan_sentence(plan: TrainingPlan) -> str:
    """Return what would be trained, and what it takes; not escaped."""
    share = plan.n_trained / max(1, plan.n_parameters)
    percent = "" if plan.method == "full" else f", {100 * share:.2g} % of it"
    return (
        f"A copy of {shown_name(plan.model)} ({plan.n_parameters:,} weights). {METHODS[plan.method]}: "
        f"{plan.n_trained:,}{percent} ({plan.why}). It takes {say_bytes(plan.n_bytes)} of the "
        f"{say_bytes(plan.room_bytes)} of memory for models here, and goes when you leave."
    )


def progress_html(training: Training) -> str:
    """Return a bar and a sentence about how far a training is, as HTML."""
    bar = (
        f'<progress class="picker-progress" max="{training.n_wanted}" value="{training.n_done}" '
        f'aria-label="steps taken"></progress>'
    )
    return f"{bar}<p>{html.escape(training_sentence(training))}</p>"


def training_sentence(training: Training) -> str:
    """Return how far a training is, or how it ended; not escaped."""
    n_done = training.n_done
    steps = say_count(n_done, "step")
    if training.state == "diverged":
        return (
            f"The loss was not a number any more, so the last step was undone: the copy is as after {steps}. "
            "Take a smaller learning rate."
        )
    if not n_done:
        return "You stopped it before the first step."
    last = float(training.losses_nats[-1])
    if training.state == "running":
        norm = training.gradient_norms[-1]
        return f"Step {n_done} of {training.n_wanted}: loss {last:.3f} nats, length of the gradient {norm:.3g}."
    stopped = "You stopped it. " if training.state == "stopped" else ""
    return (
        f"{stopped}{steps} on {say_count(training.n_sequences, 'sequence')} "
        f"({say_count(training.n_tokens, 'token')}), the last ones in {training.duration_s:.1f} s. The "
        f"last step took the loss of what it read from {last:.3f} to {training.loss_after_nats:.3f} nats."
    )


def draw_training_curve(training: Training) -> go.Figure:
    """Draw the loss of each step's sequences before its update, and behind the last that after it."""
    losses = [float(loss) for loss in training.losses_nats]
    if math.isfinite(training.loss_after_nats):
        losses.append(training.loss_after_nats)
    figure = go.Figure(
        go.Scatter(
            x=list(range(len(losses))),
            y=losses,
            mode="lines+markers" if len(losses) <= 60 else "lines",
            line={"width": 2, "color": series_color("after")},
            marker={"size": 5, "color": series_color("after")},
            meta={"series": "after"},
            hovertemplate="after %{x} steps: %{y:.4f} nats<extra></extra>",
        ),
        base_layout(height=260, showlegend=False, meta={"hover": "plotly"}),
    )
    top = max(losses, default=1.0)
    figure.update_xaxes(
        title="steps taken", range=[-0.02 * training.n_wanted - 0.2, 1.02 * training.n_wanted + 0.2], fixedrange=True,
        zeroline=False, automargin=True, tickformat="d", nticks=8,
    )  # fmt: skip
    figure.update_yaxes(
        title="loss, nats", range=[0, 1.06 * max(top, 1e-3)], fixedrange=True, zeroline=False, automargin=True
    )
    return figure


def draw_gradient(training: Training) -> go.Figure:
    """Draw the length of the gradient of each part of the model in the last step, the first part at the top."""
    names = [html.escape(part, quote=False) for part in training.parts]
    figure = go.Figure(
        go.Bar(
            orientation="h",
            x=[float(norm) for norm in training.part_norms],
            y=names,
            marker={"color": series_color("after"), "cornerradius": 2},
            meta={"series": "after"},
            hovertemplate="%{y}: %{x:.4g}<extra></extra>",
        ),
        base_layout(height=max(200, 19 * len(names) + 70), bargap=0.2, showlegend=False, meta={"hover": "plotly"}),
    )
    figure.update_xaxes(
        title="length of the gradient, last step", rangemode="tozero", zeroline=False, fixedrange=True, automargin=True
    )
    figure.update_yaxes(
        type="category", autorange="reversed", tickvals=names, ticktext=names, ticklen=0, automargin=True,
        fixedrange=True,
    )  # fmt: skip
    return figure


def losses_table(
    text: tuple[TrainedLoss, TrainedLoss], page: tuple[TokenLoss, TokenLoss] | None, token: int, reason: str = ""
) -> str:
    """Return losses and perplexities before and after as HTML; of the page's text, and of its selected token, too.

    reason: why there are none of the page's text
    """
    before, after = text
    rows = [
        ("text trained on: loss, nats", f"{before.mean_nats:.3f}", f"{after.mean_nats:.3f}"),
        ("text trained on: perplexity", f"{before.perplexity:,.2f}", f"{after.perplexity:,.2f}"),
    ]
    if page is not None and page[0].n_predicted:
        rows += [
            ("page’s text: loss, nats", *(f"{loss.mean_nats:.3f}" for loss in page)),
            ("page’s text: perplexity", *(f"{loss.perplexity:,.2f}" for loss in page)),
        ]
        if 0 < token < len(page[0].tokens):
            label = html.escape(plain_label(page[0].tokens[token]))
            shares = [percent_of_loss(float(loss.losses_nats[token])) for loss in page]
            rows.append((f"token {token}, “{label}”: probability", *shares))
    note = f"<p>{html.escape(reason)}</p>" if reason else ""
    return f'<div class="numbers-scroll">{numbers_table(NAMES, rows)}</div>{note}'
