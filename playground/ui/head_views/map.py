"""One head's map, what may be made of it, and the weights of the marked row as bars."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import HeadMap, HeadsShown, MapValues, MapView, PlaygroundError, Token, Word
from playground.ui.components import build_chart
from playground.ui.head_views.base import HINT
from playground.ui.head_views.save import SaveRow
from playground.ui.session import Session
from playground.views.head_map import draw_head_map
from playground.views.row_bars import draw_row_bars

# What can be shown: the values in the cells, and of which heads
SHOWN: dict[str, tuple[MapValues, HeadsShown]] = {
    "this head's weights": ("weights", "one"),
    "mean of the layer's heads": ("weights", "mean"),
    "maximum of the layer's heads": ("weights", "max"),
    "this head minus another": ("weights", "difference"),
    "weight × length of the value": ("norms", "one"),
    "weights between words": ("words", "one"),
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
        self.chart = build_chart("head-map", hint=HINT, place=520)
        self.bars = build_chart("row-bars", hint="Click a row of the map to see its weights as bars.", place=170)
        self.save = SaveRow()
        self.save.build()
        for option in (self.log.input, self.threshold.input, self.threshold.release):
            option(None, js=RESTYLE, inputs=[self.log, self.threshold], queue=False, api_visibility="private")

    def outputs(self) -> list[gr.components.Component]:
        return [self.chart, self.bars, self.other, self.hide_first]

    def changes(self) -> list[Callable[..., Any]]:
        """Return the events after which `chosen` is asked."""
        return [self.heads.input, self.other.input, self.hide_first.input]

    def options(self) -> dict[str, gr.components.Component]:
        """Return the components that decide what is computed, by the names of `chosen`."""
        return {"heads": self.heads, "other": self.other, "hide_first": self.hide_first}

    def chosen(self, session: Session, heads: str, other: str, hide_first: bool) -> Session:
        """Return the session with the options that were chosen. Raises PlaygroundError for what there is not."""
        if heads not in SHOWN:
            raise PlaygroundError(f"There is no choice {str(heads)[:40]!r}; take one of: {', '.join(SHOWN)}.")
        values, of_heads = SHOWN[heads]
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
        drawn = shown_map(backend, session)
        row = row_of(drawn, session.query)
        second_at = row_of(drawn, session.second_at) if session.second_at else 0
        others = [
            (f"{number}.{head}", f"{layer}.{head}")  # shown by its number in the model
            for layer, number in enumerate(session.layers)
            for head in range(session.shape.n_heads)
        ]
        other: dict[str, Any] = {"choices": others, "value": f"{view.other_layer}.{view.other_head}"}
        return [
            gr.HTML(
                value=draw_head_map(drawn, compact=True, second_at=second_at).to_json(),
                highlight=json.dumps({"row": row}),
            ),
            draw_row_bars(drawn, row).to_json(),
            gr.Dropdown(visible=view.heads == "difference", **other),
            gr.Checkbox(interactive=session.map_values == "weights"),  # of the other values nothing sums to 1
        ]


def shown_map(backend: Backend, session: Session) -> HeadMap:
    """Return the map that was chosen to be shown."""
    place = (session.model, session.text, session.layer, session.head, session.kind)
    if session.map_values == "norms":
        norms = backend.norm_map(*place)
        return HeadMap(
            norms.kind, norms.layer, norms.head, norms.norms, norms.query_tokens, norms.key_tokens, values="norms"
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
        )
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
