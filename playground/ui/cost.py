"""What happens in the Cost tab: an assumption is changed, the speed is measured."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError, Speed
from playground.ui.status import AT_ONCE, RUNS_MODEL, says_errors, status_line
from playground.ui.stoppable import Stoppable
from playground.ui.tabs.cost import CostTab, assumptions_from
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit, in_turn


class Costs:
    """Joins the tab to the backend."""

    def __init__(self, backend: Backend, visit: gr.State, panel: TextPanel, tab: CostTab) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.status = tab.progress
        self.tab = tab
        self.measuring = Stoppable(tab.progress, tab.measure, tab.stop)

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        tab = self.tab
        outputs: list[Any] = [self.visit, self.status, *tab.outputs()]
        gr.on(
            [number.input for number in tab.numbers.values()],
            self.on_fields,
            inputs_kwargs={"visit": self.visit, "model": self.panel.model, **tab.numbers},
            outputs=outputs,
            **AT_ONCE,
        )
        tab.measure.click(
            self.on_measure,
            inputs_kwargs={"visit": self.visit, "model": self.panel.model},
            outputs=[*outputs, tab.stop, tab.numbers["tokens_per_s"]],
            **RUNS_MODEL,
        )
        self.measuring.wire(page)

    @says_errors
    @in_turn
    def on_fields(self, visit: Visit, model: str, **values: Any) -> dict[Any, Any]:
        """An assumption was changed: what follows from it stands there at once."""
        visit.session = replace(visit.session, assumptions=assumptions_from(values))
        return {self.visit: visit, self.status: "", **self.tab.show_of(self.backend, visit.session, model)}

    def on_measure(self, request: gr.Request, visit: Visit, model: str) -> Iterator[dict[Any, Any]]:
        """Let the model write a few times, and take its speed for the one that is assumed."""
        tab, session = self.tab, visit.session

        def work(switch: threading.Event) -> Iterator[dict[Any, Any]]:
            if not session.ids or session.model != model:
                raise PlaygroundError("There is no text yet: generate or analyse one first.")
            yield {self.status: status_line("Measuring …", "busy")}
            speed: Speed | None = None
            for speed in self.backend.measure_speed(model, session.text, switch):
                yield {self.status: tab.show_speed(speed, is_done=False)}
            if speed is None:
                yield {self.status: status_line("You stopped it; nothing was measured.")}
            else:
                yield self.take(visit, model, speed)

        yield from self.measuring.run(request, work)

    @in_turn
    def take(self, visit: Visit, model: str, speed: Speed) -> dict[Any, Any]:
        """Take a measured speed for the one that is assumed."""
        rate = max(0.001, float(f"{speed.tokens_per_s:.4g}"))
        visit.session = replace(visit.session, assumptions=replace(visit.session.assumptions, tokens_per_s=rate))
        return {
            self.visit: visit,
            self.status: self.tab.show_speed(speed, is_done=True),
            self.tab.numbers["tokens_per_s"]: rate,
            **self.tab.show_of(self.backend, visit.session, model),
        }
