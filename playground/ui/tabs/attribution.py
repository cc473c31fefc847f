"""The Attribution tab: which tokens of the input made the prediction of the selected one, by four methods."""

import html
from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import Attribution, Baseline, PlaygroundError, TextIds
from playground.ui.components import build_chart, build_heading, no_chart
from playground.ui.head_views.base import drawn_of_text
from playground.ui.session import Session
from playground.ui.written import place_in_written
from playground.views.attribution import agreement_table, attribution_sentence, draw_attribution, progress_sentence
from playground.views.token_loss import token_highlight

HINT = "Generate or analyse a text, then select a token: what stands before it comes here, by how much it counted."
MORE = "Press “Attribute” for leave-one-out, the reference, and integrated gradients."
BASELINES: dict[str, Baseline] = {"mean embedding": "mean", "zero": "zero"}


@dataclass(frozen=True)
class AttributionTab:
    """The components of the tab."""

    name: ClassVar[str] = "Attribution"
    attribute: gr.Button
    stop: gr.Button
    baseline: gr.Radio
    sentence: gr.HTML
    chart: gr.HTML
    progress: gr.HTML
    agreement: gr.HTML

    def outputs(self) -> list[gr.components.Component]:
        """Return what `show` fills."""
        return [self.sentence, self.chart, self.progress, self.agreement]

    def show(self, backend: Backend, session: Session) -> dict[Any, Any]:
        """Return what one pass tells of the selected token; where nothing predicts it, why."""
        if session.attributed and session.attributed[0] == attributed_key(session):
            return self.show_found(session, session.attributed[1])
        try:
            found = backend.gradient_attribution(session.model, session.text, predicted_place(session), "mean")
        except PlaygroundError as error:
            return {self.sentence: "", self.chart: no_chart(str(error)), self.progress: "", self.agreement: ""}
        return self.show_found(session, found) | {self.progress: f"<p>{MORE}</p>"}

    def show_found(self, session: Session, found: Attribution) -> dict[Any, Any]:
        """Return the chart of an attribution, as far as it is measured."""
        drawn = drawn_of_text(draw_attribution(found), session, "attribution")
        return {
            self.sentence: f"<p>{html.escape(attribution_sentence(found))}</p>",
            self.chart: gr.HTML(value=drawn, highlight=token_highlight(found.predicted_at), absent=""),
            self.progress: f"<p>{html.escape(progress_sentence(found))}</p>",
            self.agreement: agreement_table(found),
        }


def build_attribution() -> AttributionTab:
    """Build the tab's components."""
    with gr.Column(elem_id="panel-attribution"):
        build_heading(
            "Which tokens made this prediction",
            "Four methods, of the selected token: violet tokens speak for it, orange ones against, each row by its own"
            " largest score; scores are nats of its log-probability. They need not agree. Click a column to select its "
            "token.",
        )
        with gr.Row(elem_id="attribution-bar"):
            attribute = gr.Button("Attribute", variant="primary", elem_id="attribute", min_width=120)
            stop = gr.Button("Stop", elem_id="attribute-stop", interactive=False, min_width=80)
            baseline = gr.Radio(
                list(BASELINES), value="mean embedding", label="In place of a token", elem_id="attribution-baseline",
                min_width=220,
            )  # fmt: skip
        sentence = gr.HTML("", elem_classes=["caption"], elem_id="attribution-sentence")
        chart = build_chart("attribution", hint=HINT, place=266)
        progress = gr.HTML("", elem_classes=["caption"], elem_id="attribution-progress")
        agreement = gr.HTML("", elem_id="attribution-agreement", apply_default_css=False)
        gr.HTML(
            "<ul><li><b>Leave-one-out</b>, the reference: the token's embedding is replaced by the baseline, and the"
            " model runs again.</li><li><b>Integrated gradients</b>: gradients all the way from the baseline to the"
            " text; they add up to the difference between both (Sundararajan et al. 2017).</li><li><b>Gradient ×"
            " input</b>: the slope at the text itself, times the embedding.</li><li><b>Attention × gradient</b>: all"
            " looks at the token, each times how much the prediction depends on it.</li></ul>",
            elem_classes=["caption"],
            elem_id="attribution-methods",
        )
    return AttributionTab(
        attribute=attribute,
        stop=stop,
        baseline=baseline,
        sentence=sentence,
        chart=chart,
        progress=progress,
        agreement=agreement,
    )


def attributed_key(session: Session) -> tuple[str, TextIds, int]:
    """Return what an attribution is of: the model, the text, and the token that is predicted."""
    return session.model, session.text, predicted_place(session)


def predicted_place(session: Session) -> int:
    """Return the place of the selected token in the text that is predicted."""
    return session.selected if session.model_kind == "encoder" else max(0, place_in_written(session))
