"""The Attention tab: all heads, one head's map, every head from the selected token, and BertViz."""

import html
import json
from dataclasses import dataclass

import gradio as gr

from playground.backends.protocol import Backend
from playground.ui.components import build_chart, build_frame
from playground.ui.session import Session
from playground.views.bertviz import draw_head_view
from playground.views.head_map import draw_head_map
from playground.views.head_rows import draw_head_rows
from playground.views.heads_overview import draw_heads_overview
from playground.views.labels import plain_label

HINT = "Generate or analyse a text, and every attention head appears here."
MAP_VIEW, BERTVIZ_VIEW = "map", "bertviz"


@dataclass(frozen=True)
class AttentionTab:
    """The components of the tab. `view` holds whether the map or BertViz is open."""

    caption: gr.HTML
    overview: gr.HTML
    layer: gr.Dropdown
    head: gr.Dropdown
    map: gr.HTML
    rows: gr.HTML
    bertviz_note: gr.HTML
    bertviz: gr.HTML
    views: gr.Tabs
    view: gr.State

    def outputs(self) -> list[gr.components.Component]:
        return [
            self.caption, self.overview, self.layer, self.head, self.rows, self.map, self.bertviz_note, self.bertviz
        ]  # fmt: skip


def build_attention() -> AttentionTab:
    """Build the tab's components."""
    view = gr.State(MAP_VIEW)
    with gr.Row(elem_id="attention-row"):
        with gr.Column(scale=5, min_width=320, elem_id="panel-overview"):
            gr.HTML("<h3>All heads</h3><p>One tile a head. Click one to open it.</p>", elem_classes=["panel-title"])
            overview = build_chart("heads-overview", hint=HINT, place=380)
            gr.HTML(
                "<h3>Every head, from the selected token</h3>"
                "<p>One line a head: which tokens it looked at when that token was chosen.</p>",
                elem_classes=["panel-title"],
            )
            rows = build_chart("head-rows", hint=HINT, place=380)
        with gr.Column(scale=7, min_width=320, elem_id="panel-head"):
            caption = gr.HTML(look_caption(Session()), elem_classes=["caption"])
            with gr.Row(elem_id="head-picker"):
                layer = gr.Dropdown([0], value=0, label="Layer", elem_id="layer", min_width=90, filterable=False)
                head = gr.Dropdown([0], value=0, label="Head", elem_id="head", min_width=90, filterable=False)
            with gr.Tabs(selected=MAP_VIEW, elem_id="attention-views") as views:
                with gr.Tab("This head's map", id=MAP_VIEW):
                    head_map = build_chart("head-map", hint=HINT, place=520)
                with gr.Tab("BertViz", id=BERTVIZ_VIEW):
                    note = gr.HTML("", elem_classes=["caption"])
                    bertviz = build_frame("bertviz", hint=HINT, place=520)
    return AttentionTab(caption, overview, layer, head, head_map, rows, note, bertviz, views, view)


def look_caption(session: Session) -> str:
    """Return in words which row is marked, and why that one, as HTML."""
    if not session.ids:
        return "<p>A map has a row for each token that looks and a column for each token looked at.</p>"
    chosen = html.escape(plain_label(session.tokens[session.selected]))
    looking = html.escape(plain_label(session.tokens[session.query]))
    if session.selected == 0:
        return f"<p>“{chosen}” is the first token: it can only look at itself.</p>"
    verb = "chose" if session.step else "read on to"
    return (
        f"<p>When the model {verb} <b>“{chosen}”</b> (token {session.selected}) it stood at <b>“{looking}”</b> "
        f"(token {session.query}): the marked row is where it looked from there.</p>"
    )


def show_text(backend: Backend, session: Session, view: str) -> list[object]:
    """Return the values of `outputs()` for a new text."""
    summary = backend.attention_summary(session.model, session.ids)
    n_layers, n_heads = summary.tiles.shape[:2]
    return [
        look_caption(session),
        gr.HTML(value=draw_heads_overview(summary).to_json(), highlight=tile_highlight(session)),
        gr.Dropdown(choices=list(range(n_layers)), value=session.layer),
        gr.Dropdown(choices=list(range(n_heads)), value=session.head),
        *show_detail(backend, session, view),
    ]


def show_selection(backend: Backend, session: Session, view: str) -> list[object]:
    """Return the values of `outputs()` after another token or head was selected in the same text."""
    return [
        look_caption(session),
        gr.HTML(highlight=tile_highlight(session)),
        gr.Dropdown(value=session.layer),
        gr.Dropdown(value=session.head),
        *show_detail(backend, session, view),
    ]


def show_detail(backend: Backend, session: Session, view: str) -> list[object]:
    """Return rows, map, BertViz's note and BertViz; of the last two views only the open one is drawn."""
    drawn = draw_head_rows(backend.head_rows(session.model, session.ids, session.query), compact=True)
    rows = gr.HTML(value=drawn.to_json(), highlight=rows_highlight(backend, session))
    if view == BERTVIZ_VIEW:
        return [rows, gr.skip(), *show_bertviz(backend, session)]
    weights = backend.head_map(session.model, session.ids, session.layer, session.head)
    head_map = gr.HTML(value=draw_head_map(weights, compact=True).to_json(), highlight=row_highlight(session))
    return [rows, head_map, gr.skip(), gr.skip()]


def show_bertviz(backend: Backend, session: Session) -> tuple[str, str]:
    """Return a note and BertViz's head view of the selected layer."""
    maps = backend.layer_maps(session.model, session.ids, session.layer)
    view = draw_head_view(maps, center=session.query)
    note = "Click a coloured square to switch a head off or on, double-click to see it alone; point at a token."
    if view.last - view.first < view.n_tokens:
        note = (
            f"BertViz draws a line for each head and pair of tokens, too many for the whole text: here are tokens "
            f"{view.first} to {view.last - 1} of {view.n_tokens}. " + note
        )
    # "<" as an escape: gradio warns of every value with a script tag in it
    frame = json.dumps({"page": view.page, "height": view.height}).replace("<", "\\u003c")
    return f"<p>Layer {session.layer}, drawn by BertViz. {html.escape(note)}</p>", frame


def tile_highlight(session: Session) -> str:
    """Return what is selected in the overview."""
    return json.dumps({"layer": session.layer, "head": session.head})


def row_highlight(session: Session) -> str:
    """Return what is selected in the map."""
    return json.dumps({"row": session.query})


def rows_highlight(backend: Backend, session: Session) -> str:
    """Return what is selected among every head."""
    n_heads = backend.spec(session.model).n_query_heads
    return json.dumps({"row": session.layer * n_heads + session.head})
