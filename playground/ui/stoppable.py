"""Work that takes long: its button rests while it runs, Stop ends it, and so does leaving the page."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from playground.records import PlaygroundError
from playground.ui.cancellations import Cancellations
from playground.ui.status import AT_ONCE, on_leaving, status_line

Updates = dict[Any, Any]


class Stoppable:
    """One kind of work of every visitor, begun by one button and ended by another."""

    def __init__(self, status: gr.HTML, start: gr.Button, stop: gr.Button) -> None:
        self.status = status
        self.start = start
        self.stop = stop
        self.switches = Cancellations()

    def outputs(self) -> list[Any]:
        """Return what `run` fills beside what the work does."""
        return [self.status, self.start, self.stop]

    def wire(self, page: gr.Blocks) -> None:
        """Attach what ends the work."""
        self.stop.click(self.on_stop, **AT_ONCE)
        on_leaving(page, self.on_stop)

    def run(
        self, request: gr.Request, work: Callable[[threading.Event], Iterator[Updates]], on_error: Updates | None = None
    ) -> Iterator[Updates]:
        """Yield what the work yields; a PlaygroundError is said, together with `on_error`.

        work: is given the switch that ends it. Before its first update it only looks at what it was asked, so that
        nothing on the page changes where that cannot be.
        """
        visitor = str(request.session_hash)
        busy = {self.start: gr.Button(interactive=False), self.stop: gr.Button(interactive=True)}
        idle = {self.start: gr.Button(interactive=True), self.stop: gr.Button(interactive=False)}
        switch = self.switches.begin(visitor)
        try:
            for updates in work(switch):
                yield busy | updates
                busy = {}
            yield idle
        except PlaygroundError as error:
            yield {**idle, self.status: status_line(str(error), "error"), **(on_error or {})}
        finally:
            self.switches.end(visitor, switch)

    def on_stop(self, request: gr.Request) -> None:
        """End this visitor's work at the next step that it takes."""
        self.switches.cancel(str(request.session_hash))
