"""What happens in the Inside tab."""

from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records.logit_lens import first_shown
from playground.ui.latest import latest_counts
from playground.ui.selection import Selection, place_in
from playground.ui.status import AT_ONCE, PRIVATE, says_errors
from playground.ui.tabs.inside import InsideTab
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit, in_turn
from playground.ui.written import n_written, place_in_written, token_of_place


class Inside:
    """Joins the tab to the selection of the page."""

    def __init__(
        self,
        backend: Backend,
        visit: gr.State,
        panel: TextPanel,
        tab: InsideTab,
        selection: Selection,
        strip_beside: gr.HTML,
    ) -> None:
        """strip_beside: losses that stand in another tab, whose bars select as well."""
        self.strip_beside = strip_beside
        self.backend = backend
        self.visit = visit
        self.status = panel.status
        self.tab = tab
        self.selection = selection

    def wire(self) -> None:
        """Attach every handler."""
        tab = self.tab
        for strip in (tab.strip, self.strip_beside):
            moved = strip.select(
                self.on_bar, inputs_kwargs={"visit": self.visit}, outputs=self.selection.followers(), **AT_ONCE
            )
            self.selection.open_tab.follow(moved)
        column = tab.lens.select(
            self.on_cell, inputs_kwargs={"visit": self.visit}, outputs=self.selection.followers(), **AT_ONCE
        )
        self.selection.open_tab.follow(column)
        parts = tab.lens_parts.input(
            self.on_parts,
            inputs_kwargs={"visit": self.visit, "parts": tab.lens_parts},
            outputs=[self.visit],
            **AT_ONCE,
        )
        self.selection.open_tab.follow(parts)
        tuned = tab.lens_tuned.input(
            self.on_tuned,
            inputs_kwargs={"visit": self.visit, "tuned": tab.lens_tuned},
            outputs=[self.visit],
            **AT_ONCE,
        )
        self.selection.open_tab.follow(tuned)
        words = tab.embeddings.words.submit(
            self.on_words,
            inputs_kwargs={"visit": self.visit, "words": tab.embeddings.words},
            outputs=[self.visit],
            **AT_ONCE,
        )
        self.selection.open_tab.follow(words)
        gr.on(
            [tab.compare.click, tab.other.submit],
            self.on_compare,
            inputs_kwargs={"visit": self.visit, "text": tab.other},
            outputs=[self.status, *tab.other_outputs()],
            **PRIVATE,
        )

    @says_errors
    @in_turn
    @latest_counts("token")
    def on_bar(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A bar of the losses was clicked."""
        session = visit.session
        place = place_in(event, 0, n_written(session))
        return self.selection.follow(visit, session.select(token_of_place(session, place)))

    @says_errors
    @in_turn
    @latest_counts("token")
    def on_cell(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A cell of the lens was clicked: the token that is predicted there is selected."""
        session = visit.session
        column, n_tokens = place_in(event, 1, n_written(session)), n_written(session)
        start = first_shown(max(0, place_in_written(session) - 1), n_tokens)
        place = min(start + column + 1, n_tokens - 1)
        return self.selection.follow(visit, session.select(token_of_place(session, place)))

    @in_turn
    def on_parts(self, visit: Visit, parts: bool) -> dict[Any, Any]:
        """Stages behind attention are to be shown, or not."""
        visit.session = replace(visit.session, lens_parts=bool(parts))
        return {self.visit: visit}

    @in_turn
    def on_tuned(self, visit: Visit, tuned: bool) -> dict[Any, Any]:
        """The stages are to be read through the tuned lens, or not."""
        visit.session = replace(visit.session, lens_tuned=bool(tuned))
        return {self.visit: visit}

    @in_turn
    def on_words(self, visit: Visit, words: str) -> dict[Any, Any]:
        """Other words are to be followed through the layers."""
        named = (word.strip() for word in str(words)[:1000].split(","))
        visit.session = replace(visit.session, path_words=tuple(dict.fromkeys(word for word in named if word)))
        return {self.visit: visit}

    @says_errors
    def on_compare(self, visit: Visit, text: str) -> dict[Any, Any]:
        """Another text is to be compared with this one."""
        return self.tab.show_other(self.backend, visit.session, text)
