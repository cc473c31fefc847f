"""The Compare tab: settings side by side, a grid of temperature and top-p, and the same asked again and again."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.records import GenerationSettings
from playground.ui.components import build_heading
from playground.ui.controls.decoding import LARGEST_SEED, STRATEGIES
from playground.ui.status import status_line

MOST_COLUMNS = 4
TEMPERATURES = (0.3, 0.7, 1.0, 1.5)
TOP_PS = (0.5, 0.8, 0.95, 1.0)
MOST_ASKED, LONGEST_ASKED, LONGEST_CELL = 200, 24, 32
# What the columns begin with: the same prompt and seed, another way to choose
PRESETS = (
    GenerationSettings(strategy="greedy"),
    GenerationSettings(strategy="sample"),
    GenerationSettings(strategy="beam"),
    GenerationSettings(strategy="sample", temperature=1.5, top_k=0),
)
HINT = "<p class='compare-empty'>Press <b>Compare</b>, and the text that these settings write appears here.</p>"
GRID_HINT = "<p class='compare-empty'>Press <b>Fill the grid</b>: a small sample for each temperature and top-p.</p>"
AGAIN_HINT = "<p class='compare-empty'>Press <b>Ask again</b>: how often each continuation comes.</p>"


@dataclass(frozen=True)
class Column:
    """The settings of one run, under the names of GenerationSettings, and its text."""

    place: gr.Column
    strategy: gr.Dropdown
    temperature: gr.Number
    top_k: gr.Number
    top_p: gr.Number
    num_beams: gr.Number
    seed: gr.Number
    text: gr.HTML

    def inputs(self) -> dict[str, gr.components.Component]:
        """Return the components by the names of the settings, for `inputs_kwargs`."""
        return {name: part for name, part in vars(self).items() if name not in ("place", "text")}

    def of_strategy(self, strategy: str) -> list[Any]:
        """Return which of the settings apply: temperature, top-k, top-p, beams, seed."""
        draws = strategy == "sample"
        return [gr.update(visible=shown) for shown in (draws, draws, draws, strategy == "beam", draws)]

    def depending(self) -> list[gr.components.Component]:
        """Return the components that `of_strategy` shows or hides."""
        return [self.temperature, self.top_k, self.top_p, self.num_beams, self.seed]


@dataclass(frozen=True)
class CompareTab:
    """The components of the tab."""

    count: gr.Radio
    start: gr.Button
    stop: gr.Button
    status: gr.HTML
    columns: tuple[Column, ...]
    table: gr.HTML
    fill: gr.Button
    cell_tokens: gr.Slider
    grid: gr.HTML
    ask: gr.Button
    times: gr.Slider
    ask_tokens: gr.Slider
    again: gr.HTML


def build_compare() -> CompareTab:
    """Build the tab's components."""
    with gr.Column(elem_id="panel-compare"):
        gr.HTML(
            "<p>The prompt, the model and the length are those above; what each run does with them stands here.</p>",
            elem_classes=["caption"],
        )
        with gr.Row(elem_id="compare-bar"):
            count = gr.Radio([2, 3, 4], value=2, label="Settings side by side", elem_id="compare-count")
            start = gr.Button("Compare", variant="primary", elem_id="compare-start", min_width=120)
            stop = gr.Button("Stop", elem_id="compare-stop", min_width=90)
        status = gr.HTML(status_line("Nothing compared yet."), elem_id="compare-status")
    with gr.Row(elem_id="compare-row"):
        columns = tuple(_build_column(slot, preset) for slot, preset in enumerate(PRESETS))
    with gr.Column(elem_id="panel-compare-table"):
        build_heading("Numbers")
        table = _html("<p class='compare-empty'>What is measured of each text.</p>", "compare-table")
    with gr.Row(elem_id="compare-samples"):
        with gr.Column(scale=7, min_width=320, elem_id="panel-grid"):
            build_heading(
                "Temperature against top-p",
                "The same prompt and seed in every cell, without top-k; what the first cell does not have is marked.",
            )
            with gr.Row(elem_id="grid-bar"):
                cell_tokens = gr.Slider(
                    2, LONGEST_CELL, 10, step=1, label="Tokens a cell", elem_id="grid-tokens", buttons=[], min_width=140
                )
                fill = gr.Button("Fill the grid", elem_id="grid-start", min_width=120)
            grid = _html(GRID_HINT, "compare-grid")
        with gr.Column(scale=5, min_width=320, elem_id="panel-again"):
            build_heading(
                "Ask again",
                "The same prompt and the settings above with one seed after another; beside each share, what the "
                "model and the filters let expect.",
            )
            with gr.Row(elem_id="again-bar"):
                times = gr.Slider(
                    2, MOST_ASKED, 20, step=1, label="Times", elem_id="again-times", buttons=[], min_width=120
                )
                ask_tokens = gr.Slider(
                    1, LONGEST_ASKED, 2, step=1, label="Tokens", elem_id="again-tokens", buttons=[], min_width=120
                )
                ask = gr.Button("Ask again", elem_id="again-start", min_width=110)
            again = _html(AGAIN_HINT, "compare-again")
    return CompareTab(
        count, start, stop, status, columns, table, fill, cell_tokens, grid, ask, times, ask_tokens, again
    )


def _build_column(slot: int, preset: GenerationSettings) -> Column:
    draws = preset.strategy == "sample"
    with gr.Column(min_width=220, visible=slot < 2, elem_id=f"panel-compare-{slot + 1}") as place:
        strategy = gr.Dropdown(
            STRATEGIES, value=preset.strategy, label=f"Strategy {slot + 1}", filterable=False,
            elem_id=f"compare-strategy-{slot + 1}",
        )  # fmt: skip
        with gr.Row(elem_id=f"compare-settings-{slot + 1}"):
            temperature = _number("Temperature", preset.temperature, slot, draws, low=0.05, high=5, step=0.05)
            top_k = _number("Top-k", preset.top_k, slot, draws, low=0, high=1000, step=1)
            top_p = _number("Top-p", preset.top_p, slot, draws, low=0.01, high=1, step=0.01)
            num_beams = _number("Beams", preset.num_beams, slot, preset.strategy == "beam", low=2, high=10, step=1)
            seed = _number("Seed", preset.seed, slot, draws, low=0, high=LARGEST_SEED, step=1)
        text = _html(HINT, f"compare-text-{slot + 1}")
    return Column(place, strategy, temperature, top_k, top_p, num_beams, seed, text)


def _number(label: str, value: float, slot: int, shown: bool, *, low: float, high: float, step: float) -> gr.Number:
    return gr.Number(
        value, label=label, minimum=low, maximum=high, step=step, visible=shown, min_width=80,
        elem_id=f"compare-{label.lower()}-{slot + 1}",
    )  # fmt: skip


def _html(value: str, elem_id: str) -> gr.HTML:
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False)
