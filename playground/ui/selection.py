"""What happens when something is selected or chosen: every instrument follows."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.head_views.map import shown_map, token_of_row
from playground.ui.head_views.save import make_file
from playground.ui.session import Session
from playground.ui.status import AT_ONCE, says_errors, status_line
from playground.ui.tabs.attention import AttentionTab, show_tint
from playground.ui.tabs.choices import ChoicesTab, show_choices
from playground.ui.text_panel import TextPanel


class Selection:
    """Joins what can be selected to everything that shows it."""

    def __init__(
        self, backend: Backend, session: gr.State, panel: TextPanel, attention: AttentionTab, choices: ChoicesTab
    ) -> None:
        self.backend = backend
        self.session = session
        self.tokens = panel.tokens
        self.status = panel.status
        self.attention = attention
        self.choices = choices

    def wire(self) -> None:
        """A token, a tile, a row, a layer or a head is selected anywhere: everything follows."""
        attention = self.attention
        followers = [self.session, self.tokens, self.status, *attention.outputs(), *self.choices.outputs()]
        state = {"session": self.session, "view": attention.view}

        def follow(trigger: Callable[..., Any], handler: Callable[..., Any], **more: Any) -> None:
            trigger(handler, inputs_kwargs={**state, **more}, outputs=followers, **AT_ONCE)

        follow(self.tokens.select, self.on_token)
        follow(attention.overview.select, self.on_tile)
        follow(attention.patterns.table.select, self.on_tile)
        follow(attention.map.chart.select, self.on_map_row)
        follow(attention.rows.select, self.on_head_row)
        for head_list in (attention.layer, attention.head):
            follow(head_list.input, self.on_head, layer=attention.layer, head=attention.head)
        follow(attention.order.input, self.on_order, order=attention.order)
        for panel in (attention.map, attention.patterns, attention.flow, attention.mask):
            for changed in panel.changes():
                follow(changed, partial(self.on_option, panel.chosen), **panel.options())
        for name, button in attention.map.save.buttons.items():
            button.click(
                partial(self.on_save, name),
                inputs_kwargs={"session": self.session},
                outputs=[attention.map.save.download, self.status],
                **AT_ONCE,
            )
        attention.view_tabs.select(
            self.on_view,
            inputs_kwargs={"session": self.session},
            outputs=[attention.view, self.status, *attention.view_outputs()],
            **AT_ONCE,
        )

    def follow(self, session: Session, view: str, *, moved: bool = True) -> dict[Any, Any]:
        """Return every instrument for a session in which something else is selected.

        moved: another token is selected, so that all heads look from elsewhere.
        """
        if not session.ids:
            return {self.session: session}
        attention = self.attention
        values = attention.show_selection(self.backend, session, view, moved=moved)
        shown = dict(zip(attention.outputs(), values, strict=True))
        shown |= dict(zip(self.choices.outputs(), show_choices(session), strict=True))
        chips = gr.HTML(selected=session.selected, tint=show_tint(self.backend, session))
        return {self.session: session, self.tokens: chips, **shown}

    @says_errors
    def on_token(self, session: Session, view: str, event: gr.EventData) -> dict[Any, Any]:
        """A chip was selected."""
        return self.follow(replace(session, selected=place_in(event, 0, len(session.ids))), view)

    @says_errors
    def on_map_row(self, session: Session, view: str, event: gr.EventData) -> dict[Any, Any]:
        """A row of the map was clicked: the token that was chosen from there is selected."""
        query = place_in(event, 0, len(session.ids))
        if session.map_values == "words":
            query = token_of_row(shown_map(self.backend, session), query)
        return self.follow(replace(session, selected=min(query + 1, len(session.ids) - 1)), view)

    @says_errors
    def on_tile(self, session: Session, view: str, event: gr.EventData) -> dict[Any, Any]:
        """A tile of the overview, or a line of the patterns, was chosen."""
        spec = self.backend.spec(session.model)
        layer, head = place_in(event, 0, len(session.layers)), place_in(event, 1, spec.n_query_heads)
        return self.follow(replace(session, layer=layer, head=head), view, moved=False)

    @says_errors
    def on_head_row(self, session: Session, view: str, event: gr.EventData) -> dict[Any, Any]:
        """A row of "every head" was clicked."""
        n_heads = self.backend.spec(session.model).n_query_heads
        layer, head = divmod(place_in(event, 0, len(session.layers) * n_heads), n_heads)
        return self.follow(replace(session, layer=layer, head=head), view, moved=False)

    @says_errors
    def on_head(self, session: Session, view: str, layer: int, head: int) -> dict[Any, Any]:
        """A layer or a head was chosen from its list."""
        return self.follow(replace(session, layer=int(layer), head=int(head)), view, moved=False)

    @says_errors
    def on_order(self, session: Session, view: str, order: str) -> dict[Any, Any]:
        """The tiles are to stand in another order."""
        session = replace(session, overview_order=self.attention.order_of(order))
        if not session.ids:
            return {self.session: session}
        return {self.session: session, self.attention.overview: self.attention.show_overview(self.backend, session)}

    @says_errors
    def on_option(self, chosen: Callable[..., Session], session: Session, view: str, **options: Any) -> dict[Any, Any]:
        """An option of a view of the head was changed."""
        return self.follow(chosen(session, **options), view, moved=False)

    @says_errors
    def on_save(self, name: str, session: Session) -> dict[Any, Any]:
        """The map is wanted as a file."""
        if not session.ids:
            raise PlaygroundError("There is nothing to save yet: generate or analyse a text first.")
        return {self.attention.map.save.download: make_file(shown_map(self.backend, session), session, name)}

    def on_view(self, session: Session, event: gr.SelectData) -> dict[Any, Any]:
        """Another view of the head was opened: fill it."""
        attention = self.attention
        opened = {attention.view: attention.view_name(event.index)}
        if not session.ids:
            return opened
        try:
            values = attention.show_view(self.backend, session, opened[attention.view])
        except PlaygroundError as error:  # the view is open all the same
            return {**opened, self.status: status_line(str(error), "error")}
        return {**opened, **dict(zip(attention.view_outputs(), values, strict=True))}


def place_in(event: gr.EventData, axis: int, size: int) -> int:
    """Return an index that the browser sent, kept in [0, size): it may be anything at all."""
    index = getattr(event, "index", 0)
    if isinstance(index, list | tuple):
        index = index[axis] if axis < len(index) else 0
    if isinstance(index, bool) or not isinstance(index, int):
        index = 0
    return max(0, min(index, size - 1))
