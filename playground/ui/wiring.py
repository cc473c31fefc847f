"""What happens on the page: a handler reads inputs by name, asks the backend, and hands records to views."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import BeamProgress, GenerationRecord, PlaygroundError, Step
from playground.ui.beam_search import BeamSearch
from playground.ui.controls.decoding import DecodingControls, settings_from
from playground.ui.controls.preview import Preview
from playground.ui.model_choice import ModelChoice
from playground.ui.room import analysis_line, checked_writer
from playground.ui.selection import Selection
from playground.ui.session import Cancellations, Session, Visit, in_turn
from playground.ui.shown_text import session_of, session_of_text, within_kind
from playground.ui.status import (
    AT_ONCE,
    PRIVATE,
    RUNS_MODEL,
    STREAM_INTERVAL_S,
    describe_run,
    on_leaving,
    says_errors,
    status_line,
)
from playground.ui.tabs.attention import AttentionTab, show_tint
from playground.ui.tabs.beams import BeamsTab
from playground.ui.tabs.choices import ChoicesTab
from playground.ui.text_panel import TextPanel
from playground.views.tokens import prompt_lines, scored_lines, step_lines

FAILED = "The model failed while it wrote; the server's log says how. What is there stays. Try again, or another model."


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
        *,
        beams: BeamsTab,
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.status = panel.status
        self.decoding = decoding
        self.attention = attention
        self.choices = choices
        self.beams = beams
        self.cancellations = Cancellations()

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        panel = self.panel
        shown = self.wire_generation()
        selection = Selection(self.backend, self.visit, panel, self.attention, self.choices, beams=self.beams)
        selection.wire()
        BeamSearch(self.backend, self.visit, panel, self.beams, selection).wire(page, shown)
        Preview(self.backend, panel.prompt, panel.model, self.decoding).wire(page)
        panel.stop.click(self.on_stop, **AT_ONCE)
        on_leaving(page, self.on_stop)  # a closed tab leaves no run behind
        ModelChoice(self.backend, self.visit, panel, self.decoding, self.attention).wire(page)

    def wire_generation(self) -> Any:
        """Generate and Analyse, each followed by the instruments; return the event when a generated text is shown."""
        panel = self.panel
        instruments = [*self.attention.outputs(), *self.choices.outputs(), *self.beams.outputs()]
        inputs = {"prompt": panel.prompt, "model": panel.model, "visit": self.visit}
        outputs = [panel.tokens, panel.status, panel.generate, panel.stop, self.visit]
        generated = gr.on(
            [panel.generate.click, panel.prompt.submit],
            self.on_generate,
            inputs_kwargs={**inputs, **self.decoding.inputs()},
            outputs=outputs,
            trigger_mode="once",
            **RUNS_MODEL,
        )
        analysed = panel.analyse.click(
            self.on_analyse,
            inputs_kwargs={**inputs, "second": panel.second},
            outputs=[panel.tokens, panel.status, self.visit],
            **RUNS_MODEL,
        )
        shown = []
        for event in (generated, analysed):
            overview = event.success(
                self.on_text,
                inputs_kwargs={"visit": self.visit},
                outputs=[self.visit, panel.status, *self.attention.first_outputs()],
                **PRIVATE,
            )
            shown.append(
                overview.success(
                    self.on_views,
                    inputs_kwargs={"visit": self.visit},
                    outputs=[panel.tokens, panel.status, *instruments],
                    **PRIVATE,
                )
            )
        return shown[0]

    def on_generate(
        self, request: gr.Request, prompt: str, model: str, visit: Visit, **settings: Any
    ) -> Iterator[dict[Any, Any]]:
        """Stream a generation; what is there stays there when it is stopped or fails."""
        panel = self.panel
        idle = {panel.generate: gr.Button(interactive=True), panel.stop: gr.Button(interactive=False)}
        visitor = str(request.session_hash)
        switch = self.cancellations.begin(visitor)
        try:
            wanted = settings_from(settings)
            kind = checked_writer(self.backend.spec(model))
            read = self.backend.read(model, prompt)
            begun = session_of_text(model, read, kind, visit.session)  # as it looks until something is written
            lines = prompt_lines(begun.tokens, begun.parts, begun.n_read)
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
        except Exception:  # what a model of any make can do has no bounds: the page must be free for the next run
            yield {**idle, panel.status: status_line(FAILED, "error")}
            raise
        finally:
            self.cancellations.end(visitor, switch)

    def on_stop(self, request: gr.Request) -> None:
        """End this visitor's run within one token."""
        self.cancellations.cancel(str(request.session_hash))

    @says_errors
    @in_turn
    def on_analyse(self, prompt: str, second: str, model: str, visit: Visit) -> dict[Any, Any]:
        """Take what was typed as it is for the text of the page; what the model cannot read of it is left out."""
        panel, spec = self.panel, self.backend.spec(model)
        read = self.backend.read(model, prompt, "" if spec.kind == "decoder" else second, cut=True)
        session = session_of_text(model, read, spec.kind, visit.session)
        scores = self.backend.score(model, session.text)
        visit.session = session
        return {
            panel.tokens: gr.HTML(
                value=scored_lines(scores, session.tokens, session.parts, session.n_read), selected=session.selected
            ),
            panel.status: analysis_line(read, spec),
            self.visit: visit,
        }

    @says_errors
    @in_turn
    def on_text(self, visit: Visit) -> dict[Any, Any]:
        """Show all heads of the text that has just come; the other instruments take longer, and follow."""
        if not visit.session.ids:
            return {self.status: gr.skip()}
        visit.session = session = self.within_model(visit.session)
        values = self.attention.show_heads(self.backend, session)
        return {self.visit: visit, **dict(zip(self.attention.first_outputs(), values, strict=True))}

    @says_errors
    @in_turn
    def on_views(self, visit: Visit) -> dict[Any, Any]:
        """Fill the other instruments for the text, and the probabilities of its prompt."""
        session = visit.session
        if not session.ids:
            return {self.status: gr.skip()}
        scores = self.backend.score(session.model, session.text)[: session.n_prompt]
        values = self.attention.show_views(self.backend, session, visit.view)
        shown = dict(zip(self.attention.outputs(), values, strict=True))
        shown |= self.choices.show_text(self.backend, session, is_open=visit.choices_open)
        shown |= dict(zip(self.beams.outputs(), self.beams.show_text(session), strict=True))
        lines = scored_lines(scores, session.tokens, session.parts, session.n_read) + step_lines(session.steps)
        chips = gr.HTML(value=lines, selected=session.selected, tint=show_tint(self.backend, session))
        return {self.panel.tokens: chips, **shown}

    def within_model(self, session: Session) -> Session:
        """Return the session with the kinds of attention of its text, and a kind, layer and head that there are."""
        shapes = self.backend.attention_shapes(session.model, session.text)
        return within_kind(replace(session, shapes=shapes), session.kind)


def progress_line(event: BeamProgress) -> str:
    """Return how far a beam search is, whose text is not there before its end."""
    return status_line(f"Beam search, {event.step} tokens; the best beam at this moment: {event.text}", "busy")
