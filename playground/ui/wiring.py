"""What happens on the page: a handler reads inputs by name, asks the backend, and hands records to views."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.attribution import Attributions
from playground.ui.beam_search import BeamSearch
from playground.ui.compression import Compressions
from playground.ui.controls.decoding import DecodingControls, settings_from
from playground.ui.controls.preview import Preview
from playground.ui.cost import Costs
from playground.ui.fields import as_text
from playground.ui.fill_in import FillIns
from playground.ui.history import history_updates
from playground.ui.inside import Inside
from playground.ui.model_choice import ModelChoice
from playground.ui.open_tab import OpenTab
from playground.ui.patching import Patching
from playground.ui.room import analysis_line
from playground.ui.runs import Runs
from playground.ui.selection import Selection
from playground.ui.session import Session
from playground.ui.shown_text import session_of_text, within_kind
from playground.ui.status import AT_ONCE, PRIVATE, RUNS_MODEL, on_leaving, says_errors, status_line
from playground.ui.step_by_step import StepByStep
from playground.ui.tabs.attention import AttentionTab, show_tint
from playground.ui.tabs.attribution import AttributionTab
from playground.ui.tabs.beams import BeamsTab
from playground.ui.tabs.choices import ChoicesTab
from playground.ui.tabs.compression import CompressionTab
from playground.ui.tabs.cost import CostTab
from playground.ui.tabs.fill_in import FillInTab
from playground.ui.tabs.inside import InsideTab
from playground.ui.tabs.patching import PatchingPanel
from playground.ui.tabs.steps import StepsTab
from playground.ui.tabs.training import TrainingTab
from playground.ui.tabs.what_if import WhatIfTab
from playground.ui.text_panel import TextPanel
from playground.ui.training import Trainer
from playground.ui.visit import Visit, in_turn
from playground.ui.what_if import WhatIfs
from playground.ui.writing import Task, Writer
from playground.views.tokens import given_json, scored_lines


class Tabs(NamedTuple):
    """The instruments that follow the text."""

    attention: AttentionTab
    choices: ChoicesTab
    beams: BeamsTab
    steps: StepsTab
    fill_in: FillInTab
    inside: InsideTab
    what_if: WhatIfTab
    compression: CompressionTab
    cost: CostTab
    training: TrainingTab
    attribution: AttributionTab
    patching: PatchingPanel


class Wiring:
    """Joins the components of the page to the backend."""

    def __init__(
        self,
        backend: Backend,
        visit: gr.State,
        panel: TextPanel,
        decoding: DecodingControls,
        tabs: Tabs,
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.status = panel.status
        self.decoding = decoding
        self.tabs = tabs
        self.attention = tabs.attention
        self.choices = tabs.choices
        self.beams = tabs.beams
        self.writer = Writer(backend, visit, panel)
        self.runs = Runs(backend, visit, panel, decoding, writer=self.writer)
        self.steps = StepByStep(backend, visit, tabs.steps, self.runs)
        self.fill_ins = FillIns(backend, visit, panel, tabs.fill_in)
        followers = (
            tabs.fill_in,
            tabs.inside,
            tabs.attribution,
            tabs.what_if,
            tabs.compression,
            tabs.cost,
            tabs.training,
        )
        self.open_tab = OpenTab(backend, visit, panel.status, followers)

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        panel = self.panel
        # First, since the browser asks one after the other what follows when another model is chosen
        ModelChoice(self.backend, self.visit, panel, self.decoding, self.attention, self.tabs.compression).wire(page)
        shown = self.wire_generation()
        selection = Selection(
            self.backend, self.visit, panel, self.attention, self.choices, beams=self.beams, open_tab=self.open_tab
        )
        self.steps.refresh(selection.wire().success)
        Inside(self.backend, self.visit, panel, self.tabs.inside, selection, self.tabs.what_if.losses).wire()
        WhatIfs(self.backend, self.visit, panel, self.tabs.what_if, selection).wire(page)
        Compressions(self.backend, self.visit, panel, self.decoding, self.tabs.compression).wire(page)
        Costs(self.backend, self.visit, panel, self.tabs.cost).wire(page)
        Trainer(self.backend, self.visit, panel, self.tabs.training, self.decoding).wire(page)
        Attributions(self.backend, self.visit, panel, self.tabs.attribution, selection).wire(page)
        Patching(self.backend, self.visit, panel, self.tabs.patching).wire(page, shown)
        beam_search = BeamSearch(self.backend, self.visit, panel, self.beams, selection)
        beam_search.wire(shown)
        self.writer.beside.append(beam_search.cancellations)
        Preview(self.backend, panel.prompt, panel.model, self.decoding).wire(page)
        panel.stop.click(self.writer.on_stop, **AT_ONCE)
        on_leaving(page, self.writer.on_stop)  # a closed tab leaves no run behind

    def wire_generation(self) -> list[Any]:
        """Whatever brings another text, followed by the instruments; return the events after which these show it."""
        panel = self.panel
        instruments = [*self.attention.outputs(), *self.choices.outputs(), *self.beams.outputs()]
        heads = [self.visit, panel.status, *panel.history.outputs(), *self.attention.first_outputs()]
        inputs = {"prompt": panel.prompt, "model": panel.model, "visit": self.visit}
        gr.on(
            [panel.generate.click, panel.prompt.submit],
            self.on_generate,
            inputs_kwargs={**inputs, **self.decoding.inputs()},
            outputs=self.writer.outputs(),
            # Gradio changes threads for each value, while the model holds Python's lock; what comes in is checked
            preprocess=False,
            postprocess=False,
            **RUNS_MODEL,
        )
        analysed = panel.analyse.click(
            self.on_analyse,
            inputs_kwargs={**inputs, "second": panel.second},
            outputs=[panel.tokens, *heads],
            trigger_mode="always_last",  # another text may have been typed meanwhile
            **RUNS_MODEL,
        )
        self.runs.wire(self.choices)
        self.steps.wire()
        self.fill_ins.wire()
        came = panel.text_number.change(self.on_text, inputs_kwargs={"visit": self.visit}, outputs=heads, **PRIVATE)
        shown = []
        for overview in (analysed, came):
            shown.append(
                overview.success(
                    self.on_views,
                    inputs_kwargs={"visit": self.visit},
                    outputs=[panel.tokens, panel.status, *instruments],
                    **PRIVATE,
                )
            )
            self.open_tab.follow(shown[-1])
            self.steps.refresh(shown[-1].success)
        return shown

    def on_generate(
        self, request: gr.Request, prompt: str, model: str, visit: Visit, **settings: Any
    ) -> Iterator[dict[Any, Any]]:
        """Begin a run. What is given may be anything that a browser can send."""
        yield from self.runs.writing(
            request, visit, lambda: Task(as_text(model), as_text(prompt), settings_from(settings))
        )

    @says_errors
    @in_turn
    def on_analyse(self, prompt: str, second: str, model: str, visit: Visit) -> dict[Any, Any]:
        """Take what was typed as it is for the text of the page; what the model cannot read of it is left out.

        Its heads come with it: another request for them takes a tenth of a second.
        """
        panel, spec = self.panel, self.backend.spec(model)
        read = self.backend.read(model, prompt, "" if spec.kind == "decoder" else second, cut=True)
        session = session_of_text(model, read, spec.kind, visit.session)
        scores = self.backend.score(model, session.text)
        visit.session = replace(session, runs=session.runs.hidden())
        return {
            panel.tokens: gr.HTML(
                value=scored_lines(scores, session.tokens, session.parts, session.n_read), selected=session.selected
            ),
            panel.status: analysis_line(read, spec),
            **self.show_heads(visit),
        }

    @in_turn
    def on_text(self, visit: Visit) -> dict[Any, Any]:
        """Show all heads of the text that has just come, and its place among the runs.

        The other instruments take longer, and follow. While a text is written nothing but what it changes is sent:
        each output of a handler takes time from the decoding.
        """
        return self.show_heads(visit) if visit.session.ids else {self.status: gr.skip()}

    def show_heads(self, visit: Visit) -> dict[Any, Any]:
        """Return all heads of the visitor's text, and its place among the runs."""
        shown = {self.visit: visit} | history_updates(self.panel.history, visit.session.runs)
        try:
            visit.session = session = self.within_model(visit.session)
            values = self.attention.show_heads(self.backend, session)
        except PlaygroundError as error:
            return shown | {self.status: status_line(str(error), "error")}
        return shown | dict(zip(self.attention.first_outputs(), values, strict=True))

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
        shown |= self.choices.show_text(self.backend, session, is_open=visit.open_tab == self.choices.name)
        shown |= dict(zip(self.beams.outputs(), self.beams.show_text(session), strict=True))
        # Not the text itself: another one may be on its way by now
        chips = gr.HTML(given=given_json(scores), selected=session.selected, tint=show_tint(self.backend, session))
        return {self.panel.tokens: chips, **shown}

    def within_model(self, session: Session) -> Session:
        """Return the session with the kinds of attention of its text, and a kind, layer and head that there are."""
        shapes = self.backend.attention_shapes(session.model, session.text)
        return within_kind(replace(session, shapes=shapes), session.kind)
