"""The Attention tab: all heads, every head from the selected token, and the views of one head."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import AttentionKind, PatternName
from playground.ui.caption import look_caption
from playground.ui.components import build_chart, build_download, build_heading, build_overview
from playground.ui.head_views.base import HINT, HeadView, drawn_of_text
from playground.ui.head_views.bertviz import BertvizPanel
from playground.ui.head_views.flow import FlowPanel
from playground.ui.head_views.inside import InsidePanel
from playground.ui.head_views.map import MapPanel
from playground.ui.head_views.mask import MaskPanel
from playground.ui.head_views.patterns import PatternsPanel
from playground.ui.head_views.positions import PositionsPanel
from playground.ui.session import Session
from playground.views.head_rows import draw_head_rows
from playground.views.heads_overview import draw_heads_overview
from playground.views.labels import plain_label
from playground.views.patterns import LABELS, pattern_scores, strongest_first
from playground.views.tokens import tint_of

MODEL_ORDER = "layer by layer"
KINDS: dict[AttentionKind, str] = {
    "encoder": "encoder: source looks at source",
    "decoder": "decoder: target looks at target",
    "cross": "cross: target looks at source",
}


@dataclass(frozen=True)
class AttentionTab:
    """The components of the tab."""

    kind: gr.Radio
    caption: gr.HTML
    overview: gr.HTML
    layer: gr.Dropdown
    head: gr.Dropdown
    rows: gr.HTML
    order: gr.Dropdown
    map: MapPanel
    patterns: PatternsPanel
    flow: FlowPanel
    mask: MaskPanel
    bertviz: BertvizPanel
    views: tuple[HeadView, ...]
    view_tabs: gr.Tabs
    download: gr.HTML

    def outputs(self) -> list[gr.components.Component]:
        return [self.kind, self.caption, self.overview, self.layer, self.head, self.rows, *self.view_outputs()]

    def view_outputs(self) -> list[gr.components.Component]:
        return [component for view in self.views for component in view.outputs()]

    def view_name(self, index: object) -> str:
        """Return the name of the view whose tab is at `index`; the first where there is none."""
        if isinstance(index, int) and 0 <= index < len(self.views):
            return self.views[index].name
        return self.views[0].name

    def first_outputs(self) -> list[gr.components.Component]:
        return [self.kind, self.overview, self.layer, self.head]

    def show_heads(self, backend: Backend, session: Session, scores: str = "{}") -> list[object]:
        """Return the values of `first_outputs()` for a new text: what is there soonest; scores: as of show_scores."""
        return [
            show_kinds(session),
            self.show_overview(backend, session, patterns=scores),  # those of the text before are not its own
            gr.Dropdown(
                choices=[(str(number), place) for place, number in enumerate(session.layers)], value=session.layer
            ),
            gr.Dropdown(choices=list(range(session.shape.n_heads)), value=session.head),
        ]

    def show_text(self, backend: Backend, session: Session, view: str) -> list[object]:
        """Return the values of `outputs()` for a new text, or another kind of its attention."""
        kinds, overview, layer, head = self.show_heads(backend, session, self.show_scores(backend, session))
        views = [show_rows(backend, session), *self.show_view(backend, session, view)]
        return [kinds, look_caption(session), overview, layer, head, *views]

    def show_views(self, backend: Backend, session: Session, view: str) -> list[object]:
        """Return the values of `outputs()` for a new text whose heads are shown already."""
        return [
            gr.skip(),
            look_caption(session),
            gr.HTML(patterns=self.show_scores(backend, session)),
            gr.skip(),
            gr.skip(),
            show_rows(backend, session),
            *self.show_view(backend, session, view),
        ]

    def show_scores(self, backend: Backend, session: Session) -> str:
        """Return what is said of a tile beside its picture."""
        return pattern_scores(backend.head_patterns(session.model, session.text, session.kind))

    def show_overview(self, backend: Backend, session: Session, **more: Any) -> gr.HTML:
        """Return all heads, in the order that was chosen; more: other properties of the chart."""
        summary = backend.attention_summary(session.model, session.text, session.kind)
        spec, wanted, order = backend.spec(session.model), session.overview_order, None
        if wanted is not None:
            patterns = backend.head_patterns(session.model, session.text, session.kind)
            order = strongest_first(patterns, wanted) if wanted in patterns.names else None
        # The key heads that the model names are those of all its layers, unless a side has heads of its own number
        n_key_heads = spec.n_kv_heads if session.shape.n_heads == spec.n_query_heads else 0
        heads_per_key = spec.n_query_heads // n_key_heads if n_key_heads else 1
        drawn = draw_heads_overview(summary, order=order, heads_per_key=heads_per_key)
        return gr.HTML(value=drawn_of_text(drawn, session, "all heads"), highlight=tile_highlight(session), **more)

    def order_of(self, label: str) -> PatternName | None:
        """Return the pattern that a choice of order names."""
        return next((name for name, known in LABELS.items() if known == label), None)

    def show_selection(self, backend: Backend, session: Session, view: str, *, moved: bool) -> list[object]:
        """Return the values of `outputs()` after another token (`moved`) or head was selected in the same text."""
        return [
            gr.skip(),
            look_caption(session),
            gr.HTML(highlight=tile_highlight(session)),
            gr.Dropdown(value=session.layer),
            gr.Dropdown(value=session.head),
            show_rows(backend, session) if moved else gr.HTML(highlight=row_highlight(session)),
            *self.show_view(backend, session, view),
        ]

    def show_view(self, backend: Backend, session: Session, name: str) -> list[object]:
        """Return the values of `view_outputs()`: the view that is open is filled, the others stay as they are."""
        values: list[object] = []
        name = name or self.views[0].name
        for view in self.views:
            values += view.show(backend, session) if view.name == name else [gr.skip() for _ in view.outputs()]
        return values


def build_attention() -> AttentionTab:
    """Build the tab's components."""
    head_map, patterns, flow = MapPanel(), PatternsPanel(), FlowPanel()
    mask, bertviz = MaskPanel(), BertvizPanel()
    views: Sequence[HeadView] = (head_map, patterns, InsidePanel(), flow, PositionsPanel(), mask, bertviz)
    kind = gr.Radio(
        [(label, name) for name, label in KINDS.items()],
        label="Which attention",
        elem_id="attention-kind",
        visible=False,
        min_width=200,
    )
    with gr.Row(elem_id="attention-row"):
        with gr.Column(scale=5, min_width=320, elem_id="panel-overview"):
            with gr.Row(elem_id="overview-head"):
                build_heading("All heads", "One tile a head. Click one to open it.")
                order = gr.Dropdown(
                    [MODEL_ORDER, *LABELS.values()], value=MODEL_ORDER, label="Order", elem_id="overview-order",
                    min_width=120, filterable=False,
                )  # fmt: skip
            overview = build_overview("heads-overview", hint=HINT, place=380)
            build_heading(
                "Every head, from the selected token",
                "One line a head: which tokens it looked at in the marked row.",
            )
            rows = build_chart("head-rows", hint=HINT, place=380)
        with gr.Column(scale=7, min_width=320, elem_id="panel-head"):
            caption = gr.HTML(look_caption(Session()), elem_classes=["caption"])
            with gr.Row(elem_id="head-picker"):
                layer = gr.Dropdown([0], value=0, label="Layer", elem_id="layer", min_width=90, filterable=False)
                head = gr.Dropdown([0], value=0, label="Head", elem_id="head", min_width=90, filterable=False)
            with gr.Tabs(selected=head_map.name, elem_id="attention-views") as tabs:
                for view in views:
                    with gr.Tab(view.title, id=view.name):
                        view.build()
    return AttentionTab(
        kind=kind,
        caption=caption,
        overview=overview,
        layer=layer,
        head=head,
        rows=rows,
        order=order,
        map=head_map,
        patterns=patterns,
        flow=flow,
        mask=mask,
        bertviz=bertviz,
        views=tuple(views),
        view_tabs=tabs,
        download=build_download("download"),
    )


