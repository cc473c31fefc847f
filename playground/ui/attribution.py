"""What happens in the Attribution tab."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.ui.fields import choice_of
from playground.ui.latest import latest_counts
from playground.ui.selection import Selection, place_in
from playground.ui.status import AT_ONCE, RUNS_MODEL, says_errors
from playground.ui.stoppable import Stoppable
from playground.ui.tabs.attribution import BASELINES, AttributionTab, attributed_key, predicted_place
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit, in_turn
from playground.ui.what_if import check_text


class Attributions:
    """Joins the tab to the backend and to the selection of the page."""

    def __init__(
        self, backend: Backend, visit: gr.State, panel: TextPanel, tab: AttributionTab, selection: Selection
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.status = panel.status
        self.tab = tab
        self.selection = selection
        self.measuring = Stoppable(panel.status, tab.attribute, tab.stop)

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        tab = self.tab
        visit: dict[str, Any] = {"visit": self.visit}
        moved = tab.chart.select(self.on_column, inputs_kwargs=visit, outputs=self.selection.followers(), **AT_ONCE)
        self.selection.open_tab.follow(moved)
        tab.attribute.click(
            self.on_attribute,
            inputs_kwargs={**visit, "baseline": tab.baseline},
            outputs=[*self.measuring.outputs(), *tab.outputs()],
            **RUNS_MODEL,
        )
        self.measuring.wire(page)

    @says_errors
    @in_turn
    @latest_counts("token")
    def on_column(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A token of the chart was clicked."""
        session = visit.session
        return self.selection.follow(visit, session.select(place_in(event, 1, len(session.ids))))

    def on_attribute(self, request: gr.Request, visit: Visit, baseline: str) -> Iterator[dict[Any, Any]]:
        """Measure by all methods; what is measured stays when it is stopped, until another token is selected."""
        tab, session = self.tab, visit.session

        def work(switch: threading.Event) -> Iterator[dict[Any, Any]]:
            check_text(session)
            wanted = choice_of(baseline, BASELINES)
            yield {}
            for found in self.backend.attribution(
                session.model, session.text, predicted_place(session), wanted, switch
            ):
                if (visit.session.text, visit.session.selected) != (session.text, session.selected):
                    return
                with visit.lock:  # so that it is there when the tab is opened again
                    visit.session = replace(visit.session, attributed=(attributed_key(session), found))
                yield tab.show_found(session, found)

        yield from self.measuring.run(request, work)
