"""Inside a head: how one row of weights comes about, step by step, with the model's own numbers."""

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.behaviours import behaves
from playground.ui.components import place_kept
from playground.ui.session import Session
from playground.views.inside_head import inside_head_json


class InsidePanel:
    """The arithmetic of the selected head at the selected position."""

    name = "inside"
    title = "Inside the head"

    def build(self) -> None:
        self.steps = gr.HTML(
            value="",
            html_template=place_kept(
                "html/inside.html", "Generate or analyse a text, and a head's arithmetic appears here.", 520
            ),
            **behaves("inside"),
            elem_id="inside-head",
        )

    def outputs(self) -> list[gr.components.Component]:
        return [self.steps]

    def show(self, backend: Backend, session: Session) -> list[object]:
        try:
            row = backend.query_key(
                session.model, session.text, session.layer, session.head, session.query, session.kind
            )
        except PlaygroundError as error:  # the other views of this model work all the same
            return [inside_head_json(None, message=str(error))]
        return [inside_head_json(row, causal=session.is_causal)]
