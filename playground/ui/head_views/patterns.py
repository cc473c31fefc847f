"""What every head does in this text: a table of pattern scores, and a sentence on the selected head."""

import html
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import HeadPatterns, describe, shown_name
from playground.ui.behaviours import behaves
from playground.ui.components import place_kept
from playground.ui.head_views.save import Save
from playground.ui.session import Session
from playground.views.export import ExportedFile, export_patterns
from playground.views.patterns import patterns_table

HINT = "Generate or analyse a text, and what its heads do appears here as scores."
THIS_TEXT, REPEATED = "this text", "repeated random tokens"


class PatternsPanel:
    """The table of all heads."""

    name = "patterns"
    title = "Patterns"

    def build(self) -> None:
        self.source = gr.Radio(
            [THIS_TEXT, REPEATED],
            value=THIS_TEXT,
            label="Scores of",
            info="On random tokens that come several times, a head can only find what stood there before: induction.",
            elem_id="patterns-source",
        )
        self.sentence = gr.HTML("", elem_classes=["caption"], elem_id="pattern-sentence")
        self.table = gr.HTML(
            value="",
            highlight="{}",
            html_template=place_kept("html/patterns.html", HINT, 520),
            **behaves("patterns"),
            elem_id="patterns",
        )

        self.save = gr.Button("Save the table as CSV", size="sm", min_width=120, elem_id="save-patterns")

    def saves(self) -> list[Save]:
        """Return the button that saves the table."""
        return [Save(self.save, export_of)]

    def outputs(self) -> list[gr.components.Component]:
        return [self.sentence, self.table]

    def changes(self) -> list[Callable[..., Any]]:
        """Return the events after which `chosen` is asked."""
        return [self.source.input]

    def options(self) -> dict[str, gr.components.Component]:
        """Return the components that decide what is shown, by the names of `chosen`."""
        return {"source": self.source}

    def chosen(self, session: Session, source: str) -> Session:
        """Return the session with another text to score."""
        return replace(session, repeated_patterns=source == REPEATED)

    def show(self, backend: Backend, session: Session) -> list[object]:
        patterns = patterns_of(backend, session)
        where = "on repeated random tokens" if session.repeated_patterns else "in this text"
        sentence = describe(patterns.of(session.layer, session.head))
        return [
            f"<p><b>Layer {session.layer_number}, head {session.head}</b>, {where}: {html.escape(sentence)}</p>",
            gr.HTML(
                value=patterns_table(patterns),
                highlight=json.dumps({"layer": session.layer, "head": session.head}),
            ),
        ]


def patterns_of(backend: Backend, session: Session) -> HeadPatterns:
    """Return the scores of the text that was chosen for them."""
    if session.repeated_patterns:
        return backend.repeated_patterns(session.model, session.kind)
    return backend.head_patterns(session.model, session.text, session.kind)


def export_of(backend: Backend, session: Session) -> ExportedFile:
    """Return the table that is shown as a file."""
    text_name = "repeated-tokens" if session.repeated_patterns else "this-text"
    return export_patterns(patterns_of(backend, session), shown_name(session.model), text_name)
