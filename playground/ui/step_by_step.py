"""What happens in the Step by step tab: the next token is looked at before it is taken, by hand or after a guess."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import GenerationRecord, PlaygroundError, Step
from playground.ui.runs import Runs
from playground.ui.status import AT_ONCE, PRIVATE, RUNS_MODEL, STREAM_INTERVAL_S, says_errors
from playground.ui.tabs.steps import StepsTab
from playground.ui.visit import Visit, in_turn
from playground.ui.writing import Task

MOST_GUESSES = 500  # that are kept of a visitor


class StepByStep:
    """Joins the tab to the run that is shown."""

    def __init__(self, backend: Backend, visit: gr.State, tab: StepsTab, runs: Runs) -> None:
        self.backend = backend
        self.visit = visit
        self.tab = tab
        self.runs = runs
        self.status = runs.status
        self.inputs = {
            "visit": visit,
            "prompt": runs.panel.prompt,
            "model": runs.panel.model,
            **runs.decoding.inputs(),
        }

    def wire(self) -> None:
        """Attach the handlers."""
        tab, inputs = self.tab, self.inputs
        for trigger in (self.runs.panel.prompt.change, tab.guessing.input):
            self.refresh(trigger)
        tab.guessing.input(lambda on: gr.Column(visible=on), inputs=tab.guessing, outputs=tab.guess_panel, **AT_ONCE)
        tab.again.click(self.on_again, inputs_kwargs={"visit": self.visit}, outputs=[
            self.visit, self.status, *tab.guess_outputs()
        ], **AT_ONCE)  # fmt: skip
        written = {"outputs": self.runs.writer.outputs(), **RUNS_MODEL}
        tab.candidates.select(self.on_take, inputs_kwargs=inputs, **written)
        tab.choose.click(self.runs.on_one_token, inputs_kwargs=inputs, trigger_mode="multiple", **written)
        gr.on(
            [tab.judge.click, tab.guess.submit],
            self.on_guess,
            inputs_kwargs={**inputs, "guess": tab.guess, "sure": tab.sure, "n_judged": tab.n_judged},
            outputs=[*self.runs.writer.outputs(), *tab.guess_outputs()],
            trigger_mode="multiple",
            **RUNS_MODEL,
        )

    def refresh(self, trigger: Any) -> None:
        """Look at what could come next whenever `trigger` comes, while the tab is open."""
        trigger(
            self.on_next,
            inputs_kwargs={**self.inputs, "guessing": self.tab.guessing},
            outputs=[self.status, *self.tab.outputs()],
            **PRIVATE,
        )

    @says_errors
    def on_next(self, visit: Visit, prompt: str, model: str, guessing: bool, **settings: Any) -> dict[Any, Any]:
        """Show what could come next, where the tab is open."""
        if visit.open_tab != self.tab.name:
            return {self.status: gr.skip()}
        try:
            step = self.next_step(self.runs.next_task(visit, prompt, model, settings))
        except PlaygroundError as error:
            return self.tab.show_next(None, str(error), is_hidden=False)
        sentence = "The text has come to its end." if step is None else f"Token {step.index + 1} is next."
        return self.tab.show_next(step, sentence, is_hidden=bool(guessing) and step is not None)

    def on_take(
        self,
        request: gr.Request,
        visit: Visit,
        prompt: str,
        model: str,
        event: gr.EventData,
        **settings: Any,
    ) -> Iterator[dict[Any, Any]]:
        """A candidate is taken by hand."""

        def task() -> Task:
            id = getattr(event, "value", None)
            if type(id) is not int:
                raise PlaygroundError("That is no candidate: choose one that is shown.")
            wanted = self.runs.next_task(visit, prompt, model, settings)
            step = self.wanted_step(wanted)
            if getattr(event, "index", None) != step.index:
                raise PlaygroundError("The text has gone on meanwhile: choose again.")
            return replace(wanted, begun=(*wanted.begun, replace(step.choosing(id), by_hand=True)), most=0)

        yield from self.runs.writing(request, visit, task)

    def on_guess(
        self,
        request: gr.Request,
        visit: Visit,
        prompt: str,
        model: str,
        *,
        guess: str,
        sure: float,
        n_judged: float,
        **settings: Any,
    ) -> Iterator[dict[Any, Any]]:
        """A guess is judged, and the token that the model takes is shown.

        n_judged: how many the page had shown when it was made: of two presses for one token the second says nothing.
        """

        def task() -> Task | None:
            if n_judged != visit.session.n_judged:
                return None
            wanted = self.runs.next_task(visit, prompt, model, settings)
            step = self.wanted_step(wanted)
            prompt_ids = tuple(token.id for token in self.backend.read(wanted.model, wanted.prompt).tokens)
            written = tuple(one.chosen.id for one in wanted.begun)
            judged = self.backend.judge_guess(wanted.model, prompt_ids, written, step, guess or "", sure)
            with visit.lock:
                guesses = (*visit.session.guesses, judged)[-MOST_GUESSES:]
                visit.session = replace(visit.session, guesses=guesses, n_judged=visit.session.n_judged + 1)
            return replace(wanted, begun=(*wanted.begun, step), most=0)

        before = visit.session.guesses
        for updates in self.runs.one_more(request, visit, task):
            is_judged = visit.session.guesses is not before
            yield updates | (self.tab.show_guesses(visit.session) if is_judged else {})
            before = visit.session.guesses

    @says_errors
    @in_turn
    def on_again(self, visit: Visit) -> dict[Any, Any]:
        """The guesses are to be forgotten."""
        visit.session = replace(visit.session, guesses=())
        return {self.visit: visit, **self.tab.show_guesses(visit.session)}

    def next_step(self, task: Task) -> Step | None:
        """Return the step that a task would take, None where the text has come to its end."""
        events = self.backend.generate(
            task.model, task.prompt, task.settings, threading.Event(), STREAM_INTERVAL_S, begun=task.begun, most=1
        )
        record = [event for gathered in events for event in gathered][-1]
        assert isinstance(record, GenerationRecord)
        return record.written[-1] if record.written else None

    def wanted_step(self, task: Task) -> Step:
        """Return the step that a task takes; PlaygroundError where there is none."""
        step = self.next_step(task)
        if step is None:
            raise PlaygroundError("The text has come to its end: go back, or type another prompt.")
        return step