def show_kinds(session: Session) -> gr.Radio:
    """Return the choice among the kinds of attention that there are; an encoder-decoder has several."""
    choices = [(KINDS.get(shape.kind, shape.kind), shape.kind) for shape in session.shapes]
    return gr.Radio(choices=choices, value=session.kind, visible=session.model_kind == "encoder-decoder")


def show_rows(backend: Backend, session: Session) -> gr.HTML:
    """Return where every head looked from the selected token, the selected head marked."""
    rows = backend.head_rows(session.model, session.text, session.query, session.kind)
    what = f"every head, from {plain_label(rows.query_tokens[rows.query])} (token {rows.query})"
    drawn = drawn_of_text(draw_head_rows(rows, compact=True, second_at=session.second_at), session, what)
    return gr.HTML(value=drawn, highlight=row_highlight(session))


def show_tint(backend: Backend, session: Session) -> str:
    """Return where the selected head looked, for the chips."""
    rows = backend.head_rows(session.model, session.text, session.query, session.kind)
    weights = rows.weights[session.layer, session.head]
    return tint_of(weights, session.queries.start + session.query, session.keys.start, causal=session.is_causal)


def row_highlight(session: Session) -> str:
    """Return what is selected among the rows of every head."""
    return json.dumps({"row": session.layer * session.shape.n_heads + session.head})


def tile_highlight(session: Session) -> str:
    """Return what is selected in the overview."""
    return json.dumps({"layer": session.layer, "head": session.head})
