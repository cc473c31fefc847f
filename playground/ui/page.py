"""The page: prompt and controls, the text as chips, and the instruments that follow the selected token."""

import json

import gradio as gr

from playground.api.endpoints import Endpoints
from playground.backends.protocol import Backend
from playground.ui.components import SHARED_SCRIPT, build_token_chips, read_asset
from playground.ui.controls.decoding import DecodingControls, build_decoding, build_strategy
from playground.ui.session import Session
from playground.ui.status import status_line
from playground.ui.tabs.attention import build_attention
from playground.ui.tabs.choices import build_choices
from playground.ui.wiring import AT_ONCE, TextPanel, Wiring

SESSION_SECONDS = 2 * 60 * 60
CACHE_SECONDS = 10 * 60  # files that a visitor could put into gradio's cache go after this

EXAMPLES = (
    "Once upon a time",
    "One day the little bear",
    '"Where are you going?" asked the fox.',
    "Peter Rabbit hopped and hopped and hopped",
    "The fox 🦊 said 你好",
)


def build_page(backend: Backend) -> gr.Blocks:
    """Build the page and the HTTP endpoints over `backend`."""
    with gr.Blocks(
        title="Attention Playground",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(CACHE_SECONDS, CACHE_SECONDS),
    ) as page:
        gr.HTML(
            html_template=read_asset("html/header.html"),
            js_on_load=read_asset("js/header.js"),
            head=SHARED_SCRIPT,
            apply_default_css=False,
            elem_id="masthead",
        )
        session = gr.State(Session(), time_to_live=SESSION_SECONDS)
        panel, decoding = build_text_panel(backend)
        with gr.Tabs(elem_id="instruments"):
            with gr.Tab("Attention", id="attention"):
                attention = build_attention()
            with gr.Tab("Choices", id="choices"):
                choices = build_choices()
        Wiring(backend, session, panel, decoding, attention, choices).wire(page)
        Endpoints(backend, gr.Error).register(gr.api)
    return page


def build_text_panel(backend: Backend) -> tuple[TextPanel, DecodingControls]:
    """Build the upper half of the page."""
    names = backend.models()
    with gr.Row(elem_id="workbench"):
        with gr.Column(scale=5, min_width=320, elem_id="panel-prompt"):
            prompt = gr.Textbox(
                EXAMPLES[0],
                label="Prompt",
                placeholder="Type the beginning of a story …",
                lines=1,
                max_lines=6,
                elem_id="prompt",
                autofocus=True,
                html_attributes=gr.InputHTMLAttributes(spellcheck=False, autocorrect="off"),
            )
            room = gr.HTML("", elem_id="room")
            with gr.Row(elem_id="examples"):
                for example in EXAMPLES:
                    button = gr.Button(example, size="sm", variant="secondary", min_width=60)
                    button.click(None, js=f"() => {json.dumps(example)}", outputs=prompt, **AT_ONCE)
            with gr.Row(elem_id="actions"):
                generate = gr.Button("Generate", variant="primary", elem_id="generate", min_width=130)
                stop = gr.Button("Stop", elem_id="stop", interactive=False, min_width=90)
                analyse = gr.Button("Analyse without generating", elem_id="analyse", min_width=130)
        with (
            gr.Column(scale=6, min_width=320, elem_id="panel-controls"),
            gr.Accordion("Model and settings", open=True, elem_id="settings"),
        ):
            with gr.Row(elem_id="what-and-how"):
                model = gr.Dropdown(
                    list(names), value=names[0], label="Model", elem_id="model", filterable=False, min_width=140
                )
                strategy = build_strategy()
            decoding = build_decoding(strategy)
    with gr.Column(elem_id="panel-text"):
        tokens = build_token_chips("tokens")
        status = gr.HTML(status_line("Ready."), elem_id="status")
    return TextPanel(prompt, model, room, generate, stop, analyse, status, tokens), decoding
