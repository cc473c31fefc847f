"""The Model tab: what the chosen model is, in numbers and as a diagram."""

from collections.abc import Callable

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.status import AT_ONCE, status_line
from playground.views.model_card import model_card_html


def build_model_card() -> gr.HTML:
    """Build the place of the card."""
    with gr.Column(elem_id="panel-model"):
        return gr.HTML(status_line("The model is being loaded …", "busy"), elem_id="model-card")


def wire_model_card(backend: Backend, page: gr.Blocks, model: gr.Dropdown, card: gr.HTML) -> None:
    """Let the card follow the chosen model."""
    gr.on([page.load, model.change], show_card(backend), inputs=model, outputs=card, **AT_ONCE)


def show_card(backend: Backend) -> Callable[[str], str]:
    """Return what makes the card of a model as HTML."""

    def shown(model: str) -> str:
        try:
            return model_card_html(backend.model_card(model))
        except PlaygroundError as error:
            return status_line(str(error), "error")

    return shown
