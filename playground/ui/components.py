"""The components of our own: token chips, a chart that answers clicks, a sandboxed frame, a download.

Each is gradio's HTML component with markup from assets/html and behaviour from assets/js.
"""

import html
from typing import Any

import gradio as gr

from playground.ui.assets import read_asset
from playground.ui.behaviours import behaves


# Constants go into the text of templates and scripts: a component whose tab is opened after its value has changed
# is given the changed properties only.
def place_kept(path: str, hint: str, place: int) -> str:
    """Return a template with its hint and with the height that is kept for it."""
    return read_asset(path).replace("PLACE", str(place)).replace("HINT", html.escape(hint))


def build_heading(title: str, words: str = "") -> gr.HTML:
    """Build what stands above a panel: its title, and what is to be seen there; both are HTML of our own."""
    return gr.HTML(f"<h3>{title}</h3>" + (f"<p>{words}</p>" if words else ""), elem_classes=["panel-title"])


def build_token_chips(elem_id: str) -> gr.HTML:
    """Build the text as chips.

    value = lines of JSON, given = what the model thought of the tokens that it was given, tint = where a head looked
    (all from views.tokens), selected = index of the selected token, press = the button that brings a text.
    Fires `select` with {index}.
    """
    return gr.HTML(
        value="",
        selected=-1,
        given="[]",
        tint="{}",
        press="Generate",
        html_template=read_asset("html/tokens.html"),
        **behaves("tokens"),
        elem_id=elem_id,
        elem_classes=["token-chips"],
    )


def build_overview(elem_id: str, *, hint: str, place: int) -> gr.HTML:
    """Build the chart of all heads: as build_chart, with the keyboard and a large picture of a tile.

    patterns = JSON of {names, scores [pattern][layer][head]}, for what is said of a tile.
    """
    return _build_chart("overview", elem_id, hint=hint, place=place, patterns="{}")


def build_chart(elem_id: str, *, hint: str, place: int, zoom: bool = False) -> gr.HTML:
    """Build a chart: value = a plotly figure as JSON, highlight = JSON of what is selected in it.

    Fires `select` with {index: [row, column], value}. `place` is the height in pixels that is kept for it, so
    that nothing jumps when it comes; `hint` says what to do while it is empty; absent = why it stays empty. `zoom`: a
    map of tokens by tokens can be looked at in part.
    """
    return _build_chart("zooming_chart" if zoom else "chart", elem_id, hint=hint, place=place)


def _build_chart(behaviour: str, elem_id: str, *, hint: str, place: int, **properties: Any) -> gr.HTML:
    return gr.HTML(
        value="",
        absent="",
        highlight="{}",
        html_template=place_kept("html/chart.html", hint, place),
        **behaves(behaviour),
        elem_id=elem_id,
        elem_classes=["chart-block"],
        **properties,
    )


def build_candidates(elem_id: str, *, hint: str, place: int) -> gr.HTML:
    """Build the candidates of a step as buttons: value from views.candidates, absent = why there are none.

    Fires `select` with {index: number of the step, value: id of the token}.
    """
    return _build_buttons("candidates", elem_id, hint=hint, place=place)


def build_fill_in(elem_id: str, *, hint: str, place: int) -> gr.HTML:
    """Build a text whose words are buttons, with the candidates of its masks: value from views.fill_in, absent = why.

    Fires `select` with {index: ["word", its number]} or {index: ["candidate", place of the mask, id]}.
    """
    return _build_buttons("fill_in", elem_id, hint=hint, place=place)


def _build_buttons(name: str, elem_id: str, *, hint: str, place: int) -> gr.HTML:
    return gr.HTML(
        value="",
        absent="",
        html_template=place_kept(f"html/{name}.html", hint, place),
        **behaves(name),
        elem_id=elem_id,
    )


def no_chart(reason: str) -> gr.HTML:
    """Return a chart that has nothing to show, and says why in its place."""
    return gr.HTML(value="", absent=reason)


def build_download(elem_id: str) -> gr.HTML:
    """Build what saves a file in the browser: value = JSON of {name, type, data (base64), nonce}. It shows nothing."""
    return gr.HTML(
        value="",
        html_template="<span></span>",
        **behaves("download"),
        elem_id=elem_id,
    )


def build_frame(elem_id: str, *, hint: str, place: int) -> gr.HTML:
    """Build a sandboxed iframe: value = JSON of {page, height}."""
    return gr.HTML(
        value="",
        html_template=place_kept("html/frame.html", hint, place),
        **behaves("frame"),
        elem_id=elem_id,
        elem_classes=["frame-block"],
    )


def build_funnel(elem_id: str, *, mode: str, hint: str, place: int) -> gr.HTML:
    """Build the funnel of one distribution: value and controls (JSON of settings) from views.funnel.

    mode: "preview" follows the page's controls, "step" has sliders of its own.
    """
    return gr.HTML(
        value="",
        controls="{}",
        html_template=place_kept("html/funnel.html", hint, place).replace("MODE", mode),
        **behaves("funnel"),
        elem_id=elem_id,
    )
