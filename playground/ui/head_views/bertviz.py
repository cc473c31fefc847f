"""BertViz's head view of the selected layer and model view of several, offline and in a sandbox."""

import html
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.components import build_frame
from playground.ui.head_views.base import HINT
from playground.ui.session import Session
from playground.views.bertviz import check_lines, draw_head_view, draw_model_view, most_layers

HEAD_VIEW, MODEL_VIEW = "head view: one layer", "model view: several layers"


class BertvizPanel:
    """A choice of view and of layers, a note and the frame."""

    name = "bertviz"
    title = "BertViz"

    def build(self) -> None:
        with gr.Row(elem_id="bertviz-options"):
            self.view = gr.Radio(
                [HEAD_VIEW, MODEL_VIEW], value=HEAD_VIEW, label="View", elem_id="bertviz-view", min_width=230
            )
            self.first, self.last = (
                gr.Dropdown(
                    [0], value=0, label=f"{which} layer", elem_id=f"bertviz-{which.lower()}", min_width=90,
                    filterable=False, visible=False,
                )
                for which in ("First", "Last")
            )  # fmt: skip
        self.note = gr.HTML("", elem_classes=["caption"], elem_id="bertviz-note")
        self.frame = build_frame("bertviz", hint=HINT, place=520)

    def outputs(self) -> list[gr.components.Component]:
        return [self.note, self.frame, self.first, self.last]

    def changes(self) -> list[Callable[..., Any]]:
        """Return the events after which `chosen` is asked."""
        return [self.view.input, self.first.input, self.last.input]

    def options(self) -> dict[str, gr.components.Component]:
        """Return the components that decide what is shown, by the names of `chosen`."""
        return {"view": self.view, "first": self.first, "last": self.last}

    def chosen(self, session: Session, view: str, first: int, last: int) -> Session:
        """Return the session with another view, or other layers of it."""
        if view != MODEL_VIEW:
            return replace(session, bertviz_model=False)
        # When it is opened, the layers are those that fit
        layers = (int(first), int(last)) if session.bertviz_model else None
        return replace(session, bertviz_model=True, bertviz_layers=layers)

    def show(self, backend: Backend, session: Session) -> list[object]:
        if not session.bertviz_model:
            note, frame = head_view(backend, session)
            return [note, frame, *(gr.Dropdown(visible=False) for _ in range(2))]
        n_heads = session.shape.n_heads
        first, last = shown_layers(session, n_heads)
        try:
            check_lines(last + 1 - first, n_heads, longest_side(session))  # before anything is computed
            note, frame = model_view(backend, session, range(first, last + 1))
        except PlaygroundError as error:
            note, frame = f"<p>{html.escape(str(error))}</p>", ""
        choices = [(str(number), place) for place, number in enumerate(session.layers)]
        return [note, frame, *(gr.Dropdown(choices=choices, value=at, visible=True) for at in (first, last))]


def longest_side(session: Session) -> int:
    """Return the number of tokens of the longer of what looks and what is looked at."""
    return max(len(session.queries), len(session.keys))


def shown_layers(session: Session, n_heads: int) -> tuple[int, int]:
    """Return the first and the last layer of the model view: those chosen, else as many as fit from the first on."""
    end = len(session.layers) - 1
    if session.bertviz_layers is None:
        return 0, max(0, min(end, most_layers(n_heads, longest_side(session)) - 1))
    first, last = sorted(max(0, min(place, end)) for place in session.bertviz_layers)
    return first, last


def head_view(backend: Backend, session: Session) -> tuple[str, str]:
    """Return the note, as HTML, and the frame of the selected layer."""
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
    note = f"<p>Layer {session.layer_number}, drawn by BertViz. {html.escape(note)}</p>"
    return note, frame_value(view.page, view.height)


def model_view(backend: Backend, session: Session, places: range) -> tuple[str, str]:
    """Return the note, as HTML, and the frame of some layers."""
    maps = [backend.layer_maps(session.model, session.text, place, session.kind) for place in places]
    numbers = [session.layers[place] for place in places]
    view = draw_model_view(maps, numbers)
    layers = f"Layer {numbers[0]}" if len(numbers) == 1 else f"Layers {numbers[0]} to {numbers[-1]}"
    note = f"<p>{layers}, drawn by BertViz: a row a layer, a column a head. Click a head to see it large.</p>"
    return note, frame_value(view.page, view.height)


def frame_value(page: str, height: int) -> str:
    """Return the value of a frame."""
    # "<" as an escape: gradio warns of every value with a script tag in it
    return json.dumps({"page": page, "height": height}).replace("<", "\\u003c")
