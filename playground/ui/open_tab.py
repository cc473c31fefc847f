"""Instruments that run the model for what they show: only the one that is open is filled, after all else has answered.

So a click is answered at once, and generating is as fast as if they were not there.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.session import Session
from playground.ui.status import PRIVATE, status_line
from playground.ui.visit import Visit

AFTERWARDS: dict[str, Any] = {**PRIVATE, "concurrency_limit": 4, "concurrency_id": "open-tab"}

MOST_ATTEMPTS = 4  # to fill an instrument while its visitor goes on: each change is followed by a filling of its own


class Instrument(Protocol):
    """A tab that follows the text and the selected token."""

    name: ClassVar[str]  # of its tab

    def outputs(self) -> list[gr.components.Component]:
        """Return the components that `show` fills."""
        ...

    def show(self, backend: Backend, session: Session) -> dict[Any, Any]:
        """Return what is shown of a text; an instrument that the model has no answer for says why in its place."""
        ...


class OpenTab:
    """Fills the instrument that is open."""

    def __init__(self, backend: Backend, visit: gr.State, status: gr.HTML, instruments: Sequence[Instrument]) -> None:
        self.backend = backend
        self.visit = visit
        self.status = status
        self.instruments = {instrument.name: instrument for instrument in instruments}

    def follow(self, event: Any) -> None:
        """Fill the open instrument after an event that has changed the text or the selection."""
        filled = [component for instrument in self.instruments.values() for component in instrument.outputs()]
        event.success(self.on_fill, inputs_kwargs={"visit": self.visit}, outputs=[self.status, *filled], **AFTERWARDS)

    def on_fill(self, visit: Visit) -> dict[Any, Any]:
        """Fill the instrument; what has changed while it was computed is computed anew, and never shown as it was."""
        for _ in range(MOST_ATTEMPTS):
            session = visit.session
            instrument = self.instruments.get(visit.open_tab)
            if instrument is None or not session.ids:
                break
            try:
                shown = instrument.show(self.backend, session)
            except PlaygroundError as error:
                shown = {self.status: status_line(str(error), "error")}
            if visit.session is session and visit.open_tab == instrument.name:
                return shown
        return {self.status: gr.skip()}
