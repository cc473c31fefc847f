"""The Inside tab: what the model loses at each token, and what it already knows layer by layer, and its vectors."""

import html
from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError, TextIds
from playground.ui.components import build_chart, build_heading, no_chart
from playground.ui.embeddings_panel import EmbeddingsPanel, build_embeddings
from playground.ui.head_views.base import drawn_of_text
from playground.ui.session import Session
from playground.ui.written import place_in_written, written_name
from playground.views.logit_lens import draw_logit_lens, lens_highlight, lens_sentence, lens_table
from playground.views.token_loss import draw_token_loss, loss_formula, loss_sentence, loss_table, token_highlight

HINT = "Generate or analyse a text to see the loss of each of its tokens."
LENS_HINT = "Generate or analyse a text to see what each layer already knows of the next token."
OTHER_HINT = "Another text, and its loss beside this one's."


@dataclass(frozen=True)
class InsideTab:
    """The components of the tab."""

    name: ClassVar[str] = "Inside"
    sentence: gr.HTML
    strip: gr.HTML
    formula: gr.HTML
    other: gr.Textbox
    compare: gr.Button
    other_table: gr.HTML
    other_strip: gr.HTML
    lens_parts: gr.Checkbox
    lens_tuned: gr.Checkbox
    lens_sentence: gr.HTML
    lens: gr.HTML
    lens_table: gr.HTML
    embeddings: EmbeddingsPanel

    def outputs(self) -> list[gr.components.Component]:
        """Return what `show` fills."""
        return [self.sentence, self.strip, self.formula, *self.lens_outputs(), *self.embeddings.outputs()]

    def lens_outputs(self) -> list[gr.components.Component]:
        """Return what `show_lens` fills."""
        return [self.lens_parts, self.lens_tuned, self.lens_sentence, self.lens, self.lens_table]

    def other_outputs(self) -> list[gr.components.Component]:
        """Return what `show_other` fills."""
        return [self.other_table, self.other_strip]

    def show(self, backend: Backend, session: Session) -> dict[Any, Any]:
        """Return the tab for what is selected."""
        parts = (self.show_loss, self.show_lens, self.embeddings.show)
        return {component: value for show in parts for component, value in show(backend, session).items()}

    def show_loss(self, backend: Backend, session: Session) -> dict[Any, Any]:
        """Return the loss of each token; of a model that predicts none, why there is none."""
        try:
            loss = backend.token_loss(session.model, session.text)
        except PlaygroundError as error:
            return {self.sentence: "", self.strip: no_chart(str(error)), self.formula: ""}
        place = place_in_written(session)
        drawn = drawn_of_text(draw_token_loss(loss), session, "loss of each token")
        return {
            self.sentence: f"<p>{html.escape(loss_sentence(loss, written_name(session)))}</p>",
            self.strip: gr.HTML(value=drawn, highlight=token_highlight(place), absent=""),
            self.formula: loss_formula(loss, place),
        }

    def show_lens(self, backend: Backend, session: Session) -> dict[Any, Any]:
        """Return what each layer knows of the selected token; of a model that has no such layers, why."""
        position = max(0, place_in_written(session) - 1)  # the selected token is predicted behind the one before it
        may_tune = backend.has_tuned_lens(session.model)
        tuned = session.lens_tuned and may_tune
        try:
            lens = backend.logit_lens(session.model, session.text, position, parts=session.lens_parts, tuned=tuned)
        except PlaygroundError as error:
            return {
                self.lens_parts: gr.Checkbox(visible=False),
                self.lens_tuned: gr.Checkbox(visible=False),
                self.lens_sentence: "",
                self.lens: no_chart(str(error)),
                self.lens_table: "",
            }
        drawn = drawn_of_text(draw_logit_lens(lens), session, "tuned lens" if lens.is_tuned else "logit lens")
        sentence = f"<p>{html.escape(lens_sentence(lens, position))}</p>"
        if lens.parts_absent:
            sentence += f"<p>{html.escape(lens.parts_absent)}</p>"
        return {
            self.lens_parts: gr.Checkbox(visible=not lens.parts_absent, interactive=not lens.is_tuned),
            self.lens_tuned: gr.Checkbox(visible=may_tune),
            self.lens_sentence: sentence,
            self.lens: gr.HTML(value=drawn, highlight=lens_highlight(lens, position), absent=""),
            self.lens_table: lens_table(lens, position),
        }

    def show_other(self, backend: Backend, session: Session, text: str) -> dict[Any, Any]:
        """Return the loss of another text beside this one's; of an encoder-decoder, of another target."""
        if not session.ids:
            raise PlaygroundError("There is no text to compare with yet: generate or analyse one first.")
        loss = backend.token_loss(session.model, session.text)
        other = backend.token_loss(session.model, other_text(backend, session, text))
        drawn = drawn_of_text(draw_token_loss(other), session, "loss of the other text")
        return {self.other_table: loss_table(loss, other), self.other_strip: drawn}


def build_inside() -> InsideTab:
    """Build the tab's components."""
    with gr.Column(elem_id="panel-loss"):
        build_heading(
            "Loss",
            "How much each token surprised the model: what training makes small. Click a bar to select its token.",
        )
        sentence = gr.HTML("", elem_classes=["caption"], elem_id="loss-sentence")
        strip = build_chart("loss-strip", hint=HINT, place=220)
        formula = gr.HTML("", elem_id="loss-formula")
        with gr.Row(elem_id="loss-other-row"):
            other = gr.Textbox(
                "", label="Another text", placeholder="The same sentence with a word changed …", lines=1, max_lines=4,
                elem_id="loss-other", min_width=240, scale=4,
            )  # fmt: skip
            compare = gr.Button("Compare", elem_id="loss-compare", min_width=100, scale=0)
        other_table = gr.HTML("", elem_id="loss-table", apply_default_css=False)
        other_strip = build_chart("loss-other-strip", hint=OTHER_HINT, place=120)
    with gr.Column(elem_id="panel-lens"):
        build_heading(
            "Logit lens",
            "What the model would predict if it ended after each layer: its own final norm and unembedding read the"
            " residual stream. The row at the top is its own prediction. Click a cell to select the token that it "
            "predicts.",
        )
        with gr.Row(elem_id="lens-options"):
            lens_parts = gr.Checkbox(
                False, label="also behind each attention", elem_id="lens-parts", container=False, min_width=200
            )
            lens_tuned = gr.Checkbox(
                False, label="through the tuned lens", elem_id="lens-tuned", container=False, min_width=180,
                visible=False,
            )  # fmt: skip
        said = gr.HTML("", elem_classes=["caption"], elem_id="lens-sentence")
        lens = build_chart("lens", hint=LENS_HINT, place=380)
        table = gr.HTML("", elem_id="lens-table", apply_default_css=False)
    embeddings = build_embeddings()
    return InsideTab(
        embeddings=embeddings,
        sentence=sentence,
        strip=strip,
        formula=formula,
        other=other,
        compare=compare,
        other_table=other_table,
        other_strip=other_strip,
        lens_parts=lens_parts,
        lens_tuned=lens_tuned,
        lens_sentence=said,
        lens=lens,
        lens_table=table,
    )


def other_text(backend: Backend, session: Session, text: str) -> TextIds:
    """Return another text: of an encoder-decoder another target of the same source. Raises PlaygroundError for none."""
    if not text.strip():
        raise PlaygroundError("The other text is empty: type one to compare with.")
    if not session.n_target:
        return backend.read(session.model, text).ids
    source = "".join(token.text for token in session.tokens[: session.n_source])
    return TextIds(session.text.ids, backend.read(session.model, source, text).ids.target_ids)
