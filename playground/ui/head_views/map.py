"""One head's map, what may be made of it, and the weights of the marked row as bars."""

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import (
    HeadMap,
    HeadsShown,
    MapValues,
    MapView,
    PlaygroundError,
    TextDifference,
    Token,
    Word,
    shown_name,
)
from playground.records.sizes import say_count
from playground.ui.components import build_chart
from playground.ui.fields import choice_of
from playground.ui.head_views.base import HINT
from playground.ui.head_views.save import SaveRow
from playground.ui.session import KeptText, Session
from playground.views.export import file_names, what_is_shown
from playground.views.figure import name_picture
from playground.views.head_map import draw_head_map
from playground.views.labels import elide, plain_label
from playground.views.row_bars import draw_row_bars
from playground.views.text_difference import difference_map, difference_sentence

# What can be shown: the values in the cells, and of which heads
SHOWN: dict[str, tuple[MapValues, HeadsShown]] = {
    "this head's weights": ("weights", "one"),
    "mean of the layer's heads": ("weights", "mean"),
    "maximum of the layer's heads": ("weights", "max"),
    "this head minus another": ("weights", "difference"),
    "weight × length of the value": ("norms", "one"),
    "weights between words": ("words", "one"),
    "this text minus the kept one": ("texts", "one"),
}

# What only changes colours is done in the browser (assets/js/chart.js)
RESTYLE = """(log, threshold) => {
    const detail = { log, threshold };
    document.querySelector("#head-map .chart").dispatchEvent(new CustomEvent("restyle", { detail }));
}"""


class MapPanel:
    """The map with its options."""

    name = "map"
    title = "Map"

    def build(self) -> None:
        with gr.Row(elem_id="map-options"):
            self.heads = gr.Dropdown(
                list(SHOWN), value=next(iter(SHOWN)), label="Show", elem_id="map-heads", min_width=150, filterable=False
            )
            self.other = gr.Dropdown(
                ["0.0"], value="0.0", label="The other (layer.head)", elem_id="map-other", min_width=100, visible=False
            )
            self.threshold = gr.Slider(
                0, 0.5, value=0, step=0.01, label="Hide below", elem_id="map-threshold", min_width=150
            )
            with gr.Column(min_width=170, elem_id="map-switches"):
                self.hide_first = gr.Checkbox(
                    False, label="without the first token", elem_id="map-hide-first", container=False
                )
                self.log = gr.Checkbox(False, label="logarithmic colours", elem_id="map-log", container=False)
        with gr.Row(elem_id="map-kept"):
            self.keep = gr.Button("Keep this text for comparison", size="sm", min_width=120, elem_id="keep-text")
            self.note = gr.HTML(kept_note(None), elem_classes=["caption"], elem_id="map-note")
        self.chart = build_chart("head-map", hint=HINT, place=520, zoom=True)
        self.bars = build_chart("row-bars", hint="Click a row of the map to see its weights as bars.", place=170)
        self.save = SaveRow(shown_map)
        self.save.build()
        for option in (self.log.input, self.threshold.input, self.threshold.release):
            option(None, js=RESTYLE, inputs=[self.log, self.threshold], queue=False, api_visibility="private")

    def outputs(self) -> list[gr.components.Component]:
        return [self.chart, self.bars, self.other, self.hide_first, self.note]

    def changes(self) -> list[Callable[..., Any]]:
        """Return the events after which `chosen` is asked."""
        return [self.heads.input, self.other.input, self.hide_first.input]

    def options(self) -> dict[str, gr.components.Component]:
        """Return the components that decide what is computed, by the names of `chosen`."""
        return {"heads": self.heads, "other": self.other, "hide_first": self.hide_first}

    def chosen(self, session: Session, heads: str, other: str, hide_first: bool) -> Session:
        """Return the session with the options that were chosen. Raises PlaygroundError for what there is not."""
        values, of_heads = choice_of(heads, SHOWN)
        layer, _, head = str(other).partition(".")
        if not (layer.isdecimal() and head.isdecimal() and len(other) < 10):
            raise PlaygroundError(f"The other head is written layer.head, as 2.3, not {str(other)[:40]!r}.")
        wanted = MapView(
            heads=of_heads,
            other_layer=int(layer),
            other_head=int(head),
            hide_first=bool(hide_first),
        )
        return replace(session, map_values=values, map_view=wanted)

    def show(self, backend: Backend, session: Session) -> list[object]:
        view = session.map_view
        others = [
            (f"{number}.{head}", f"{layer}.{head}")  # shown by its number in the model
            for layer, number in enumerate(session.layers)
            for head in range(session.shape.n_heads)
        ]
        other: dict[str, Any] = {"choices": others, "value": f"{view.other_layer}.{view.other_head}"}
        note = kept_note(session.kept)
        try:
            pictures = draw_pictures(shown_map(backend, session), session)
            if session.map_values == "texts":
                note += f"<p>{html.escape(difference_sentence(text_difference(backend, session)))}</p>"
        except PlaygroundError as error:  # the kept text does not fit this one: all else is shown all the same
            if session.map_values != "texts":
                raise
            pictures = ["", ""]
            note = (note if session.kept else "") + f'<p class="map-refused">{html.escape(str(error))}</p>'
        return [
            *pictures,
            gr.Dropdown(visible=view.heads == "difference", **other),
            gr.Checkbox(interactive=session.map_values == "weights"),  # of the other values nothing sums to 1
            note,
        ]


