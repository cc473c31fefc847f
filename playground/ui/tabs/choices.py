"""The Choices tab: how the selected token was chosen, and how sure the model was all along."""

import html
from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError, Reading
from playground.ui.assets import read_asset
from playground.ui.behaviours import behaves
from playground.ui.components import (
    build_candidates,
    build_chart,
    build_funnel,
    build_heading,
)
from playground.ui.session import Session
from playground.views.candidates import candidates_json
from playground.views.funnel import funnel_json
from playground.views.labels import plain_label
from playground.views.step import describe_step, draw_step
from playground.views.strip import describe_reading, draw_strip, reading_of, strip_highlight, uncertain_json

HINT = "Generate a text, then click one of its tokens to see what else could have come."


@dataclass(frozen=True)
class ChoicesTab:
    """The components of the tab."""

    name: ClassVar[str] = "Choices"
    tabs: gr.Tabs  # that it is one of
    sentence: gr.HTML
    chart: gr.HTML
    candidates: gr.HTML
    funnel: gr.HTML
    whole: gr.HTML
    strip: gr.HTML
    uncertain: gr.HTML
    texts: gr.HTML
    person: gr.Textbox
    read: gr.Button
    person_sentence: gr.HTML
    person_strip: gr.HTML

    def outputs(self) -> list[gr.components.Component]:
        return [
            self.sentence,
            self.chart,
            self.candidates,
            self.funnel,
            self.whole,
            self.strip,
            self.uncertain,
            self.texts,
        ]

    def person_outputs(self) -> list[gr.components.Component]:
        return [self.person_sentence, self.person_strip]

    def show_text(self, backend: Backend, session: Session, *, is_open: bool) -> dict[Any, Any]:
        """Return the tab for a new text; the funnel is filled where the tab `is_open`."""
        shown = self.show_selection(backend, session, is_open=is_open)
        reading = reading_in(backend, session)
        shown[self.texts] = texts_html(session)
        if reading is None:
            return shown | {self.whole: "", self.strip: "", self.uncertain: "[]"}
        what = "What the model wrote" if session.steps else "This text"
        return shown | {
            self.whole: f"<p>{html.escape(describe_reading(reading, what))}</p>",
            self.strip: gr.HTML(value=draw_strip(reading).to_json(), highlight=place_highlight(session)),
            self.uncertain: uncertain_json(reading, session.n_prompt if session.steps else 0),
        }

    def show_selection(self, backend: Backend, session: Session, *, is_open: bool) -> dict[Any, Any]:
        """Return the tab after another token was selected in the same text."""
        step = session.step
        return {
            self.sentence: step_sentence(session),
            self.chart: draw_step(step).to_json() if step else "",
            self.candidates: candidates_json(step),
            self.funnel: self.show_funnel(backend, session) if is_open else gr.skip(),
            self.strip: gr.HTML(highlight=place_highlight(session)),
        }

    def show_funnel(self, backend: Backend, session: Session) -> str:
        """Return the funnel of the selected token, empty where it was given."""
        step, settings = session.step, session.settings
        if step is None or settings is None:
            return ""
        prompt_ids = session.ids[: session.n_source if session.n_target else session.n_prompt]
        written = tuple(one.chosen.id for one in session.steps[: step.index])
        distribution = backend.next_token(session.model, prompt_ids, written, settings)
        return funnel_json(distribution, step, settings)

    def show_person(self, backend: Backend, model: str, text: str) -> dict[Any, Any]:
        """Return what the model thinks of a text that a person wrote."""
        reading = backend.reading(model, text)
        return {
            self.person_sentence: f"<p>{html.escape(describe_reading(reading, 'The pasted text'))}</p>",
            self.person_strip: draw_strip(reading).to_json(),
        }


def build_choices(tabs: gr.Tabs) -> ChoicesTab:
    """Build the tab's components."""
    with gr.Column(elem_id="panel-choices"):
        sentence = gr.HTML(step_sentence(Session()), elem_classes=["caption"])
        with gr.Row(elem_id="choice-row"):
            with gr.Column(scale=5, min_width=320, elem_id="choice-step"):
                chart = build_chart("step", hint=HINT, place=420)
                build_heading(
                    "Take another one",
                    "Click a candidate, here or in the chart, and the model goes on from there; “Back” under the "
                    "text undoes it.",
                )
                candidates = build_candidates("step-candidates", hint=HINT, place=96)
            with gr.Column(scale=6, min_width=320, elem_id="choice-funnel"):
                build_heading(
                    "What each filter left",
                    "Move a slider: this step is filtered anew, without running the model again.",
                )
                funnel = build_funnel("step-funnel", mode="step", hint=HINT, place=380)
    with gr.Column(elem_id="panel-run"):
        build_heading(
            "The whole text",
            "How likely each token was (bars) and how likely an end (line), how unsure the model was, and the "
            "log-probability so far. Click a token to select it.",
        )
        whole = gr.HTML("", elem_classes=["caption"], elem_id="whole")
        strip = build_chart("strip", hint="Generate or analyse a text to see it token by token.", place=330)
        uncertain = gr.HTML(
            value="[]",
            html_template=read_asset("html/uncertain.html"),
            **behaves("uncertain"),
            elem_id="uncertain",
        )
        texts = gr.HTML("", elem_id="texts")
        with gr.Row(elem_id="person-row"):
            person = gr.Textbox(
                "", label="A text by a person", placeholder="Paste a few sentences to compare …", lines=1, max_lines=4,
                elem_id="person", min_width=240, scale=4,
            )  # fmt: skip
            read = gr.Button("Read it", elem_id="read", min_width=100, scale=0)
        person_sentence = gr.HTML("", elem_classes=["caption"], elem_id="person-sentence")
        person_strip = build_chart("person-strip", hint="The same strips for a text that you paste.", place=160)
    return ChoicesTab(
        tabs=tabs,
        sentence=sentence,
        chart=chart,
        candidates=candidates,
        funnel=funnel,
        whole=whole,
        strip=strip,
        uncertain=uncertain,
        texts=texts,
        person=person,
        read=read,
        person_sentence=person_sentence,
        person_strip=person_strip,
    )


def reading_in(backend: Backend, session: Session) -> Reading | None:
    """Return what the model thought of the text on the page, None of a model that expects no token."""
    if session.steps:
        return reading_of(session.steps)
    try:
        return backend.reading(session.model, session.ids)
    except PlaygroundError:
        return None


def place_highlight(session: Session) -> str:
    """Return the selected token's place in the strip."""
    return strip_highlight(session.selected - (session.n_prompt if session.steps else 0))


def texts_html(session: Session) -> str:
    """Return all texts of a run that wrote several, as HTML."""
    if len(session.sequences) < 2:
        return ""
    lines = []
    for sequence in session.sequences:
        score = "" if sequence.score is None else f" <span>score {sequence.score:.3f}</span>"
        lines.append(f"<li>{html.escape(sequence.text)}{score}</li>")
    return f"<h3>All {len(lines)} texts of this run</h3><ol>{''.join(lines)}</ol>"


def step_sentence(session: Session) -> str:
    """Return what the chart shows, in words, as HTML."""
    if not session.ids:
        return "<p>Every generated token was chosen from a list like the one that will appear here.</p>"
    step = session.step
    if step is None:
        token = html.escape(plain_label(session.tokens[session.selected]))
        return f"<p>“{token}” was given, not chosen. Click a token that the model wrote to see its candidates.</p>"
    return f"<p>{html.escape(describe_step(step))}</p>"
