"""The panel of the What if tab that swaps activations between two texts."""

import html
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.records import PatchedPart, PatchedPrediction, PatchingMap
from playground.ui.components import build_chart, build_heading
from playground.ui.head_views.base import drawn_of_text
from playground.ui.session import Session
from playground.views.patching import draw_patched, draw_patching, patched_highlight, patching_sentence

HINT = "Type another text of as many tokens, and press “Swap each”: the map fills from the top layer down."
CELL_HINT = "Click a cell to see the next token with this one swap."
PARTS: dict[str, PatchedPart] = {"residual stream": "layer", "attention output": "attention", "MLP output": "mlp"}


@dataclass(frozen=True)
class PatchingPanel:
    """The components of the panel."""

    other: gr.Textbox
    part: gr.Radio
    measure: gr.Button
    stop: gr.Button
    sentence: gr.HTML
    map: gr.HTML
    prediction: gr.HTML

    def outputs(self) -> list[gr.components.Component]:
        """Return what a measuring fills."""
        return [self.sentence, self.map, self.prediction]

    def show_map(self, session: Session, found: PatchingMap) -> dict[Any, Any]:
        """Return the map as far as it is measured."""
        drawn = drawn_of_text(draw_patching(found), session, "activation patching")
        return {
            self.sentence: f"<p>{html.escape(patching_sentence(found))}</p>",
            self.map: gr.HTML(value=drawn, highlight="{}", absent=""),
        }

    def show_prediction(self, session: Session, result: PatchedPrediction) -> dict[Any, Any]:
        """Return the next token with one swap, and the cell marked."""
        what = f"layer {result.layer}, token {result.position} swapped"
        return {
            self.prediction: gr.HTML(value=drawn_of_text(draw_patched(result), session, what), absent=""),
            self.map: gr.HTML(highlight=patched_highlight(result.layer, result.position)),
        }


def build_patching() -> PatchingPanel:
    """Build the panel's components."""
    with gr.Column(elem_id="panel-patching"):
        build_heading(
            "Swap in what another text computes",
            "<b>Activation patching</b> (causal tracing, Meng et al. 2022): one activation of another text is put into"
            " the reading of this one, layer by layer and token by token. Violet: the other text's answer comes"
            " through, so what tells the two apart is held there. The prediction is that of the selected token.",
        )
        with gr.Row(elem_id="patching-bar"):
            other = gr.Textbox(
                "", label="Another text of as many tokens", placeholder="The same text with a word changed …", lines=1,
                max_lines=4, max_length=20_000, elem_id="patching-other", min_width=240, scale=4,
            )  # fmt: skip
            part = gr.Radio(
                list(PARTS), value="residual stream", label="What is swapped", elem_id="patching-part", min_width=280
            )
            measure = gr.Button("Swap each", variant="primary", elem_id="patching-measure", min_width=110)
            stop = gr.Button("Stop", elem_id="patching-stop", interactive=False, min_width=80)
        sentence = gr.HTML("", elem_classes=["caption"], elem_id="patching-sentence")
        with gr.Row(elem_id="patching-row"):
            with gr.Column(scale=7, min_width=300):
                chart = build_chart("patching", hint=HINT, place=360)
            with gr.Column(scale=5, min_width=300):
                prediction = build_chart("patching-prediction", hint=CELL_HINT, place=360)
    return PatchingPanel(
        other=other, part=part, measure=measure, stop=stop, sentence=sentence, map=chart, prediction=prediction
    )