def draw_pictures(shown: HeadMap, session: Session) -> list[object]:
    """Return the map with the row of the selected token marked, and that row as bars."""
    row = row_of(shown, session.query)
    title = f"{shown_name(session.model)}: {what_is_shown(shown)}"
    names = file_names(shown, shown_name(session.model))
    second_at = row_of(shown, session.second_at) if session.second_at else 0
    drawn = name_picture(draw_head_map(shown, compact=True, second_at=second_at), *names, title=title)
    looking = f", from {plain_label(shown.query_tokens[row])} (token {session.query})"
    bars = name_picture(draw_row_bars(shown, row), *names, f"row-{row}", title=title + looking)
    return [gr.HTML(value=drawn.to_json(), highlight=json.dumps({"row": row})), bars.to_json()]


def text_difference(backend: Backend, session: Session) -> TextDifference:
    """Return the selected head in this text and in the kept one. Raises PlaygroundError where that cannot be."""
    kept = session.kept
    if kept is None:
        raise PlaygroundError("No text is kept yet: keep this one, then generate or analyse another.")
    if kept.model != session.model:
        before = shown_name(kept.model)
        raise PlaygroundError(
            f"The kept text was read by {before}, this one by {shown_name(session.model)}: choose {before}, or keep "
            "this text."
        )
    return backend.text_difference(session.model, session.text, kept.text, session.layer, session.head, session.kind)


def keep_text(session: Session) -> Session:
    """Return the session with its text kept for comparison. Raises PlaygroundError where there is none."""
    if not session.ids:
        raise PlaygroundError("There is no text to keep yet: generate or analyse one first.")
    name = elide(" ".join("".join(token.text for token in session.tokens).split()), 40)
    return replace(session, kept=KeptText(session.model, session.text, len(session.ids), name))


def kept_note(kept: KeptText | None) -> str:
    """Return which text is kept, as HTML."""
    if kept is None:
        return "<p>No text is kept yet.</p>"
    return (
        f"<p>Kept: <b>{html.escape(kept.name)}</b> ({say_count(kept.n_tokens, 'token')}, {html.escape(kept.model)})</p>"
    )


def shown_map(backend: Backend, session: Session) -> HeadMap:
    """Return the map that was chosen to be shown."""
    place = (session.model, session.text, session.layer, session.head, session.kind)
    if session.map_values == "norms":
        norms = backend.norm_map(*place)
        return HeadMap(
            norms.kind,
            norms.layer,
            norms.head,
            norms.norms,
            norms.query_tokens,
            norms.key_tokens,
            values="norms",
            layers=session.layers,
        )
    if session.map_values == "words":
        words = backend.word_map(*place)
        return HeadMap(
            words.kind,
            words.layer,
            words.head,
            words.weights,
            tokens_of(words.query_words),
            tokens_of(words.key_words),
            values="words",
            layers=session.layers,
        )
    if session.map_values == "texts":
        return difference_map(text_difference(backend, session), session.layers)
    return backend.head_map(*place, view=session.map_view)


def tokens_of(words: Sequence[Word]) -> tuple[Token, ...]:
    """Return words as what labels a map; the id of each is the place of its last token."""
    return tuple(Token(word.stop - 1, word.text, word.label, special=word.special) for word in words)


def row_of(shown: HeadMap, query: int) -> int:
    """Return the row that holds a token: its own, or that of its word."""
    if shown.values != "words":
        return query
    return next((row for row, word in enumerate(shown.query_tokens) if query <= word.id), 0)


def token_of_row(shown: HeadMap, row: int) -> int:
    """Return the token that a row stands for; of a word the last."""
    row = max(0, min(row, len(shown.query_tokens) - 1))
    return shown.query_tokens[row].id if shown.values == "words" else row
