"""The Fill in tab: words are masked, and the model says what could stand there."""

from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.components import build_fill_in, build_heading, no_chart
from playground.ui.session import Session
from playground.ui.status import status_line
from playground.views.fill_in import fill_in_json, fill_sentence

HINT = "Analyse a text with an encoder, then click a word of it to mask it."


@dataclass(frozen=True)
class FillInTab:
    """The components of the tab."""

    name: ClassVar[str] = "Fill in"
    sentence: gr.HTML
    text: gr.HTML
    fill: gr.Button
    undo: gr.Button
    restore: gr.Button

    def outputs(self) -> list[gr.components.Component]:
        """Return what `show` fills."""
        return [self.sentence, self.text, self.fill, self.undo, self.restore]

    def show(self, backend: Backend, session: Session) -> dict[Any, Any]:
        """Return the text with its masks and what could stand there; of a model that fills none, why."""
        try:
            fill = backend.fill_in(session.model, session.text, session.given or session.read)
        except PlaygroundError as error:
            idle = dict.fromkeys((self.fill, self.undo, self.restore), gr.Button(interactive=False))
            return {self.sentence: "", self.text: no_chart(str(error)), **idle}
        return {
            self.sentence: status_line(fill_sentence(fill)),
            self.text: gr.HTML(value=fill_in_json(fill), absent=""),
            self.fill: gr.Button(interactive=bool(fill.masks)),
            self.undo: gr.Button(interactive=bool(session.masked_before)),
            self.restore: gr.Button(interactive=session.given not in (None, session.read)),
        }


def build_fill_in_tab() -> FillInTab:
    """Build the tab's components."""
    with gr.Column(elem_id="panel-fill-in"):
        build_heading(
            "Fill in",
            "An encoder reads the whole text at once, in both directions, and was trained to say what stands at a "
            "mask. Mask as many words as you like: the text above and every other instrument follow.",
        )
        sentence = gr.HTML("", elem_id="fill-sentence")
        text = build_fill_in("fill-in", hint=HINT, place=120)
        with gr.Row(elem_id="fill-actions"):
            fill = gr.Button("Fill every mask", elem_id="fill-all", variant="primary", interactive=False, min_width=150)
            undo = gr.Button("Undo", elem_id="fill-undo", interactive=False, min_width=90)
            restore = gr.Button("The text as it was", elem_id="fill-restore", interactive=False, min_width=150)
    return FillInTab(sentence=sentence, text=text, fill=fill, undo=undo, restore=restore)
