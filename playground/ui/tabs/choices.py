"""The Choices tab: the candidates of the selected step, before and after the filters."""

import html
from dataclasses import dataclass

import gradio as gr

from playground.ui.components import build_chart
from playground.ui.session import Session
from playground.views.labels import plain_label
from playground.views.step import describe_step, draw_step


@dataclass(frozen=True)
class ChoicesTab:
    """The components of the tab."""

    sentence: gr.HTML
    chart: gr.HTML

    def outputs(self) -> list[gr.components.Component]:
        return [self.sentence, self.chart]


def build_choices() -> ChoicesTab:
    """Build the tab's components."""
    with gr.Column(elem_id="panel-choices"):
        sentence = gr.HTML(step_sentence(Session()), elem_classes=["caption"])
        chart = build_chart(
            "step", hint="Generate a text, then click one of its tokens to see what else could have come.", place=420
        )
    return ChoicesTab(sentence, chart)


def step_sentence(session: Session) -> str:
    """Return what the chart shows, in words, as HTML."""
    if not session.ids:
        return "<p>Every generated token was chosen from a list like the one that will appear here.</p>"
    step = session.step
    if step is None:
        token = html.escape(plain_label(session.tokens[session.selected]))
        return f"<p>“{token}” was given, not chosen. Click a token that the model wrote to see its candidates.</p>"
    return f"<p>{html.escape(describe_step(step))}</p>"


def show_choices(session: Session) -> list[object]:
    """Return the values of `outputs()` for the selected token."""
    step = session.step
    return [step_sentence(session), draw_step(step).to_json() if step else ""]
