"""The page: prompt and controls, the text as chips, and the instruments that follow the selected token."""

import gradio as gr

from playground.api.endpoints import Endpoints
from playground.backends.protocol import Backend
from playground.ui.absent import AbsentInstruments
from playground.ui.assets import read_asset
from playground.ui.behaviours import behaves
from playground.ui.blocks import Page
from playground.ui.compare import Compare
from playground.ui.status import lose_no_event, show_progress_nowhere
from playground.ui.tabs.attention import build_attention
from playground.ui.tabs.attribution import AttributionTab, build_attribution
from playground.ui.tabs.beams import build_beams
from playground.ui.tabs.choices import build_choices
from playground.ui.tabs.compare import build_compare
from playground.ui.tabs.compression import build_compression
from playground.ui.tabs.cost import build_cost
from playground.ui.tabs.fill_in import FillInTab, build_fill_in_tab
from playground.ui.tabs.inside import build_inside
from playground.ui.tabs.model_card import build_model_card, wire_model_card
from playground.ui.tabs.patching import build_patching
from playground.ui.tabs.steps import StepsTab, build_steps
from playground.ui.tabs.tasks import TasksTab, build_tasks
from playground.ui.tabs.training import build_training
from playground.ui.tabs.what_if import build_what_if
from playground.ui.tasks import Tasks
from playground.ui.text_panel import build_text_panel
from playground.ui.visit import Visit
from playground.ui.wiring import Tabs, Wiring

SESSION_SECONDS = 2 * 60 * 60
CACHE_SECONDS = 10 * 60  # files that a visitor could put into gradio's cache go after this


def build_page(backend: Backend) -> gr.Blocks:
    """Build the page and the HTTP endpoints over `backend`."""
    page = Page(
        title="Attention Playground",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(CACHE_SECONDS, CACHE_SECONDS),
    )
    page.queue(default_concurrency_limit=8, max_size=128)  # while it is empty: all that is there is written out for it
    with page:
        gr.HTML(
            html_template=read_asset("html/header.html"),
            **behaves("header"),
            elem_id="masthead",
        )
        visit = gr.State(Visit(), time_to_live=SESSION_SECONDS)
        panel, decoding = build_text_panel(backend)
        with gr.Tabs(elem_id="instruments") as instruments:
            with gr.Tab("Attention", id="attention"):
                attention = build_attention()
            with gr.Tab("Choices", id="choices"):
                choices = build_choices(instruments)
            with gr.Tab(StepsTab.name, id="steps"):
                steps = build_steps()
            with gr.Tab("Beams", id="beams"):
                beams = build_beams()
            with gr.Tab(FillInTab.name, id="fill-in-tab"):
                fill_in = build_fill_in_tab()
            with gr.Tab("Inside", id="inside"):
                inside = build_inside()
            with gr.Tab(AttributionTab.name, id="attribution"):
                attribution = build_attribution()
            with gr.Tab("What if", id="what-if"):
                what_if = build_what_if()
                patching = build_patching()
            with gr.Tab(TasksTab.name, id="tasks"):
                tasks = build_tasks()
            with gr.Tab("Compress", id="compress"):
                compression = build_compression()
            with gr.Tab("Cost", id="cost"):
                cost = build_cost()
            with gr.Tab("Train", id="train"):
                training = build_training()
            with gr.Tab("Compare", id="compare"):
                compare = build_compare()
            with gr.Tab("Model", id="model"):
                card = build_model_card()
        tabs = Tabs(
            attention=attention,
            choices=choices,
            beams=beams,
            steps=steps,
            fill_in=fill_in,
            inside=inside,
            attribution=attribution,
            what_if=what_if,
            patching=patching,
            compression=compression,
            cost=cost,
            training=training,
        )
        Wiring(backend, visit, panel, decoding, tabs).wire(page)
        AbsentInstruments(backend, panel.model, instruments).wire(page)
        Compare(backend, panel, decoding, compare).wire(page)
        Tasks(backend, visit, panel, decoding, tasks).wire(page)
        wire_model_card(backend, page, panel.model, card)
        Endpoints(backend, gr.Error).register(gr.api)
        show_progress_nowhere(page, visit)
        lose_no_event(page)
    return page
