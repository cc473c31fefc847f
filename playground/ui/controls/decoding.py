"""The strategy and its controls: only those that apply are shown, the rarer ones in a fold."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from playground.records import GenerationSettings, Strategy
from playground.ui.components import build_funnel
from playground.ui.status import AT_ONCE

LARGEST_SEED = 999_999
STRATEGIES: list[tuple[str, Strategy]] = [("Greedy", "greedy"), ("Sample", "sample"), ("Beam search", "beam")]
WHAT_STRATEGIES_DO = {
    "greedy": "Always takes the most likely next token.",
    "sample": "Draws the next token by its probability, after the filters below.",
    "beam": "Follows several beginnings at once and keeps the likeliest whole.",
}
EARLY_STOPPING: dict[str, bool | str] = {
    "when better is unlikely": False,
    "as soon as enough have ended": True,
    "when better is impossible": "never",
}
PRESETS: dict[str, dict[str, float | str]] = {
    "Precise": {"temperature": 0.3, "top_k": 20, "top_p": 0.9},
    "Balanced": {"temperature": 0.8, "top_k": 40, "top_p": 1.0},
    "Wild": {"temperature": 1.4, "top_k": 0, "top_p": 1.0, "min_p": 0.02},
}
PRESET_NEUTRAL: dict[str, float | str] = {
    "strategy": "sample",
    "min_p": 0.0,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
}
# Which controls count for a strategy, beside those that always do
FOR_DRAWS: tuple[str, ...] = ("temperature", "top_k", "top_p", "min_p", "typical_p")
FOR_SEARCHES: tuple[str, ...] = ("num_beams", "do_sample", "length_penalty", "early_stopping")


@dataclass(frozen=True)
class DecodingControls:
    """The components, under the names of GenerationSettings, and what answers them."""

    settings: dict[str, Any]
    conflicts: gr.HTML
    preview: gr.HTML
    code: gr.Code
    code_fold: gr.Accordion
    for_writers: tuple[Any, ...] = ()  # what there is to set only where a model writes
    presets: dict[str, gr.Button] = field(default_factory=dict)

    @property
    def max_new_tokens(self) -> Any:
        """The slider of the length."""
        return self.settings["max_new_tokens"]

    def inputs(self) -> dict[str, Any]:
        """Return the components by the names of the settings, for `inputs_kwargs`."""
        return dict(self.settings)


def settings_from(values: dict[str, Any]) -> GenerationSettings:
    """Return the settings that the controls' values mean; PlaygroundError where they are none.

    Texts stand one a line in their boxes; how a search stops is chosen in words.
    """
    wanted = dict(values)
    for name in ("stop", "bad_words", "force_words"):
        if isinstance(text := wanted.get(name), str):
            wanted[name] = tuple(line for line in text.split("\n") if line.strip())
    stopping = wanted.get("early_stopping")
    if isinstance(stopping, str):
        wanted["early_stopping"] = EARLY_STOPPING.get(stopping, stopping)
    return GenerationSettings(**wanted)


def control_values(settings: GenerationSettings) -> dict[str, Any]:
    """Return what the controls hold for such settings."""
    values: dict[str, Any] = {name: getattr(settings, name) for name in settings.__dataclass_fields__}
    for name in ("stop", "bad_words", "force_words"):
        values[name] = "\n".join(values[name])
    values["early_stopping"] = next(word for word, value in EARLY_STOPPING.items() if value == settings.early_stopping)
    return values


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


@dataclass(frozen=True)
class PreviewFold:
    """The picture of what the settings do to the token that comes next, and the fold that it is in."""

    fold: gr.Accordion
    chart: gr.HTML


def build_preview() -> PreviewFold:
    """Build the picture of what the settings do to the token that comes next."""
    with gr.Accordion("What could come next, filter by filter", open=True, elem_id="next-token-fold") as fold:
        hint = "Type a prompt to see what could follow."
        return PreviewFold(fold, build_funnel("next-token", mode="preview", hint=hint, place=190))


def build_decoding(strategy: gr.Radio, preview: PreviewFold) -> DecodingControls:
    """Build and wire the controls that go with `strategy`."""
    default = control_values(GenerationSettings())
    made: dict[str, Any] = {"strategy": strategy}

    def slider(name: str, low: float, high: float, step: float, label: str, info: str, **more: Any) -> None:
        made[name] = gr.Slider(
            low, high, default[name], step=step, label=label, info=info, min_width=120, buttons=[],
            elem_id=more.pop("elem_id", name.replace("_", "-")), **more,
        )  # fmt: skip

    with gr.Column(elem_id="decoding") as column:
        presets = _build_presets()
        seed_row, dice = _build_common(made, default, slider)
        conflicts = gr.HTML("", elem_id="conflicts")
        with gr.Accordion("More filters", open=False, elem_id="more-filters"):
            _build_rarer(made, default, slider)
        with gr.Accordion("Show code", open=False, elem_id="code-fold") as code_fold:
            code = gr.Code("", language="python", interactive=False, show_label=False, elem_id="code", max_lines=24)
    dice.click(lambda: random.randint(0, LARGEST_SEED), outputs=made["seed"], **AT_ONCE)
    _wire_presets(presets, made, default)
    _wire_strategy(made, seed_row)
    return DecodingControls(made, conflicts, preview.chart, code, code_fold, (strategy, column, preview.fold), presets)


def _build_presets() -> dict[str, gr.Button]:
    with gr.Row(elem_id="presets"):
        return {name: gr.Button(name, size="sm", elem_id=f"preset-{name.lower()}") for name in (*PRESETS, "Reset")}


def _build_common(made: dict[str, Any], default: dict[str, Any], slider: Any) -> tuple[gr.Row, gr.Button]:
    """Build the controls that are always in sight; return the row of the seed, and what draws another."""
    with gr.Row(elem_id="control-grid"):
        slider("temperature", 0.1, 2.0, 0.05, "Temperature", "Below 1 favours likely tokens, above 1 unlikely ones.")
        slider("top_k", 0, 200, 1, "Top-k", "Keeps only the k likeliest tokens; 0 keeps all.")
        slider("top_p", 0.05, 1.0, 0.01, "Top-p", "Keeps the likeliest that together have probability p.")
        slider("num_beams", 2, 10, 1, "Beams", "So many beginnings are followed at once.", visible=False)
        slider("max_new_tokens", 1, 500, 1, "Length", "New tokens at most.")
        with gr.Row(elem_id="seed-row") as seed_row:
            made["seed"] = gr.Number(
                default["seed"], label="Seed", info="The same seed repeats a draw.", precision=0, minimum=0,
                maximum=LARGEST_SEED, elem_id="seed", min_width=80, scale=3,
            )  # fmt: skip
            # Its picture is the style's: what is given here lies in a folder that every gradio program empties
            dice = gr.Button("New", elem_id="dice", size="sm", min_width=70, scale=0)
    return seed_row, dice


def _build_rarer(made: dict[str, Any], default: dict[str, Any], slider: Any) -> None:
    """Build the controls that few need, into the fold that is open for them."""
    with gr.Row(elem_id="rarer-grid"):
        slider("min_p", 0.0, 0.5, 0.01, "Min-p", "Removes tokens less likely than this share of the likeliest.")
        slider("typical_p", 0.05, 1.0, 0.01, "Typical-p", "Keeps tokens about as surprising as the model expects.")
        slider("repetition_penalty", 1.0, 2.0, 0.05, "Repetition penalty", "Makes tokens that came before less likely.")
        slider(
            "no_repeat_ngram_size", 0, 10, 1, "No repeats of", "No group of so many tokens comes twice; 0 allows it.",
            elem_id="no-repeat",
        )  # fmt: skip
        slider(
            "length_penalty", -2.0, 3.0, 0.1, "Length penalty", "Above 0 favours long texts, below 0 short ones.",
            visible=False,
        )  # fmt: skip
        slider("num_return_sequences", 1, 8, 1, "Texts", "So many texts come out; the first is shown above.")
        made["early_stopping"] = gr.Dropdown(
            list(EARLY_STOPPING), value=default["early_stopping"], label="Search ends",
            info="When texts of a search that go on can no longer win.", elem_id="early-stopping", filterable=False,
            visible=False, min_width=120,
        )  # fmt: skip
        made["do_sample"] = gr.Checkbox(
            default["do_sample"], label="Draw in the search", info="Beginnings are drawn, not just the likeliest.",
            elem_id="do-sample", visible=False, min_width=120,
        )  # fmt: skip
    with gr.Row(elem_id="word-grid"):
        for name, label, info in (
            ("bad_words", "Forbidden words", "Never written; one a line."),
            ("force_words", "Forced words", "Written before the text ends, at its end if need be; one a line."),
            ("stop", "Stop texts", "The text ends where one of them comes; one a line."),
        ):
            made[name] = gr.Textbox(
                "", label=label, info=info, lines=1, max_lines=3, elem_id=name.replace("_", "-"), min_width=140
            )


def _wire_presets(buttons: dict[str, gr.Button], made: dict[str, Any], default: dict[str, Any]) -> None:
    """Let a preset set the filters, and the reset everything; in the browser, at once."""
    for name, button in buttons.items():
        values = default if name == "Reset" else PRESET_NEUTRAL | PRESETS[name]
        outputs = [made[setting] for setting in values]
        button.click(None, js=f"() => {json.dumps([*values.values()])}", outputs=outputs, **AT_ONCE)


def _wire_strategy(made: dict[str, Any], seed_row: gr.Row) -> None:
    """Show the controls that count for the strategy."""
    strategy, do_sample = made["strategy"], made["do_sample"]
    outputs = {name: made[name] for name in (*FOR_DRAWS, *FOR_SEARCHES, "num_return_sequences")}

    def on_strategy(strategy: str, do_sample: bool) -> list[Any]:
        draws = strategy == "sample" or (strategy == "beam" and bool(do_sample))
        shown: dict[str, bool] = dict.fromkeys(FOR_DRAWS, draws) | dict.fromkeys(FOR_SEARCHES, strategy == "beam")
        shown["num_return_sequences"] = strategy != "greedy"
        return [
            gr.Radio(info=WHAT_STRATEGIES_DO.get(strategy, "")),
            gr.update(visible=draws),
            *(gr.update(visible=shown[name]) for name in outputs),
        ]

    gr.on(
        [strategy.change, do_sample.change],
        on_strategy,
        inputs=[strategy, do_sample],
        outputs=[strategy, seed_row, *outputs.values()],
        **AT_ONCE,
    )
