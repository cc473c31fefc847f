"""What happens on the page: a handler reads inputs by name, asks the backend, and hands records to views."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import BeamProgress, GenerationRecord, GenerationSettings, PlaygroundError, Step
from playground.ui.controls.decoding import DecodingControls
from playground.ui.head_views.map import shown_map, token_of_row
from playground.ui.head_views.save import make_file
from playground.ui.session import Cancellations, Session, session_of
from playground.ui.status import describe_run, status_line
from playground.ui.tabs.attention import AttentionTab, show_tint
from playground.ui.tabs.choices import ChoicesTab, show_choices
from playground.views.tokens import prompt_lines, scored_lines, step_lines

STREAM_INTERVAL_S = 0.1  # 10 messages a second: smooth to the eye; one a token would cost most of the speed

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
AT_ONCE: dict[str, Any] = {**PRIVATE, "queue": False}


@dataclass(frozen=True)
class TextPanel:
    """Prompt, buttons, the text and its status."""

    prompt: gr.Textbox
    model: gr.Dropdown
    room: gr.HTML
    generate: gr.Button
    stop: gr.Button
    analyse: gr.Button
    status: gr.HTML
    tokens: gr.HTML


class Wiring:
    """Joins the components of the page to the backend."""

    def __init__(
        self,
        backend: Backend,
        session: gr.State,
        panel: TextPanel,
        decoding: DecodingControls,
        attention: AttentionTab,
        choices: ChoicesTab,
    ) -> None:
        self.backend = backend
        self.session = session
        self.panel = panel
        self.decoding = decoding
        self.attention = attention
        self.choices = choices
        self.cancellations = Cancellations()

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        self.wire_generation()
        self.wire_selection()
        panel = self.panel
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
        inputs = {"prompt": panel.prompt, "model": panel.model, "session": self.session}
        outputs = [panel.tokens, panel.status, panel.generate, panel.stop, self.session]
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
            outputs=[panel.tokens, panel.status, self.session],
            concurrency_limit=4,
            concurrency_id="models",
            **PRIVATE,
        )
        for event in (generated, analysed):
            event.success(
                self.on_text,
                inputs_kwargs={"session": self.session, "view": self.attention.view},
                outputs=[self.session, panel.tokens, panel.status, *instruments],
                **PRIVATE,
            )

    def wire_selection(self) -> None:
        """A token, a tile, a row, a layer or a head is selected anywhere: everything follows."""
        attention = self.attention
        followers = [self.session, self.panel.tokens, self.panel.status, *attention.outputs(), *self.choices.outputs()]
        state = {"session": self.session, "view": attention.view}

        def follow(trigger: Callable[..., Any], handler: Callable[..., Any], **more: Any) -> None:
            trigger(handler, inputs_kwargs={**state, **more}, outputs=followers, **AT_ONCE)

        follow(self.panel.tokens.select, self.on_token)
        follow(attention.overview.select, self.on_tile)
        follow(attention.map.chart.select, self.on_map_row)
        follow(attention.rows.select, self.on_head_row)
        follow(attention.layer.input, self.on_head, layer=attention.layer, head=attention.head)
        follow(attention.head.input, self.on_head, layer=attention.layer, head=attention.head)
        follow(attention.patterns.table.select, self.on_tile)
        follow(attention.patterns.source.input, self.on_pattern_source, source=attention.patterns.source)
        follow(attention.flow.method.input, self.on_flow_method, method=attention.flow.method)
        follow(attention.order.input, self.on_order, order=attention.order)
        for panel, handler in ((attention.map, self.on_map_options), (attention.mask, self.on_mask_options)):
            options = panel.options()
            for option in options.values():
                trigger = option.submit if isinstance(option, gr.Textbox) else option.input  # type: ignore[attr-defined]
                follow(trigger, handler, **options)
        for name, button in attention.map.save.buttons.items():
            button.click(
                partial(self.on_save, name),
                inputs_kwargs={"session": self.session},
                outputs=[attention.map.save.download, self.panel.status],
                **AT_ONCE,
            )
        attention.view_tabs.select(
            self.on_view,
            inputs_kwargs={"session": self.session},
            outputs=[attention.view, self.panel.status, *attention.view_outputs()],
            **AT_ONCE,
        )

    def on_generate(
        self, request: gr.Request, prompt: str, model: str, session: Session, **settings: Any
    ) -> Iterator[dict[Any, Any]]:
        """Stream a generation; what is there stays there when it is stopped or fails."""
        panel = self.panel
        idle = {panel.generate: gr.Button(interactive=True), panel.stop: gr.Button(interactive=False)}
        visitor = str(request.session_hash)
        switch = self.cancellations.begin(visitor)
        try:
            wanted = GenerationSettings(**settings)
            lines = prompt_lines(self.backend.tokenize(model, prompt))
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
                    finished = session_of(last, session)
                    yield {
                        **idle,
                        panel.tokens: gr.HTML(value=lines, selected=finished.selected),
                        panel.status: status_line(describe_run(last)),
                        self.session: finished,
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

    def on_analyse(self, prompt: str, model: str, session: Session) -> dict[Any, Any]:
        """Take the prompt as it is for the text of the page."""
        panel = self.panel
        try:
            tokens = self.backend.tokenize(model, prompt)
            ids = tuple(token.id for token in tokens)
            scores = self.backend.score(model, ids)
        except PlaygroundError as error:
            return {panel.status: status_line(str(error), "error")}
        shown = replace(session, model=model, ids=ids, tokens=tokens, steps=(), selected=len(ids) - 1, hidden=())
        return {
            panel.tokens: gr.HTML(value=scored_lines(scores, tokens), selected=shown.selected),
            panel.status: status_line(f"{len(ids)} tokens, read without generating."),
            self.session: shown,
        }

    def on_text(self, session: Session, view: str) -> dict[Any, Any]:
        """Fill the instruments for the text that has just come, and the probabilities of its prompt."""
        if not session.ids:
            return {self.panel.status: gr.skip()}
        try:
            session = self.within_model(session)
            scores = self.backend.score(session.model, session.ids)[: session.n_prompt]
            values = self.attention.show_text(self.backend, session, view)
            tint = show_tint(self.backend, session)
        except PlaygroundError as error:
            return {self.panel.status: status_line(str(error), "error")}
        shown = dict(zip(self.attention.outputs(), values, strict=True))
        shown |= dict(zip(self.choices.outputs(), show_choices(session), strict=True))
        lines = scored_lines(scores, session.tokens) + step_lines(session.steps)
        chips = gr.HTML(value=lines, selected=session.selected, tint=tint)
        return {self.session: session, self.panel.tokens: chips, **shown}

    def within_model(self, session: Session) -> Session:
        """Return the session with a layer and a head that its model has."""
        spec = self.backend.spec(session.model)
        last_layer, last_head, view = spec.n_layers - 1, spec.n_query_heads - 1, session.map_view
        view = replace(view, other_layer=min(view.other_layer, last_layer), other_head=min(view.other_head, last_head))
        return replace(session, layer=min(session.layer, last_layer), head=min(session.head, last_head), map_view=view)

    def follow(self, session: Session, view: str, *, moved: bool = True) -> dict[Any, Any]:
        """Return every instrument for a session in which something else is selected.

        moved: another token is selected, so that all heads look from elsewhere.
        """
        if not session.ids:
            return {self.session: session}
        attention = self.attention
        try:
            values = attention.show_selection(self.backend, session, view, moved=moved)
            tint = show_tint(self.backend, session)
        except PlaygroundError as error:
            return {self.panel.status: status_line(str(error), "error")}
        shown = dict(zip(attention.outputs(), values, strict=True))
        shown |= dict(zip(self.choices.outputs(), show_choices(session), strict=True))
        return {self.session: session, self.panel.tokens: gr.HTML(selected=session.selected, tint=tint), **shown}

    def on_token(self, session: Session, view: str, event: gr.EventData) -> dict[Any, Any]:
        """A chip was selected."""
        return self.follow(replace(session, selected=place_in(event, 0, len(session.ids))), view)

    def on_map_row(self, session: Session, view: str, event: gr.EventData) -> dict[Any, Any]:
        """A row of the map was clicked: the token that was chosen from there is selected."""
        row = place_in(event, 0, len(session.ids))
        try:
            query = token_of_row(shown_map(self.backend, session), row) if session.map_values == "words" else row
        except PlaygroundError as error:
            return {self.panel.status: status_line(str(error), "error")}
        return self.follow(replace(session, selected=min(query + 1, len(session.ids) - 1)), view)

    def on_tile(self, session: Session, view: str, event: gr.EventData) -> dict[Any, Any]:
        """A tile of the overview was clicked."""
        spec = self.backend.spec(session.model)
        layer, head = place_in(event, 0, spec.n_layers), place_in(event, 1, spec.n_query_heads)
        return self.follow(replace(session, layer=layer, head=head), view, moved=False)

    def on_pattern_source(self, session: Session, view: str, source: str) -> dict[Any, Any]:
        """The scores of another text are wanted."""
        return self.follow(self.attention.patterns.chosen(session, source), view, moved=False)

    def on_flow_method(self, session: Session, view: str, method: str) -> dict[Any, Any]:
        """The flow is wanted by another method."""
        return self.follow(self.attention.flow.chosen(session, method), view, moved=False)

    def on_order(self, session: Session, view: str, order: str) -> dict[Any, Any]:
        """The tiles are to stand in another order."""
        session = replace(session, overview_order=self.attention.order_of(order))
        if not session.ids:
            return {self.session: session}
        try:
            overview = self.attention.show_overview(self.backend, session)
        except PlaygroundError as error:
            return {self.panel.status: status_line(str(error), "error")}
        return {self.session: session, self.attention.overview: overview}

    def on_head_row(self, session: Session, view: str, event: gr.EventData) -> dict[Any, Any]:
        """A row of "every head" was clicked."""
        spec = self.backend.spec(session.model)
        row = place_in(event, 0, spec.n_layers * spec.n_query_heads)
        layer, head = divmod(row, spec.n_query_heads)
        return self.follow(replace(session, layer=layer, head=head), view, moved=False)

    def on_head(self, session: Session, view: str, layer: int, head: int) -> dict[Any, Any]:
        """A layer or a head was chosen from its list."""
        return self.follow(replace(session, layer=int(layer), head=int(head)), view, moved=False)

    def on_map_options(self, session: Session, view: str, heads: str, other: str, hide_first: bool) -> dict[Any, Any]:
        """Something else is to be made of the weights on the map."""
        try:
            session = self.attention.map.chosen(session, heads, other, hide_first)
        except PlaygroundError as error:
            return {self.panel.status: status_line(str(error), "error")}
        return self.follow(session, view, moved=False)

    def on_mask_options(self, session: Session, view: str, mask_off: bool, hidden: str) -> dict[Any, Any]:
        """The mask is to be another one, in a copy of the arithmetic."""
        if not session.ids:
            return {self.session: session}
        try:
            session = self.attention.mask.chosen(session, mask_off, hidden)
        except PlaygroundError as error:
            return {self.panel.status: status_line(str(error), "error")}
        return self.follow(session, view, moved=False)

    def on_save(self, name: str, session: Session) -> dict[Any, Any]:
        """The map is wanted as a file."""
        if not session.ids:
            nothing = "There is nothing to save yet: generate or analyse a text first."
            return {self.panel.status: status_line(nothing, "error")}
        try:
            shown = shown_map(self.backend, session)
            return {self.attention.map.save.download: make_file(shown, session, name)}
        except PlaygroundError as error:
            return {self.panel.status: status_line(str(error), "error")}

    def on_view(self, session: Session, event: gr.SelectData) -> dict[Any, Any]:
        """Another view of the head was opened: fill it."""
        attention = self.attention
        name = attention.view_name(event.index)
        if not session.ids:
            return {attention.view: name}
        try:
            values = attention.show_view(self.backend, self.within_model(session), name)
        except PlaygroundError as error:
            return {attention.view: name, self.panel.status: status_line(str(error), "error")}
        return {attention.view: name, **dict(zip(attention.view_outputs(), values, strict=True))}

    def on_room(self, prompt: str, model: str, max_new_tokens: int) -> str:
        """Say how much of the context prompt and output will take, before anything is cut."""
        try:
            spec = self.backend.spec(model)
            n_prompt = len(self.backend.tokenize(model, prompt)) if prompt.strip() else 0
        except PlaygroundError as error:
            return status_line(str(error), "error")
        return room_line(n_prompt, int(max_new_tokens), spec.context_length)


def place_in(event: gr.EventData, axis: int, size: int) -> int:
    """Return an index that the browser sent, kept in [0, size): it may be anything at all."""
    index = getattr(event, "index", 0)
    if isinstance(index, list | tuple):
        index = index[axis] if axis < len(index) else 0
    if isinstance(index, bool) or not isinstance(index, int):
        index = 0
    return max(0, min(index, size - 1))


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
