"""What happens on the page: a handler reads inputs by name, asks the backend, and hands records to views."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import BeamProgress, GenerationRecord, GenerationSettings, PlaygroundError, Step
from playground.ui.controls.decoding import DecodingControls
from playground.ui.selection import Selection
from playground.ui.session import (
    Cancellations,
    Session,
    Visit,
    in_turn,
    session_of,
    session_of_text,
    within_kind,
)
from playground.ui.status import AT_ONCE, PRIVATE, describe_run, says_errors, status_line
from playground.ui.tabs.attention import AttentionTab, show_tint
from playground.ui.tabs.choices import ChoicesTab, show_choices
from playground.ui.text_panel import TextPanel
from playground.views.tokens import prompt_lines, scored_lines, step_lines

STREAM_INTERVAL_S = 0.1  # 10 messages a second: smooth to the eye; one a token would cost most of the speed


class Wiring:
    """Joins the components of the page to the backend."""

    def __init__(
        self,
        backend: Backend,
        visit: gr.State,
        panel: TextPanel,
        decoding: DecodingControls,
        attention: AttentionTab,
        choices: ChoicesTab,
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.status = panel.status
        self.decoding = decoding
        self.attention = attention
        self.choices = choices
        self.cancellations = Cancellations()

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        panel = self.panel
        self.wire_generation()
        Selection(self.backend, self.visit, panel, self.attention, self.choices).wire()
        panel.stop.click(self.on_stop, **AT_ONCE)
        page.unload(self.on_stop)  # a closed tab leaves no run behind
        page.fns[max(page.fns)].api_visibility = "private"  # unload() has no argument for it
        room_inputs = {"prompt": panel.prompt, "model": panel.model, "max_new_tokens": self.decoding.max_new_tokens}
        gr.on(
            [page.load, panel.prompt.change, panel.model.change, self.decoding.max_new_tokens.change],
            self.on_room,
            inputs_kwargs=room_inputs,
            outputs=panel.room,
            trigger_mode="always_last",
            **AT_ONCE,
        )

    def wire_generation(self) -> None:
        """Generate and Analyse, each followed by the instruments."""
        panel, instruments = self.panel, [*self.attention.outputs(), *self.choices.outputs()]
        inputs = {"prompt": panel.prompt, "model": panel.model, "visit": self.visit}
        outputs = [panel.tokens, panel.status, panel.generate, panel.stop, self.visit]
        generated = gr.on(
            [panel.generate.click, panel.prompt.submit],
            self.on_generate,
            inputs_kwargs={**inputs, **self.decoding.inputs()},
            outputs=outputs,
            concurrency_limit=4,
            concurrency_id="models",
            trigger_mode="once",
            **PRIVATE,
        )
        analysed = panel.analyse.click(
            self.on_analyse,
            inputs_kwargs=inputs,
            outputs=[panel.tokens, panel.status, self.visit],
            concurrency_limit=4,
            concurrency_id="models",
            **PRIVATE,
        )
        for event in (generated, analysed):
            event.success(
                self.on_text,
                inputs_kwargs={"visit": self.visit},
                outputs=[self.visit, panel.tokens, panel.status, *instruments],
                **PRIVATE,
            )

    def on_generate(
        self, request: gr.Request, prompt: str, model: str, visit: Visit, **settings: Any
    ) -> Iterator[dict[Any, Any]]:
        """Stream a generation; what is there stays there when it is stopped or fails."""
        panel = self.panel
        idle = {panel.generate: gr.Button(interactive=True), panel.stop: gr.Button(interactive=False)}
        visitor = str(request.session_hash)
        switch = self.cancellations.begin(visitor)
        try:
            wanted = GenerationSettings(**settings)
            read, kind = self.backend.read(model, prompt), self.backend.spec(model).kind
            lines = prompt_lines((*read.tokens, *read.target_tokens))
            yield {
                panel.status: status_line("Generating …", "busy"),
                panel.generate: gr.Button(interactive=False),
                panel.stop: gr.Button(interactive=True),
            }
            # The text on the page is replaced only when the model has begun: a prompt may be refused until then.
            deselect: gr.HTML | None = gr.HTML(value="", selected=-1)
            for events in self.backend.generate(model, prompt, wanted, switch, STREAM_INTERVAL_S):
                lines += step_lines(event for event in events if isinstance(event, Step))
                last = events[-1]
                if isinstance(last, GenerationRecord):
                    with visit.lock:
                        visit.session = finished = session_of(last, read, kind, visit.session)
                    yield {
                        **idle,
                        panel.tokens: gr.HTML(value=lines, selected=finished.selected),
                        panel.status: status_line(describe_run(last)),
                        self.visit: visit,
                    }
                    continue
                if deselect is not None:
                    yield {panel.tokens: deselect}
                    deselect = None
                # Only what changes, and as a string: each value that is sent takes time from the decoding
                if isinstance(last, BeamProgress):
                    yield {panel.tokens: lines, panel.status: progress_line(last)}
                else:
                    yield {panel.tokens: lines}
        except PlaygroundError as error:
            yield {**idle, panel.status: status_line(str(error), "error")}
        finally:
            self.cancellations.end(visitor, switch)

    def on_stop(self, request: gr.Request) -> None:
        """End this visitor's run within one token."""
        self.cancellations.cancel(str(request.session_hash))

    @says_errors
    @in_turn
    def on_analyse(self, prompt: str, model: str, visit: Visit) -> dict[Any, Any]:
        """Take the prompt as it is for the text of the page."""
        panel = self.panel
        read = self.backend.read(model, prompt)
        session = session_of_text(model, read, self.backend.spec(model).kind, visit.session)
        scores = self.backend.score(model, session.text)
        visit.session = session
        return {
            panel.tokens: gr.HTML(value=scored_lines(scores, session.tokens), selected=session.selected),
            panel.status: status_line(f"{len(session.ids)} tokens, read without generating."),
            self.visit: visit,
        }

    @says_errors
    @in_turn
    def on_text(self, visit: Visit) -> dict[Any, Any]:
        """Fill the instruments for the text that has just come, and the probabilities of its prompt."""
        if not visit.session.ids:
            return {self.status: gr.skip()}
        visit.session = session = self.within_model(visit.session)
        scores = self.backend.score(session.model, session.text)[: session.n_prompt]
        values = self.attention.show_text(self.backend, session, visit.view)
        shown = dict(zip(self.attention.outputs(), values, strict=True))
        shown |= dict(zip(self.choices.outputs(), show_choices(session), strict=True))
        lines = scored_lines(scores, session.tokens) + step_lines(session.steps)
        chips = gr.HTML(value=lines, selected=session.selected, tint=show_tint(self.backend, session))
        return {self.visit: visit, self.panel.tokens: chips, **shown}

    def within_model(self, session: Session) -> Session:
        """Return the session with the kinds of attention of its text, and a kind, layer and head that there are."""
        shapes = self.backend.attention_shapes(session.model, session.text)
        return within_kind(replace(session, shapes=shapes), session.kind)

    def on_room(self, prompt: str, model: str, max_new_tokens: int) -> str:
        """Say how much of the context prompt and output will take, before anything is cut."""
        try:
            spec = self.backend.spec(model)
            n_prompt = len(self.backend.tokenize(model, prompt)) if prompt.strip() else 0
        except PlaygroundError as error:
            return status_line(str(error), "error")
        return room_line(n_prompt, int(max_new_tokens), spec.context_length)


def progress_line(event: BeamProgress) -> str:
    """Return how far a beam search is, whose text is not there before its end."""
    return status_line(f"Beam search, {event.step} tokens; the best beam at this moment: {event.text}", "busy")


def room_line(n_prompt: int, n_new: int, context: int | None) -> str:
    """Return how prompt and output fit the context."""
    if context is None:
        return status_line(f"{n_prompt} tokens")
    left = context - n_prompt
    if left <= 0:
        return status_line(
            f"The prompt has {n_prompt} tokens, the model reads {context}: shorten it by at least {1 - left}.", "error"
        )
    if n_new > left:
        return status_line(
            f"{n_prompt} + {n_new} tokens do not fit the {context} that the model reads: it will stop after {left}.",
            "busy",
        )
    return status_line(f"{n_prompt} + {n_new} of {context} tokens")
