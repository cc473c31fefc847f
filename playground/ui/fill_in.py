"""What happens in the Fill in tab: words are masked and brought back, masks are filled."""

from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError, TextIds
from playground.ui.session import Session
from playground.ui.shown_text import session_of_text
from playground.ui.status import PRIVATE, says_errors, status_line
from playground.ui.tabs.fill_in import FillInTab
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit, in_turn
from playground.views.fill_in import filled_sentence
from playground.views.tokens import prompt_lines

MOST_UNDONE = 50  # changes that can be taken back


class FillIns:
    """Joins the tab to the text of the page."""

    def __init__(self, backend: Backend, visit: gr.State, panel: TextPanel, tab: FillInTab) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.status = panel.status
        self.tab = tab

    def wire(self) -> None:
        """Attach every handler."""
        tab = self.tab
        handlers = (
            (tab.text.select, self.on_pick),
            (tab.fill.click, self.on_fill),
            (tab.undo.click, self.on_undo),
            (tab.restore.click, self.on_restore),
        )
        outputs = [*self.panel.outputs(), self.status, self.visit]
        for trigger, handler in handlers:
            trigger(handler, inputs_kwargs={"visit": self.visit}, outputs=outputs, **PRIVATE)

    @says_errors
    @in_turn
    def on_pick(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A word was pressed, which masks it or brings it back, or a candidate, which is put in."""
        session = self._session(visit)
        match getattr(event, "index", None):
            case ["word", int(at)]:
                return self._toggle(visit, session, at)
            case ["candidate", int(place), int(id)]:
                return self._change(visit, self._put(session, {place: id}), place)
        raise PlaygroundError("That is no word of this text: analyse it again.")

    @says_errors
    @in_turn
    def on_fill(self, visit: Visit) -> dict[Any, Any]:
        """Every mask is to be filled."""
        session = self._session(visit)
        fillings = self.backend.fill_masks(session.model, session.text)
        put = {one.place: one.candidate.id for one in fillings}
        return self._change(visit, self._put(session, put), fillings[0].place, filled_sentence(fillings))

    @says_errors
    @in_turn
    def on_undo(self, visit: Visit) -> dict[Any, Any]:
        """The last change is to be taken back."""
        session = self._session(visit)
        if not session.masked_before:
            raise PlaygroundError("Nothing was masked or filled yet.")
        *earlier, text = session.masked_before
        visit.session = replace(session, masked_before=tuple(earlier))
        return self._change(visit, text, session.selected, "Undone.", is_kept=False)

    @says_errors
    @in_turn
    def on_restore(self, visit: Visit) -> dict[Any, Any]:
        """The text is to be as it was before anything was masked."""
        session = self._session(visit)
        if session.given is None:
            raise PlaygroundError("Nothing was masked or filled yet.")
        return self._change(visit, session.given.ids, session.selected, "The text is as it was.")

    def _session(self, visit: Visit) -> Session:
        if not visit.session.ids:
            raise PlaygroundError("There is no text yet: type one and press Analyse.")
        return visit.session

    def _toggle(self, visit: Visit, session: Session, at: int) -> dict[Any, Any]:
        given = session.given or session.read
        fill = self.backend.fill_in(session.model, session.text, given)
        if not 0 <= at < len(fill.words):
            raise PlaygroundError("That is no word of this text: analyse it again.")
        word = fill.words[at]
        places = range(word.start, word.stop)
        masked = {mask.place for mask in fill.masks}
        if masked.isdisjoint(places):
            return self._change(visit, self.backend.mask(session.model, session.text, places).ids, word.start)
        brought = {place: given.tokens[place].id for place in places}
        return self._change(visit, self._put(session, brought), word.start)

    @staticmethod
    def _put(session: Session, put: dict[int, int]) -> TextIds:
        """Return the text with other tokens at some places. PlaygroundError for a place that there is not."""
        ids = list(session.text.ids)
        if not all(0 <= place < len(ids) for place in put):
            raise PlaygroundError("That mask is no longer there: choose one that is shown.")
        for place, id in put.items():
            ids[place] = id
        return replace(session.text, ids=tuple(ids))

    def _change(
        self, visit: Visit, text: TextIds, selected: int, sentence: str = "", *, is_kept: bool = True
    ) -> dict[Any, Any]:
        """Put a changed text on the page; `is_kept`: the one before can be had again."""
        before = visit.session
        given = before.given or before.read
        read = self.backend.read_ids(before.model, text)
        # What stayed keeps its share of what was typed: ids do not say how that was spelt
        kept_tokens = zip(read.tokens, given.tokens, strict=True)
        read = replace(read, tokens=tuple(was if was.id == token.id else token for token, was in kept_tokens))
        session = session_of_text(before.model, read, before.model_kind, before)
        kept = (*before.masked_before, before.text)[-MOST_UNDONE:] if is_kept else before.masked_before
        visit.session = session = replace(session.select(selected), given=given, masked_before=kept)
        return {
            **self.panel.another_text(prompt_lines(session.tokens, session.parts, session.n_read), session.selected),
            self.status: status_line(sentence or "The text follows: open Attention to see where the masks look."),
            self.visit: visit,
        }
