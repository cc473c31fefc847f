"""The picker: a dialog with all models that can be chosen, which loads one with its progress in sight."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.models import catalogue
from playground.records import PlaygroundError, shown_name
from playground.ui.assets import read_asset
from playground.ui.behaviours import behaves
from playground.ui.cancellations import Cancellations
from playground.ui.fields import sent
from playground.ui.status import AT_ONCE, PRIVATE, STREAM_INTERVAL_S, on_leaving
from playground.views.model_list import (
    found_json,
    load_failed_json,
    model_list_json,
    progress_json,
    search_failed_json,
)

# As many loadings and searches of all visitors at a time; programs share the first (playground/api/endpoints.py)
LOADS: dict[str, Any] = {**PRIVATE, "concurrency_limit": 4, "concurrency_id": "loads"}
SEARCHES: dict[str, Any] = {**PRIVATE, "concurrency_limit": 4, "concurrency_id": "searches"}
MOST_BROUGHT = 50  # models of one visitor that the list keeps


def build_picker(backend: Backend) -> gr.HTML:
    """Build the button and its dialog.

    models, found, progress = JSON from views.model_list. Fires `input` with {words}, `submit` with {model, token},
    and `stop`. The token is in no component's value: it goes to the server with the model that it is for.
    """
    known = catalogue.well_known()
    bundled = {name: catalogue.description_of(name) for name in catalogue.bundled_names()}
    return gr.HTML(
        value="",
        models=model_list_json(backend.models(), bundled, known, backend.folders(), backend.allowance()),
        found="",
        progress="",
        html_template=read_asset("html/picker.html"),
        **behaves("picker"),
        elem_id="picker",
    )


class Picker:
    """Joins the picker to the list that holds the chosen model."""

    def __init__(self, backend: Backend, picker: gr.HTML, model: gr.Dropdown) -> None:
        self.backend = backend
        self.picker = picker
        self.model = model
        self.cancellations = Cancellations()
        self.brought = gr.State((), delete_callback=self.on_gone)  # the names of what this visitor has brought

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        self.picker.submit(
            self.on_choose,
            inputs_kwargs={"brought": self.brought},
            outputs=[self.picker, self.model, self.brought],
            trigger_mode="multiple",
            **LOADS,
        )
        self.picker.input(self.on_search, outputs=self.picker, trigger_mode="multiple", **SEARCHES)
        self.picker.stop(self.on_stop, **AT_ONCE)
        on_leaving(page, self.on_stop)

    def on_choose(self, request: gr.Request, brought: tuple[str, ...], event: gr.EventData) -> Iterator[dict[Any, Any]]:
        """Load what was chosen and choose it; until it is there, and where it fails, the earlier one stays."""
        name, token = text_of(event, "model"), text_of(event, "token")
        visitor = str(request.session_hash)
        switch = self.cancellations.begin(visitor)
        try:
            opened = name
            for progress in self.backend.open(name, token or None, switch, STREAM_INTERVAL_S):
                opened = progress.model
                if progress.stage != "ready":
                    yield {self.picker: gr.HTML(progress=progress_json(progress))}
                    continue
                if opened not in self.backend.models():
                    brought = (*(one for one in brought if one != opened), opened)[-MOST_BROUGHT:]
                choices = [(shown_name(one), one) for one in (*self.backend.models(), *brought)]
                yield {
                    self.picker: gr.HTML(progress=progress_json(progress)),
                    self.model: gr.Dropdown(choices, value=opened),
                    self.brought: brought,
                }
        except PlaygroundError as error:
            yield {self.picker: gr.HTML(progress=load_failed_json(name, error))}
        finally:
            self.cancellations.end(visitor, switch)

    def on_search(self, event: gr.EventData) -> gr.HTML:
        """Show what the Hub has under a part of a name."""
        words = text_of(event, "words")
        try:
            return gr.HTML(found=found_json(words, self.backend.search_hub(words)))
        except PlaygroundError as error:
            return gr.HTML(found=search_failed_json(words[:200], error))

    def on_stop(self, request: gr.Request) -> None:
        """End this visitor's loading; what has come of a download is kept for the next time."""
        self.cancellations.cancel(str(request.session_hash))

    def on_gone(self, brought: tuple[str, ...]) -> None:
        """Forget the gated models of a visitor who has left, with their token."""
        for name in brought:
            self.backend.forget(name)


def text_of(event: gr.EventData, name: str) -> str:
    """Return a text that the browser sent; anything else, which anybody can send, counts as none."""
    given = sent(event, name)
    return given if isinstance(given, str) else ""
