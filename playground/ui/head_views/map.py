"""One head's map, what may be made of it, and the weights of the marked row as bars."""

import json
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import MapView, PlaygroundError
from playground.ui.components import build_chart
from playground.ui.head_views.base import HINT
from playground.ui.head_views.save import SaveRow
from playground.ui.session import Session
from playground.views.head_map import draw_head_map
from playground.views.row_bars import draw_row_bars

HEADS = {
    "this head": "one",
    "mean of the layer's heads": "mean",
    "maximum of the layer's heads": "max",
    "this head minus another": "difference",
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
                list(HEADS), value="this head", label="Heads", elem_id="map-heads", min_width=150, filterable=False
            )
            self.other = gr.Dropdown(
                ["0.0"], value="0.0", label="The other (layer.head)", elem_id="map-other", min_width=100, visible=False
            )
            self.threshold = gr.Slider(
                0, 0.5, value=0, step=0.01, label="Hide weights below", elem_id="map-threshold", min_width=150
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
        return [self.chart, self.bars, self.other]

    def options(self) -> dict[str, gr.components.Component]:
        """Return the components that decide what is computed, by the names of `chosen`."""
        return {"heads": self.heads, "other": self.other, "hide_first": self.hide_first}

    def chosen(self, session: Session, heads: str, other: str, hide_first: bool) -> Session:
        """Return the session with the options that were chosen. Raises PlaygroundError for what there is not."""
        if heads not in HEADS:
            raise PlaygroundError(f"There is no choice {str(heads)[:40]!r}; take one of: {', '.join(HEADS)}.")
        layer, _, head = str(other).partition(".")
        if not (layer.isdecimal() and head.isdecimal() and len(other) < 10):
            raise PlaygroundError(f"The other head is written layer.head, as 2.3, not {str(other)[:40]!r}.")
        wanted = MapView(
            heads=HEADS[heads],  # type: ignore[arg-type]  the values of HEADS are the literals
            other_layer=int(layer),
            other_head=int(head),
            hide_first=bool(hide_first),
        )
        return replace(session, map_view=wanted)

    def show(self, backend: Backend, session: Session) -> list[object]:
        spec = backend.spec(session.model)
        view = session.map_view
        drawn = backend.head_map(session.model, session.ids, session.layer, session.head, view=view)
        names = [f"{layer}.{head}" for layer in range(spec.n_layers) for head in range(spec.n_query_heads)]
        other: dict[str, Any] = {"choices": names, "value": f"{view.other_layer}.{view.other_head}"}
        return [
            gr.HTML(value=draw_head_map(drawn, compact=True).to_json(), highlight=json.dumps({"row": session.query})),
            draw_row_bars(drawn, session.query).to_json(),
            gr.Dropdown(visible=view.heads == "difference", **other),
        ]
