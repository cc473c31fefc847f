"""What happens when something is selected or chosen: every instrument follows."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.fields import sent
from playground.ui.head_views.map import keep_text, shown_map, token_of_row
from playground.ui.head_views.save import file_message
from playground.ui.latest import COUNTED, latest_counts
from playground.ui.open_tab import OpenTab
from playground.ui.session import Session
from playground.ui.shown_text import within_kind
from playground.ui.status import AT_ONCE, PRIVATE, says_errors
from playground.ui.tabs.attention import AttentionTab, show_tint
from playground.ui.tabs.beams import BeamsTab
from playground.ui.tabs.choices import ChoicesTab
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit, in_turn
from playground.views.export import ExportedFile


class Selection:
    """Joins what can be selected to everything that shows it."""

    def __init__(
        self,
        backend: Backend,
        visit: gr.State,
        panel: TextPanel,
        attention: AttentionTab,
        choices: ChoicesTab,
        *,
        beams: BeamsTab,
        open_tab: OpenTab,
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.tokens = panel.tokens
        self.status = panel.status
        self.turn = panel.turn
        self.attention = attention
        self.choices = choices
        self.beams = beams
        self.open_tab = open_tab

    def followers(self) -> list[gr.components.Component | gr.State]:
        """Return what `follow` fills."""
        tabs = [*self.attention.outputs(), *self.choices.outputs(), *self.beams.outputs()]
        return [self.visit, self.tokens, self.status, *tabs]

    def wire(self) -> Any:
        """A token, a tile, a row, a layer or a head is selected anywhere: everything follows.

        Returns the event after which another instrument is open.
        """
        attention = self.attention
        followers = self.followers()

        def follow(trigger: Callable[..., Any], handler: Callable[..., Any], **more: Any) -> Any:
            return trigger(handler, inputs_kwargs={"visit": self.visit, **more}, outputs=followers, **AT_ONCE)

        self.open_tab.follow(follow(self.tokens.select, self.on_token))
        follow(self.choices.uncertain.select, self.on_token)
        follow(self.choices.strip.select, self.on_strip)
        opened = self.choices.tabs.select(
            self.on_instrument,
            inputs_kwargs={"visit": self.visit, "turn": self.turn},
            js=COUNTED,
            outputs=[self.status, self.choices.funnel],
            **AT_ONCE,
        )
        self.open_tab.follow(opened)
        self.choices.read.click(
            self.on_read,
            inputs_kwargs={"visit": self.visit, "text": self.choices.person},
            outputs=[self.status, *self.choices.person_outputs()],
            **PRIVATE,
        )
        follow(attention.overview.select, self.on_tile)
        follow(attention.patterns.table.select, self.on_tile)
        follow(attention.map.chart.select, self.on_map_row)
        follow(attention.rows.select, self.on_head_row)
        for head_list in (attention.layer, attention.head):
            follow(head_list.input, self.on_head, layer=attention.layer, head=attention.head)
        attention.kind.input(
            self.on_kind, inputs_kwargs={"visit": self.visit, "kind": attention.kind}, outputs=followers, **AT_ONCE
        )
        follow(attention.order.input, self.on_order, order=attention.order)
        for panel in (attention.map, attention.patterns, attention.flow, attention.mask, attention.bertviz):
            for changed in panel.changes():
                follow(changed, partial(self.on_option, panel.chosen), **panel.options())
        follow(attention.map.keep.click, self.on_keep)
        for save in (*attention.map.save.saves(), *attention.patterns.saves()):
            save.button.click(
                partial(self.on_save, save.make),
                inputs_kwargs={"visit": self.visit, **save.options},
                outputs=[attention.download, self.status],
                **AT_ONCE,
            )
        attention.view_tabs.select(
            self.on_view,
            inputs_kwargs={"visit": self.visit, "turn": self.turn},
            js=COUNTED,
            outputs=[self.status, *attention.view_outputs()],
            **AT_ONCE,
        )
        return opened

    def follow(self, visit: Visit, session: Session, *, moved: bool = True) -> dict[Any, Any]:
        """Return every instrument for a session in which something else is selected, which becomes the visit's.

        moved: another token is selected, so that all heads look from elsewhere.
        """
        if not session.ids:
            visit.session = session
            return {self.visit: visit}
        if moved:
            session = replace(session, branch=None)
        attention = self.attention
        values = attention.show_selection(self.backend, session, visit.view, moved=moved)
        shown = dict(zip(attention.outputs(), values, strict=True))
        shown |= self.choices.show_selection(self.backend, session, is_open=visit.open_tab == self.choices.name)
        shown |= dict(zip(self.beams.outputs(), self.beams.show_selection(session), strict=True))
        chips = gr.HTML(selected=session.selected, tint=show_tint(self.backend, session))
        visit.session = session
        return {self.visit: visit, self.tokens: chips, **shown}

    @says_errors
    @in_turn
    @latest_counts("token")
    def on_token(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A chip was selected."""
        session = visit.session
        return self.follow(visit, session.select(place_in(event, 0, len(session.ids))))

    @says_errors
    @in_turn
    @latest_counts("token")
    def on_strip(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A token of the run's strip was clicked."""
        session = visit.session
        first = session.n_prompt if session.steps else 0
        place = first + place_in(event, 0, len(session.ids) - first)
        return self.follow(visit, session.select(place))

    @says_errors
    @in_turn
    @latest_counts("instrument")
    def on_instrument(self, visit: Visit, turn: float, event: gr.SelectData) -> dict[Any, Any]:
        """Another instrument was opened: the funnel is filled only while it is in sight."""
        visit.open_tab = str(event.value)[:40]
        if visit.open_tab != self.choices.name or not visit.session.ids:
            return {self.status: gr.skip()}
        return {self.choices.funnel: self.choices.show_funnel(self.backend, visit.session)}

    @says_errors
    def on_read(self, visit: Visit, text: str) -> dict[Any, Any]:
        """A person's text is to be read beside the model's."""
        model = visit.session.model or self.backend.models()[0]
        return self.choices.show_person(self.backend, model, text)

    @says_errors
    @in_turn
    @latest_counts("token")
    def on_map_row(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A row of the map was clicked: the token that was chosen from there is selected."""
        session = visit.session
        query = place_in(event, 0, len(session.queries))
        if session.map_values == "words":
            query = token_of_row(shown_map(self.backend, session), query)
        return self.follow(visit, session.select(session.token_of_query(query)))

    @says_errors
    @in_turn
    @latest_counts("head")
    def on_tile(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A tile of the overview, or a line of the patterns, was chosen."""
        session = visit.session
        layer, head = place_in(event, 0, len(session.layers)), place_in(event, 1, session.shape.n_heads)
        return self.follow(visit, replace(session, layer=layer, head=head), moved=False)

    @says_errors
    @in_turn
    @latest_counts("head")
    def on_head_row(self, visit: Visit, event: gr.EventData) -> dict[Any, Any]:
        """A row of "every head" was clicked."""
        session = visit.session
        n_heads = max(1, session.shape.n_heads)
        layer, head = divmod(place_in(event, 0, len(session.layers) * n_heads), n_heads)
        return self.follow(visit, replace(session, layer=layer, head=head), moved=False)

    @says_errors
    @in_turn
    def on_head(self, visit: Visit, layer: int, head: int) -> dict[Any, Any]:
        """A layer or a head was chosen from its list."""
        return self.follow(visit, replace(visit.session, layer=int(layer), head=int(head)), moved=False)

    @says_errors
    @in_turn
    def on_kind(self, visit: Visit, kind: str) -> dict[Any, Any]:
        """Another kind of attention is to be shown: all of it is drawn anew, with the same token selected."""
        session = visit.session
        wanted = next((shape for shape in session.shapes if shape.kind == kind), None)
        if wanted is None:
            raise PlaygroundError("There is no such attention of this text: generate, or analyse one with a target.")
        visit.session = session = within_kind(session, wanted.kind)
        values = self.attention.show_text(self.backend, session, visit.view)
        shown = dict(zip(self.attention.outputs(), values, strict=True))
        return {self.visit: visit, self.tokens: gr.HTML(tint=show_tint(self.backend, session)), **shown}

    @says_errors
    @in_turn
    def on_order(self, visit: Visit, order: str) -> dict[Any, Any]:
        """The tiles are to stand in another order."""
        visit.session = session = replace(visit.session, overview_order=self.attention.order_of(order))
        if not session.ids:
            return {self.visit: visit}
        return {self.visit: visit, self.attention.overview: self.attention.show_overview(self.backend, session)}

    @says_errors
    @in_turn
    def on_option(self, chosen: Callable[..., Session], visit: Visit, **options: Any) -> dict[Any, Any]:
        """An option of a view of the head was changed."""
        return self.follow(visit, chosen(visit.session, **options), moved=False)

    @says_errors
    @in_turn
    def on_keep(self, visit: Visit) -> dict[Any, Any]:
        """The text is to be kept, so that others can be compared with it."""
        return self.follow(visit, keep_text(visit.session), moved=False)

    @says_errors
    def on_save(self, make: Callable[..., ExportedFile], visit: Visit, **options: Any) -> dict[Any, Any]:
        """What is shown is wanted as a file."""
        session = visit.session
        if not session.ids:
            raise PlaygroundError("There is nothing to save yet: generate or analyse a text first.")
        return {self.attention.download: file_message(make(self.backend, session, **options))}

    @says_errors
    @in_turn
    @latest_counts("view")
    def on_view(self, visit: Visit, turn: float, event: gr.SelectData) -> dict[Any, Any]:
        """Another view of the head was opened: fill it."""
        attention = self.attention
        visit.view = attention.view_name(event.index)
        if not visit.session.ids:
            return {self.status: gr.skip()}
        values = attention.show_view(self.backend, visit.session, visit.view)
        return dict(zip(attention.view_outputs(), values, strict=True))


def place_in(event: gr.EventData, axis: int, size: int) -> int:
    """Return an index that the browser sent, kept in [0, size): it may be anything at all."""
    index = sent(event, "index")
    if isinstance(index, list | tuple):
        index = index[axis] if axis < len(index) else 0
    if isinstance(index, bool) or not isinstance(index, int):
        index = 0
    return max(0, min(index, size - 1))
