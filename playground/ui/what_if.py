"""What happens in the What if tab: a change is made, the model writes on under it, the heads are measured."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import Change, HeadImportance, PlaygroundError
from playground.ui.fields import choice_of
from playground.ui.selection import Selection, place_in
from playground.ui.session import Session
from playground.ui.status import AT_ONCE, RUNS_MODEL, says_errors
from playground.ui.stoppable import Stoppable
from playground.ui.tabs.what_if import HOW, WhatIfTab, change_from, changes_in, kind_in
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit, in_turn
from playground.ui.written import place_in_written
from playground.views.what_if import changed_text_html


class WhatIfs:
    """Joins the tab to the backend and to the selection of the page."""

    def __init__(
        self, backend: Backend, visit: gr.State, panel: TextPanel, tab: WhatIfTab, selection: Selection
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.status = panel.status
        self.tab = tab
        self.selection = selection
        self.writing = Stoppable(panel.status, tab.write, tab.stop_writing)
        self.measuring = Stoppable(panel.status, tab.measure, tab.stop)

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        tab = self.tab
        visit: dict[str, Any] = {"visit": self.visit}
        outputs = [self.visit, self.status, *tab.named()]
        changed = gr.on(
            [tab.heads.submit, tab.layers.submit, tab.edges.submit, tab.how.input],
            self.on_fields,
            inputs_kwargs={**visit, **tab.fields()},
            outputs=outputs,
            **AT_ONCE,
        )
        events = [
            changed,
            tab.selected.click(self.on_selected, inputs_kwargs=visit, outputs=outputs, **AT_ONCE),
            tab.reset.click(self.on_reset, inputs_kwargs=visit, outputs=outputs, **AT_ONCE),
            tab.importance.select(self.on_head, inputs_kwargs=visit, outputs=outputs, **AT_ONCE),
            tab.looks.select(self.on_head, inputs_kwargs=visit, outputs=outputs, **AT_ONCE),
        ]
        for event in events:
            self.selection.open_tab.follow(event)
        tab.write.click(
            self.on_write,
            inputs_kwargs={**visit, "n_tokens": tab.n_tokens},
            outputs=[tab.written, *self.writing.outputs()],
            **RUNS_MODEL,
        )
        tab.measure.click(
            self.on_measure,
            inputs_kwargs={**visit, "how": tab.how},
            outputs=[*self.measuring.outputs(), *tab.map_outputs()],
            **RUNS_MODEL,
        )
        self.writing.wire(page)
        self.measuring.wire(page)

    @says_errors
    @in_turn
    def on_fields(self, visit: Visit, heads: str, how: str, layers: str, edges: str) -> dict[Any, Any]:
        """Something else is to be switched off."""
        return self.switch(visit, change_from(heads, how, layers, edges))

    @says_errors
    @in_turn
    def on_selected(self, visit: Visit) -> dict[Any, Any]:
        """The head that is selected in the Attention tab is to be switched off, too."""
        session = visit.session
        if not session.layers:
            raise PlaygroundError("No head is selected yet: generate or analyse a text first.")
        head = (session.layer_number, session.head)
        return self.switch_elsewhere(
            visit, replace(session.change, heads=tuple(dict.fromkeys([*session.change.heads, head])))
        )

    @says_errors
    @in_turn
    def on_reset(self, visit: Visit) -> dict[Any, Any]:
        """All is to be switched on again."""
        return self.switch_elsewhere(visit, Change(how=visit.session.change.how))

    @says_errors
    @in_turn
    def on_head(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A head of the map was clicked: it is switched off, or on again."""
        heads = dict.fromkeys(visit.session.change.heads)
        head = (place_in(event, 0, 1000), place_in(event, 1, 1000))
        if head in heads:
            del heads[head]
        else:
            heads[head] = None
        return self.switch_elsewhere(visit, replace(visit.session.change, heads=tuple(heads)))

    def switch_elsewhere(self, visit: Visit, change: Change) -> dict[Any, Any]:
        """Take a change that was not typed, and show it in the fields."""
        return {**self.switch(visit, change), **self.tab.show_named(change)}

    def switch(self, visit: Visit, change: Change) -> dict[Any, Any]:
        """Take a change for the visit's; the tab is filled afterwards."""
        visit.session = replace(visit.session, change=change)
        return {self.visit: visit, self.status: gr.skip()}

    def on_write(self, request: gr.Request, visit: Visit, n_tokens: int) -> Iterator[dict[Any, Any]]:
        """Write on from the selected token, as the model does and under the change."""
        tab, session = self.tab, visit.session

        def work(switch: threading.Event) -> Iterator[dict[Any, Any]]:
            check_text(session)
            if isinstance(n_tokens, bool) or not isinstance(n_tokens, int | float):
                raise PlaygroundError("The number of tokens to write must be a number.")
            yield {}
            note_asked(visit)
            place = max(0, place_in_written(session))
            text = self.backend.write_changed(
                session.model, session.text, place, changes_in(session), int(n_tokens), switch
            )
            if visit.session.text == session.text:
                yield {tab.written: changed_text_html(text)}

        yield from self.writing.run(request, work)

    def on_measure(self, request: gr.Request, visit: Visit, how: str) -> Iterator[dict[Any, Any]]:
        """Switch off each head in turn; what is measured stays when it is stopped."""
        tab, session = self.tab, visit.session

        def work(switch: threading.Event) -> Iterator[dict[Any, Any]]:
            check_text(session)
            heads_off = choice_of(how, HOW)
            yield {tab.progress: "<p>Measuring …</p>", tab.explains: "", tab.looks: ""}
            note_asked(visit)
            importance: HeadImportance | None = None
            place = max(0, place_in_written(session))
            for importance in self.backend.head_importance(
                session.model, session.text, place, heads_off, kind_in(session), switch
            ):
                if visit.session.text != session.text:
                    return
                yield tab.show_importance(visit.session, importance)
            if importance is not None and visit.session.text == session.text:
                found = self.backend.attention_explains(session.model, session.text, importance)
                yield tab.show_looks(visit.session, found)

        yield from self.measuring.run(request, work, on_error={tab.progress: ""})


def note_asked(visit: Visit) -> None:
    """Note of which text something is asked that stays until another text comes."""
    with visit.lock:
        visit.session = replace(visit.session, asked=(visit.session.model, visit.session.text))


def check_text(session: Session) -> None:
    """Raise PlaygroundError where there is no text yet."""
    if not session.ids:
        raise PlaygroundError("There is no text yet: generate or analyse one first.")
