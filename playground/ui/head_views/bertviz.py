"""BertViz's head view of the selected layer, offline and in a sandbox."""

import html
import json

import gradio as gr

from playground.backends.protocol import Backend
from playground.ui.components import build_frame
from playground.ui.head_views.base import HINT
from playground.ui.session import Session
from playground.views.bertviz import draw_head_view


class BertvizPanel:
    """A note and the frame."""

    name = "bertviz"
    title = "BertViz"

    def build(self) -> None:
        self.note = gr.HTML("", elem_classes=["caption"])
        self.frame = build_frame("bertviz", hint=HINT, place=520)

    def outputs(self) -> list[gr.components.Component]:
        return [self.note, self.frame]

    def show(self, backend: Backend, session: Session) -> list[object]:
        maps = backend.layer_maps(session.model, session.text, session.layer, session.kind)
        view = draw_head_view(maps, center=session.query)
        note = "Click a coloured square to switch a head off or on, double-click to see it alone; point at a token."
        if view.last - view.first < view.n_tokens or view.n_keys_left_out:
            note = (
                f"BertViz draws a line for each head and pair of tokens, too many for the whole text: here are tokens "
                f"{view.first} to {view.last - 1} of {view.n_tokens}. " + note
            )
            if session.kind == "cross" and view.n_keys_left_out:
                note = f"{view.n_keys_left_out} tokens of the source are left out. " + note
        # "<" as an escape: gradio warns of every value with a script tag in it
        frame = json.dumps({"page": view.page, "height": view.height}).replace("<", "\\u003c")
        return [f"<p>Layer {session.layer_number}, drawn by BertViz. {html.escape(note)}</p>", frame]
