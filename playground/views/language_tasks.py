"""Labels as bars, and the scores against a reference as a table."""

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from playground.records import LabelScore, LanguageTask, ReferenceScore, Token
from playground.records.sizes import say_count
from playground.views.candidate_bars import Bars, draw_candidate_bars
from playground.views.tables import scrolled_table


def task_note(task: LanguageTask) -> str:
    """Return how a task is asked of the model, or why it cannot be; not escaped."""
    return task.absent or task.note


def draw_labels(scores: Sequence[LabelScore]) -> go.Figure:
    """Draw a bar a label: its share of the probability of all labels, in percent."""
    tokens = [Token(at, score.label, score.label) for at, score in enumerate(scores)]
    bars = Bars("chosen", "share among the labels", [100 * score.probability for score in scores])
    return draw_candidate_bars(tokens, [bars], title="share among the labels, %")


def labels_sentence(scores: Sequence[LabelScore]) -> str:
    """Return what the model finds likeliest, with the numbers it is decided by; not escaped."""
    parts = [
        f"“{score.label}” {score.log_prob_nats:.2f} nats over {say_count(len(score.tokens), 'token')}"
        for score in scores
    ]
    return (
        f"Likeliest: “{scores[0].label}”, {100 * scores[0].probability:.0f} % among these labels. "
        f"log P(label | prompt): {'; '.join(parts)}. A label of more tokens has more factors below 1: choose labels of "
        "like length."
    )


def scores_html(scores: Sequence[ReferenceScore]) -> str:
    """Return the table of scores as HTML."""
    rows = (
        f"<tr><th scope='row'>{html.escape(score.name)}</th><td class='number'>{score.value:.1f}</td>"
        f"<td>{html.escape(score.meaning)}</td></tr>"
        for score in scores
    )
    columns = (("measure", False), ("of 100", True), ("what it counts", False))
    return scrolled_table("reference-table", columns, rows)
