"""What happens in the Train tab: a copy of the model is trained, compared with the model, and reset."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import (
    GenerationRecord,
    PlaygroundError,
    TextIds,
    Token,
    TrainedLoss,
    Training,
    TrainingSettings,
    TrainingState,
)
from playground.ui.cancellations import Cancellations
from playground.ui.controls.decoding import DecodingControls, settings_from
from playground.ui.fields import choice_of
from playground.ui.room import checked_writer
from playground.ui.session import Session, TrainedCopy
from playground.ui.status import AT_ONCE, PRIVATE, STREAM_INTERVAL_S, Tone, on_leaving, status_line
from playground.ui.tabs.training import METHODS, WRITE_HINT, TrainingTab, copy_in
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit
from playground.ui.what_if import check_text

# More than are trained at a time: who is one too many is told so, and does not wait without a word
TRAINS: dict[str, Any] = {**PRIVATE, "concurrency_limit": 8, "concurrency_id": "training"}
SHOW_INTERVAL_S = 0.25
SAID: dict[TrainingState, tuple[str, Tone]] = {
    "running": ("Training …", "busy"),
    "done": ("Trained.", "quiet"),
    "stopped": ("You stopped it; the steps that were taken stay.", "quiet"),
    "diverged": ("The loss was not a number any more: the last step was undone.", "error"),
}


@dataclass(frozen=True)
class Task:
    """What is to be trained."""

    copy: str
    text: str | TextIds
    settings: TrainingSettings
    before: TrainedLoss  # of the model itself on the text


class Trainer:
    """Joins the tab to the backend. A visitor has one copy at a time, which goes when they leave."""

    def __init__(
        self, backend: Backend, visit: gr.State, panel: TextPanel, tab: TrainingTab, decoding: DecodingControls
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.status = panel.status
        self.tab = tab
        self.decoding = decoding
        self.running = Cancellations()
        self._lock = threading.Lock()
        self._copies: dict[str, str] = {}  # of each visitor

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        tab = self.tab
        writing = {"visit": self.visit, "prompt": self.panel.prompt, **self.decoding.inputs()}
        asked = {"text": tab.text, "method": tab.method, **tab.settings()}
        outputs = [self.visit, self.status, *tab.outputs(), *tab.buttons(), tab.written]
        inputs = {"visit": self.visit, **asked}
        once = tab.step.click(self.on_step, inputs_kwargs=inputs, outputs=outputs, **TRAINS)
        many = tab.train.click(
            self.on_train, inputs_kwargs={**inputs, "n_steps": tab.n_steps}, outputs=outputs, **TRAINS
        )
        written = [self.status, tab.written, *tab.buttons()]
        for trained in (once, many):
            trained.success(self.on_write, inputs_kwargs=writing, outputs=written, **TRAINS)
        tab.write.click(self.on_write, inputs_kwargs=writing, outputs=written, **TRAINS)
        tab.stop.click(self.on_stop, **AT_ONCE)
        tab.reset.click(self.on_reset, inputs_kwargs={"visit": self.visit}, outputs=outputs, **AT_ONCE)
        on_leaving(page, self.on_end)

    def on_step(self, request: gr.Request, visit: Visit, text: str, method: str, **settings: Any) -> Iterator[Any]:
        """Take one step."""
        yield from self.training(request, visit, text, method, {**settings, "n_steps": 1})

    def on_train(
        self, request: gr.Request, visit: Visit, text: str, method: str, n_steps: int, **settings: Any
    ) -> Iterator[Any]:
        """Take many steps."""
        wanted = {**settings, "n_steps": n_steps}
        yield from self.training(request, visit, text, method, wanted)

    def training(
        self, request: gr.Request, visit: Visit, text: str, method: str, asked: dict[str, Any]
    ) -> Iterator[dict[Any, Any]]:
        """Train this visitor's copy, making it first if need be; what is trained stays when it is stopped."""
        tab, session, visitor = self.tab, visit.session, str(request.session_hash)
        switch = self.running.begin(visitor)
        try:
            check_text(session)
            choice_of(method, METHODS)
            settings = TrainingSettings(**asked)
            given = text if text.strip() else session.text
            yield tab.show_buttons(is_running=True, has_copy=True) | {
                self.status: status_line("Making a copy and training it …", "busy")
            }
            before = self.backend.training_loss(session.model, given, settings.sequence_length)
            name = self.copy_of(session, visitor, method)
            if switch.is_set():  # the visitor may have left
                self.let_go(visitor)
                raise PlaygroundError("You stopped it before the first step.")
            yield from self.steps(visit, session.model, Task(name, given, settings, before), switch)
        except PlaygroundError as error:
            yield {self.status: status_line(str(error), "error")}
        finally:
            self.running.end(visitor, switch)
        yield tab.show_buttons(is_running=False, has_copy=copy_in(visit.session) is not None)

    def copy_of(self, session: Session, visitor: str, method: str) -> str:
        """Return the name of this visitor's copy of a model; a new one where there is none, or it had to go."""
        trained = copy_in(session)
        if trained is not None:
            try:
                self.backend.spec(trained.name)
                return trained.name
            except PlaygroundError:  # it had to make room: a fresh one is made
                pass
        self.let_go(visitor)
        name = self.backend.copy_to_train(session.model, METHODS[method])
        with self._lock:
            self._copies[visitor] = name
        return name

    def steps(self, visit: Visit, model: str, task: Task, switch: threading.Event) -> Iterator[dict[Any, Any]]:
        """Yield a training as it goes, and in the end the comparison of the copy with the model."""
        tab, shown_at = self.tab, 0.0
        training: Training | None = None
        for training in self.backend.train(task.copy, task.text, task.settings, switch):
            if training.state == "running" and time.monotonic() - shown_at > SHOW_INTERVAL_S:
                shown_at = time.monotonic()
                yield tab.show_training(visit.session, training)
        assert training is not None
        after = self.backend.training_loss(task.copy, task.text, task.settings.sequence_length)
        trained = TrainedCopy(model, task.copy, training, (task.before, after))
        with visit.lock:
            visit.session = session = replace(visit.session, trained=trained)
        said, tone = SAID[training.state]
        shown = tab.show(self.backend, session) if session.model == model else {}
        yield {self.visit: visit, self.status: status_line(said, tone), **shown}

    def on_write(self, request: gr.Request, visit: Visit, prompt: str, **settings: Any) -> Iterator[dict[Any, Any]]:
        """Let the model and its trained copy write on the page's prompt, with the same settings and seed."""
        tab, session, visitor = self.tab, visit.session, str(request.session_hash)
        trained = copy_in(session)
        if trained is None:
            yield {self.status: gr.skip()}
            return
        switch = self.running.begin(visitor)
        try:
            wanted = settings_from(settings)
            checked_writer(self.backend.spec(session.model))
            yield tab.show_buttons(is_running=True, has_copy=True)
            texts: list[tuple[Token, ...]] = [(), ()]
            note = f"{wanted.strategy}, seed {wanted.seed}" if wanted.draws else wanted.strategy
            for place, name in enumerate((session.model, trained.name)):
                for events in self.backend.generate(name, prompt, wanted, switch, STREAM_INTERVAL_S):
                    if isinstance(last := events[-1], GenerationRecord):
                        texts[place] = tuple(step.token for step in last.steps)
                yield tab.show_written(prompt, texts[0], texts[1], note)
        except PlaygroundError as error:
            yield {tab.written: status_line(str(error), "error")}
        finally:
            self.running.end(visitor, switch)
        yield tab.show_buttons(is_running=False, has_copy=copy_in(visit.session) is not None)

    def on_stop(self, request: gr.Request) -> None:
        """End the training, or the writing, within one step."""
        self.running.cancel(str(request.session_hash))

    def on_reset(self, request: gr.Request, visit: Visit) -> dict[Any, Any]:
        """Forget the copy: the next step begins with an untrained one."""
        self.on_end(request)
        with visit.lock:
            visit.session = session = replace(visit.session, trained=None)
        shown = self.tab.show(self.backend, session)
        return {
            self.visit: visit,
            self.status: status_line("Your copy is gone: the next step begins with an untrained one."),
            self.tab.written: WRITE_HINT,
            **shown,
            **self.tab.show_buttons(is_running=False, has_copy=False),
        }

    def on_end(self, request: gr.Request) -> None:
        """End what this visitor has begun here, and free the copy."""
        self.on_stop(request)
        self.let_go(str(request.session_hash))

    def let_go(self, visitor: str) -> None:
        """Free the copy of a visitor, where there is one."""
        with self._lock:
            name = self._copies.pop(visitor, None)
        if name is not None:
            self.backend.forget(name)
