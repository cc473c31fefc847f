"""What happens in the Beams tab: a hypothesis is selected, and greedy decoding is run beside the search."""

import html
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.cancellations import Cancellations
from playground.ui.latest import latest_counts
from playground.ui.selection import Selection, place_in
from playground.ui.status import AT_ONCE, RUNS_MODEL, says_errors
from playground.ui.tabs.beams import BeamsTab
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit, in_turn
from playground.views.beam_tree import greedy_html


class BeamSearch:
    """Joins the tree and its list to the selection of the page."""

    def __init__(
        self, backend: Backend, visit: gr.State, panel: TextPanel, beams: BeamsTab, selection: Selection
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.status = panel.status
        self.beams = beams
        self.selection = selection
        self.cancellations = Cancellations()

    def wire(self, shown: Sequence[Any]) -> None:
        """Attach every handler; `shown` are the events after which another text stands on the page."""
        for chart in (self.beams.tree, self.beams.ranking):
            chart.select(
                self.on_node,
                inputs_kwargs={"visit": self.visit},
                outputs=self.selection.followers(),
                **AT_ONCE,
            )
        for event in shown:
            event.success(
                self.on_greedy,
                inputs_kwargs={"visit": self.visit},
                outputs=[self.beams.greedy, self.status],
                **RUNS_MODEL,
            )

    @says_errors
    @in_turn
    @latest_counts("token")
    def on_node(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A hypothesis was selected; one on the winner's path is a token of the text, which is then selected too."""
        session = visit.session
        tree = session.beam_tree
        if tree is None or not tree.nodes:
            return {self.status: gr.skip()}
        node = tree.nodes[place_in(event, 0, len(tree.nodes))]
        if node.in_best:
            return self.selection.follow(visit, session.select(session.search_start + node.step))
        visit.session = session = replace(session, branch=node.id)
        return {self.visit: visit} | dict(zip(self.beams.outputs(), self.beams.show_selection(session), strict=True))

    def on_greedy(self, request: gr.Request, visit: Visit) -> dict[Any, Any]:
        """Decode greedily what the search has just been made from; a text that came meanwhile is left alone."""
        run = visit.session.run
        if run is None or run.beam_tree is None or not run.beam_tree.nodes:
            return {self.status: gr.skip()}
        visitor = str(request.session_hash)
        switch = self.cancellations.begin(visitor)
        try:
            found = greedy_html(self.backend.greedy_beside(run, switch))
        except PlaygroundError as error:
            found = f"<p>{html.escape(str(error))}</p>"
        finally:
            self.cancellations.end(visitor, switch)
        return {self.beams.greedy: found} if visit.session.run is run else {self.status: gr.skip()}
