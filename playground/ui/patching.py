"""What happens where activations are swapped between two texts."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.fields import choice_of
from playground.ui.latest import latest_counts
from playground.ui.selection import place_in
from playground.ui.session import Patched
from playground.ui.status import PRIVATE, RUNS_MODEL, says_errors
from playground.ui.stoppable import Stoppable
from playground.ui.tabs.inside import other_text
from playground.ui.tabs.patching import PARTS, PatchingPanel
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit, in_turn
from playground.ui.what_if import check_text
from playground.ui.written import place_in_written


class Patching:
    """Joins the panel to the backend."""

    def __init__(self, backend: Backend, visit: gr.State, panel: TextPanel, patching: PatchingPanel) -> None:
        self.backend = backend
        self.visit = visit
        self.status = panel.status
        self.panel = patching
        self.measuring = Stoppable(panel.status, patching.measure, patching.stop)

    def wire(self, page: gr.Blocks, shown: Sequence[Any]) -> None:
        """Attach every handler. shown: what happens when another text has come."""
        panel = self.panel
        gr.on(
            [panel.measure.click, panel.other.submit],
            self.on_measure,
            inputs_kwargs={"visit": self.visit, "other": panel.other, "part": panel.part},
            outputs=[*self.measuring.outputs(), *panel.outputs()],
            **RUNS_MODEL,
        )
        panel.map.select(
            self.on_cell,
            inputs_kwargs={"visit": self.visit},
            outputs=[self.status, panel.map, panel.prediction],
            **PRIVATE,
        )
        for event in shown:
            event.success(
                self.on_text, inputs_kwargs={"visit": self.visit}, outputs=[self.status, *panel.outputs()], **PRIVATE
            )
        self.measuring.wire(page)

    @in_turn
    def on_text(self, visit: Visit) -> dict[Any, Any]:
        """Another text has come: a map of the one before goes."""
        session, patched = visit.session, visit.session.patched
        if patched is None or (patched.model, patched.text) == (session.model, session.text):
            return {self.status: gr.skip()}
        visit.session = replace(session, patched=None)
        return dict.fromkeys(self.panel.outputs(), "")

    def on_measure(self, request: gr.Request, visit: Visit, other: str, part: str) -> Iterator[dict[Any, Any]]:
        """Swap each activation in turn; what is measured stays when it is stopped."""
        panel, session = self.panel, visit.session

        def work(switch: threading.Event) -> Iterator[dict[Any, Any]]:
            check_text(session)
            second = other_text(self.backend, session, str(other))
            place = max(0, place_in_written(session))
            patched = Patched(session.model, session.text, second, place, choice_of(part, PARTS))
            yield {panel.sentence: "<p>Measuring …</p>", panel.prediction: ""}
            with visit.lock:
                visit.session = replace(visit.session, patched=patched)
            for found in self.backend.patching_map(
                patched.model, patched.text, patched.other, patched.token, patched.part, switch
            ):
                if visit.session.text != session.text:
                    return
                yield panel.show_map(session, found)

        yield from self.measuring.run(request, work, on_error={panel.sentence: ""})

    @says_errors
    @in_turn
    @latest_counts("patched cell")
    def on_cell(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A cell of the map was clicked: what comes next with this one swap."""
        session, patched = visit.session, visit.session.patched
        if patched is None or (patched.model, patched.text) != (session.model, session.text):
            raise PlaygroundError("This map is of an earlier text: press “Swap each” again.")
        place = (place_in(event, 0, 1000), place_in(event, 1, patched.token))
        result = self.backend.patched_prediction(
            patched.model, patched.text, patched.other, patched.token, patched.part, place
        )
        return self.panel.show_prediction(session, result)
