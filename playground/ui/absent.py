"""The tabs of instruments that the chosen model has no answer for are marked, with the reason."""

import json

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.behaviours import behaves
from playground.ui.status import AT_ONCE


class AbsentInstruments:
    """Joins the choice of a model to the marks."""

    def __init__(self, backend: Backend, model: gr.Dropdown, tabs: gr.Tabs) -> None:
        """tabs: those of the instruments, each with an instrument's name for its id."""
        self.backend = backend
        self.model = model
        self.labels = {tab.id: tab.label for tab in tabs.children if isinstance(tab, gr.Tab)}
        self.marks = gr.HTML(
            value="",
            html_template="<span></span>",
            **behaves("absent"),
            elem_id="absent-instruments",
        )

    def wire(self, page: gr.Blocks) -> None:
        """Attach the handler."""
        gr.on([page.load, self.model.change], self.on_model, inputs=self.model, outputs=self.marks, **AT_ONCE)

    def on_model(self, model: str) -> str:
        """Return why each instrument that has nothing to show has not, as JSON for the page."""
        try:
            absent = self.backend.absent_instruments(model)
        except PlaygroundError:  # of a model that cannot be loaded the status line speaks
            return "{}"
        return json.dumps({self.labels[name]: reason for name, reason in absent.items()})
