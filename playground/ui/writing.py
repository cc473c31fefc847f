"""A run on the page: it streams into the chips, can be stopped, and joins the visitor's other runs."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import BeamProgress, GenerationRecord, GenerationSettings, PlaygroundError, Step
from playground.records.sizes import say_count
from playground.ui.cancellations import Cancellations
from playground.ui.room import checked_writer
from playground.ui.shown_text import session_of, session_of_text
from playground.ui.status import STREAM_INTERVAL_S, describe_run, status_line
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit
from playground.views.tokens import prompt_lines, step_lines

FAILED = "The model failed while it wrote; the server's log says how. What is there stays. Try again, or another model."


@dataclass(frozen=True)
class Task:
    """What is to be written."""

    model: str
    prompt: str
    settings: GenerationSettings
    begun: tuple[Step, ...] = ()  # steps that were taken before, and stay
    most: int | None = None  # how many tokens more at most, for now
    parent: int | None = None  # the run that it goes on from


class Writer:
    """Runs a model for the page."""

    def __init__(self, backend: Backend, visit: gr.State, panel: TextPanel) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.cancellations = Cancellations()
        self.beside: list[Cancellations] = []  # of what runs beside a text, and ends with it

    def outputs(self) -> list[Any]:
        """Return what `write` fills."""
        panel = self.panel
        return [*panel.outputs(), panel.status, panel.generate, panel.stop, self.visit]

    def on_stop(self, request: gr.Request) -> None:
        """End this visitor's run within one token."""
        for cancellations in (self.cancellations, *self.beside):
            cancellations.cancel(str(request.session_hash))

    def write(
        self, request: gr.Request, visit: Visit, task: Task, switch: threading.Event | None = None
    ) -> Iterator[dict[Any, Any]]:
        """Stream a run; what is there stays there when it is stopped or fails. PlaygroundErrors are said.

        switch: ends it; without one the visitor's other runs end, and there is a new one.
        """
        panel = self.panel
        idle = {panel.generate: gr.Button(interactive=True), panel.stop: gr.Button(interactive=False)}
        visitor = str(request.session_hash)
        for cancellations in self.beside:
            cancellations.cancel(visitor)
        switch = switch or self.cancellations.begin(visitor)
        try:
            kind = checked_writer(self.backend.spec(task.model))
            read = self.backend.read(task.model, task.prompt)
            begun = session_of_text(task.model, read, kind, visit.session)  # as it looks until something is written
            lines = prompt_lines(begun.tokens, begun.parts, begun.n_read) + step_lines(task.begun)
            # The text on the page is replaced only when the model has begun: a prompt may be refused until then.
            events_of = self.backend.generate(
                task.model, task.prompt, task.settings, switch, STREAM_INTERVAL_S,
                begun=task.begun, most=task.most, announced=True,
            )  # fmt: skip
            for events in events_of:
                if not events:  # all that takes time is sent while the model reads the prompt
                    yield {
                        panel.tokens: gr.HTML(selected=-1),
                        panel.status: status_line("Generating …", "busy"),
                        panel.generate: gr.Button(interactive=False),
                        panel.stop: gr.Button(interactive=True),
                    }
                    continue
                lines += step_lines(event for event in events if isinstance(event, Step))
                last = events[-1]
                if isinstance(last, GenerationRecord):
                    with visit.lock:
                        runs = visit.session.runs.grown(last, task.parent)
                        finished = replace(session_of(last, read, kind, visit.session), runs=runs)
                        visit.session = finished
                    yield {
                        **idle,
                        **panel.another_text(lines, finished.selected),
                        panel.status: status_line(describe_run(last)),
                        self.visit: visit,
                    }
                    continue
                # Only what changes, and as a string: each value that is sent takes time from the decoding
                if isinstance(last, BeamProgress):
                    yield {panel.tokens: lines, panel.status: progress_line(last)}
                else:
                    yield {panel.tokens: lines}
        except PlaygroundError as error:
            yield {**idle, panel.status: status_line(str(error), "error")}
        except Exception:  # what a model of any make can do has no bounds: the page must be free for the next run
            yield {**idle, panel.status: status_line(FAILED, "error")}
            raise
        finally:
            self.cancellations.end(visitor, switch)


def shared_task(
    visit: Visit, model: str, prompt: str, settings: GenerationSettings, *, n_more: int, most: int | None = None
) -> Task:
    """Return the task to go on from the end of the run that is shown, or to begin where it is of another prompt.

    n_more: how much longer the text may become.
    """
    shown = visit.session.runs.shown_node
    if shown is None or (shown.record.prompt, shown.record.model) != (prompt, model):
        return Task(model, prompt, replace(settings, max_new_tokens=n_more), most=most)
    return continued(shown.record.steps, shown.record, settings, shown.id, n_more=n_more, most=most)


def continued(
    begun: Sequence[Step],
    record: GenerationRecord,
    settings: GenerationSettings,
    parent: int,
    *,
    n_more: int,
    most: int | None = None,
) -> Task:
    """Return the task to go on behind steps of a run; the length is counted from there."""
    longer = replace(settings, max_new_tokens=len(begun) + n_more)
    return Task(record.model, record.prompt, longer, tuple(begun), most, parent)


def progress_line(event: BeamProgress) -> str:
    """Return how far a beam search is, whose text is not there before its end."""
    return status_line(
        f"Beam search, {say_count(event.step, 'token')}; the best beam at this moment: {event.text}", "busy"
    )
