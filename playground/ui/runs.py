"""What happens to the visitor's runs: going on from any token of one, and back and forth among them."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import GenerationSettings, PlaygroundError, RunTree
from playground.records.run_tree import n_shared
from playground.records.sizes import say_count
from playground.ui.controls.decoding import DecodingControls, settings_from
from playground.ui.latest import latest_counts
from playground.ui.shown_text import session_of
from playground.ui.status import PRIVATE, RUNS_MODEL, says_errors, status_line
from playground.ui.tabs.choices import ChoicesTab
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit, in_turn
from playground.ui.writing import Task, Writer, continued, shared_task
from playground.views.tokens import prompt_lines, step_lines


class Runs:
    """Joins forks, single tokens and the list of runs to the page."""

    def __init__(
        self, backend: Backend, visit: gr.State, panel: TextPanel, decoding: DecodingControls, *, writer: Writer
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.status = panel.status
        self.decoding = decoding
        self.writer = writer
        self.history = panel.history

    def wire(self, choices: ChoicesTab) -> None:
        """Attach every handler."""
        panel, history = self.panel, self.history
        typed = {"prompt": panel.prompt, "model": panel.model}
        settings = self.decoding.inputs()
        counted: dict[str, Any] = {"trigger_mode": "multiple"}  # each press is a token
        for trigger, handler, inputs, more in (
            ([choices.chart.select, choices.candidates.select], self.on_candidate, {}, {}),
            (history.one_token.click, self.on_one_token, typed, counted),
            (history.write_on.click, self.on_write_on, {}, {}),
        ):
            gr.on(
                trigger,
                handler,
                inputs_kwargs={**inputs, "visit": self.visit, **settings},
                outputs=self.writer.outputs(),
                **more,
                **RUNS_MODEL,
            )
        for trigger, handler in (
            (history.undo.click, self.on_undo),
            (history.redo.click, self.on_redo),
            (history.runs.select, self.on_run),
        ):
            trigger(
                handler,
                inputs_kwargs={**typed, "visit": self.visit},
                outputs=[*panel.outputs(), panel.status, panel.prompt, panel.model, self.visit],
                trigger_mode="multiple",
                **PRIVATE,
            )

    def on_candidate(
        self, request: gr.Request, visit: Visit, event: gr.EventData, **settings: Any
    ) -> Iterator[dict[Any, Any]]:
        """A candidate that was not chosen is taken, by its button or its bar, and the run goes on from there."""
        yield from self._fork(request, visit, getattr(event, "index", None), getattr(event, "value", None), settings)

    def on_one_token(
        self, request: gr.Request, visit: Visit, prompt: str, model: str, **settings: Any
    ) -> Iterator[dict[Any, Any]]:
        """One token more, of the run that is shown or of a prompt that was typed."""
        yield from self.one_more(request, visit, lambda: self.next_task(visit, prompt, model, settings))

    def on_write_on(self, request: gr.Request, visit: Visit, **settings: Any) -> Iterator[dict[Any, Any]]:
        """The run that is shown goes on from its end."""

        def task() -> Task:
            node = visit.session.runs.shown_node
            if node is None:
                raise PlaygroundError("There is no run to go on from: press Generate first.")
            wanted = settings_from(settings)
            return continued(node.record.steps, node.record, wanted, node.id, n_more=wanted.max_new_tokens)

        yield from self.writing(request, visit, task)

    def next_task(self, visit: Visit, prompt: str, model: str, settings: dict[str, Any], most: int = 1) -> Task:
        """Return the task to write one token more. PlaygroundError where the strategy has no single steps."""
        wanted = single_steps(settings_from(settings))
        return shared_task(visit, model, prompt, wanted, n_more=wanted.max_new_tokens, most=most)

    def one_more(self, request: gr.Request, visit: Visit, make: Callable[[], Task | None]) -> Iterator[dict[Any, Any]]:
        """Write the task of one token that `make` returns, when those that were asked for before are written."""
        with self.writer.cancellations.in_line(str(request.session_hash)) as switch:
            yield from self.writing(request, visit, lambda: None if switch.is_set() else make(), switch)

    def writing(
        self,
        request: gr.Request,
        visit: Visit,
        make: Callable[[], Task | None],
        switch: threading.Event | None = None,
    ) -> Iterator[dict[Any, Any]]:
        """Write the task that `make` returns, or say why there is none; None where there is nothing to say either."""
        try:
            task = make()
        except PlaygroundError as error:
            yield {self.status: status_line(str(error), "error")}
            return
        if task is None:
            yield {self.status: gr.skip()}
            return
        yield from self.writer.write(request, visit, task, switch)

    def _fork(
        self, request: gr.Request, visit: Visit, at: object, id: object, settings: dict[str, Any]
    ) -> Iterator[Any]:
        yield from self.writing(request, visit, lambda: fork_task(visit, at, id, settings_from(settings)))

    @says_errors
    @in_turn
    def on_undo(self, visit: Visit, prompt: str, model: str) -> dict[Any, Any]:
        """What was shown before is shown again."""
        return self.show(visit, visit.session.runs.undo(), prompt, model)

    @says_errors
    @in_turn
    def on_redo(self, visit: Visit, prompt: str, model: str) -> dict[Any, Any]:
        """What was undone is shown again."""
        return self.show(visit, visit.session.runs.redo(), prompt, model)

    @says_errors
    @in_turn
    @latest_counts("run")
    def on_run(self, visit: Visit, prompt: str, model: str, event: gr.EventData) -> dict[Any, Any]:
        """A run was chosen from the list."""
        id = getattr(event, "value", None)
        return self.show(visit, visit.session.runs.showing(id if type(id) is int else -1), prompt, model)

    def show(self, visit: Visit, runs: RunTree, prompt: str, model: str) -> dict[Any, Any]:
        """Show the run that `runs` says, the token selected in which it differs from the one before.

        The prompt's box follows where nothing else has been typed there.
        """
        before, node = visit.session.runs.shown_node, runs.shown_node
        if node is None or (before is not None and node.id == before.id):
            raise PlaygroundError("There is no other run to show.")
        record = node.record
        kind = self.backend.spec(record.model).kind
        read = self.backend.read(record.model, record.prompt)
        session = replace(session_of(record, read, kind, visit.session), runs=runs)
        if before is not None and before.record.prompt_ids == record.prompt_ids:
            at = n_shared(before.record.steps, record.steps)
            if at < len(record.steps):
                session = session.select(session.n_prompt + at)
        visit.session = session
        lines = prompt_lines(session.tokens[: session.n_prompt], session.parts, session.n_read)
        is_untouched = before is not None and (prompt, model) == (before.record.prompt, before.record.model)
        return {
            **self.panel.another_text(lines + step_lines(record.steps), session.selected),
            self.status: status_line(f"{say_count(len(record.steps), 'token')}, as they were written."),
            self.panel.prompt: record.prompt if is_untouched else gr.skip(),
            self.panel.model: record.model if is_untouched and record.model != model else gr.skip(),
            self.visit: visit,
        }


def fork_task(visit: Visit, at: object, id: object, settings: GenerationSettings) -> Task:
    """Return the task to go on from a step of the run that is shown with another of its candidates.

    at, id: number of the step and id of the candidate, whatever the browser sent: what it showed when it was clicked
    may not be what is selected now. Raises PlaygroundError where there is no such step or candidate.
    """
    node = visit.session.runs.shown_node
    if node is None or type(at) is not int or not 0 <= at < len(node.record.steps):
        raise PlaygroundError("Select a token that the model wrote: there another one can be taken.")
    if type(id) is not int:
        raise PlaygroundError("That is no candidate: choose one that is shown.")
    step = node.record.steps[at]
    if id == step.chosen.id:
        raise PlaygroundError(f"Token {step.index + 1} is that one already: choose another.")
    begun = (*node.record.steps[: step.index], step.choosing(id))
    return continued(begun, node.record, settings, node.id, n_more=settings.max_new_tokens)


def single_steps(settings: GenerationSettings) -> GenerationSettings:
    """Return the settings for one text, token by token; PlaygroundError where a search is asked for."""
    if settings.searches:
        raise PlaygroundError("Beam search knows its text only at the end: choose Greedy or Sample for single tokens.")
    return replace(settings, num_return_sequences=1)
