"""The strategy and its controls: only those that apply are shown."""

import random
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.records import GenerationSettings, Strategy
from playground.views.palette import ASSETS

LARGEST_SEED = 999_999
STRATEGIES: list[tuple[str, Strategy]] = [("Greedy", "greedy"), ("Sample", "sample"), ("Beam search", "beam")]
WHAT_STRATEGIES_DO = {
    "greedy": "Always takes the most likely next token.",
    "sample": "Draws the next token by its probability, after the filters below.",
    "beam": "Follows several beginnings at once and keeps the likeliest whole.",
}


@dataclass(frozen=True)
class DecodingControls:
    """The components, under the names of GenerationSettings."""

    strategy: gr.Radio
    temperature: gr.Slider
    top_k: gr.Slider
    top_p: gr.Slider
    repetition_penalty: gr.Slider
    num_beams: gr.Slider
    max_new_tokens: gr.Slider
    seed: gr.Number

    def inputs(self) -> dict[str, gr.components.Component]:
        """Return the components by the names of the settings, for `inputs_kwargs`."""
        return dict(vars(self))


def build_strategy() -> gr.Radio:
    """Build the choice of the strategy."""
    default = GenerationSettings().strategy
    return gr.Radio(
        STRATEGIES,
        value=default,
        label="Strategy",
        info=WHAT_STRATEGIES_DO[default],
        elem_id="strategy",
        min_width=300,
        scale=2,
    )


def build_decoding(strategy: gr.Radio) -> DecodingControls:
    """Build and wire the controls that go with `strategy`."""
    default = GenerationSettings()

    def slider(low: float, high: float, value: float, step: float, **words: Any) -> gr.Slider:
        return gr.Slider(low, high, value, step=step, min_width=120, buttons=[], **words)

    with gr.Row(elem_id="control-grid"):
        temperature = slider(
            0.1, 2.0, default.temperature, 0.05,
            label="Temperature", info="low safe, high wild", elem_id="temperature",
        )  # fmt: skip
        top_k = slider(0, 200, default.top_k, 1, label="Top-k", info="the k likeliest; 0 = all", elem_id="top-k")
        top_p = slider(0.05, 1.0, default.top_p, 0.01, label="Top-p", info="likeliest that sum to p", elem_id="top-p")
        num_beams = slider(
            2, 10, default.num_beams, 1,
            label="Beams", info="beginnings followed at once", elem_id="num-beams", visible=False,
        )  # fmt: skip
        repetition_penalty = slider(
            1.0, 2.0, default.repetition_penalty, 0.05,
            label="Repetition penalty", info="above 1 avoids them", elem_id="repetition-penalty",
        )  # fmt: skip
        max_new_tokens = slider(
            1, 500, default.max_new_tokens, 1, label="Length", info="new tokens at most", elem_id="max-new-tokens"
        )  # fmt: skip
        with gr.Row(elem_id="seed-row") as seed_row:
            seed = gr.Number(
                default.seed, label="Seed", info="repeats a draw", precision=0, minimum=0, maximum=LARGEST_SEED,
                elem_id="seed", min_width=80, scale=3,
            )  # fmt: skip
            dice = gr.Button(
                "New", icon=ASSETS / "icons" / "dice.svg", elem_id="dice", size="sm", min_width=70, scale=0
            )
    dice.click(lambda: random.randint(0, LARGEST_SEED), outputs=seed, api_visibility="private", queue=False)

    only_sampling = [temperature, top_k, top_p, seed_row]

    def on_strategy(strategy: str) -> list[Any]:
        return [
            gr.Radio(info=WHAT_STRATEGIES_DO.get(strategy, "")),
            gr.Slider(visible=strategy == "beam"),
            *(gr.update(visible=strategy == "sample") for _ in only_sampling),
        ]

    strategy.change(
        on_strategy,
        inputs=strategy,
        outputs=[strategy, num_beams, *only_sampling],
        api_visibility="private",
        queue=False,
        show_progress="hidden",
    )
    return DecodingControls(strategy, temperature, top_k, top_p, repetition_penalty, num_beams, max_new_tokens, seed)
