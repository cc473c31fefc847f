"""The Train tab: a copy of the model is trained on a text, and what came of it stands beside the model itself."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError, Token, TokenLoss, Training, TrainingMethod
from playground.records.training import (
    LONGEST_SEQUENCE,
    MOST_BATCH,
    MOST_STEPS,
    MOST_TRAINED_CHARACTERS,
    MOST_TRAINED_TOKENS,
    SHORTEST_SEQUENCE,
)
from playground.ui.components import build_chart, build_heading, no_chart
from playground.ui.head_views.base import drawn_of_head, drawn_of_text
from playground.ui.session import Session, TrainedCopy
from playground.ui.written import place_in_written
from playground.views.before_after import draw_two_losses, two_texts_html
from playground.views.head_map import draw_head_map
from playground.views.token_loss import token_highlight
from playground.views.training import (
    NAMES,
    draw_gradient,
    draw_training_curve,
    losses_table,
    plan_sentence,
    progress_html,
)

HINT = "Generate or analyse a text, then take one gradient step, or train."
CURVE_HINT = "The loss of each step comes here."
GRADIENT_HINT = "Which layers the gradient wants to change most comes here."
BEFORE_HINT = "Where the selected head of the model looks comes here when a copy is trained."
AFTER_HINT = "Where the same head of the trained copy looks comes here."
LOSSES_HINT = "The loss of each token of the page’s text, of the model and of the trained copy."
WRITE_HINT = "<p class='caption'>What the model and the trained copy write on the page’s prompt comes here.</p>"
METHODS: dict[str, TrainingMethod] = {"automatic": "auto", "all weights": "full", "LoRA adapters": "lora"}
HEIGHT = 420  # of a map


@dataclass(frozen=True)
class TrainingTab:
    """The components of the tab."""

    name: ClassVar[str] = "Train"
    text: gr.Textbox
    n_steps: gr.Slider
    learning_rate: gr.Number
    batch_size: gr.Slider
    sequence_length: gr.Slider
    method: gr.Radio
    step: gr.Button
    train: gr.Button
    stop: gr.Button
    reset: gr.Button
    plan: gr.HTML
    progress: gr.HTML
    curve: gr.HTML
    gradient: gr.HTML
    table: gr.HTML
    losses: gr.HTML
    before: gr.HTML
    after: gr.HTML
    maps: gr.HTML
    write: gr.Button
    written: gr.HTML

    def outputs(self) -> list[gr.components.Component]:
        """Return what `show` fills."""
        return [self.plan, *self.progress_outputs(), self.table, self.losses, self.maps, self.before, self.after]

    def progress_outputs(self) -> list[gr.components.Component]:
        """Return what a training fills as it goes."""
        return [self.progress, self.curve, self.gradient]

    def buttons(self) -> list[gr.components.Component]:
        """Return what depends on whether something runs."""
        return [self.step, self.train, self.stop, self.reset, self.write, self.method]

    def settings(self) -> dict[str, gr.components.Component]:
        """Return the controls of a training, by the names of TrainingSettings."""
        names = ("learning_rate", "batch_size", "sequence_length")
        return {name: getattr(self, name) for name in names}

    def show_buttons(self, *, is_running: bool, has_copy: bool) -> dict[Any, Any]:
        """Return the buttons that can be pressed; how a copy is trained is chosen before it is made."""
        can = gr.Button(interactive=not is_running)
        return {
            self.step: can,
            self.train: can,
            self.stop: gr.Button(interactive=is_running),
            self.reset: gr.Button(interactive=has_copy and not is_running),
            self.write: gr.Button(interactive=has_copy and not is_running),
            self.method: gr.Radio(interactive=not has_copy and not is_running),
        }

    def show(self, backend: Backend, session: Session) -> dict[Any, Any]:
        """Return what training a copy takes, and what it has brought; of a model that cannot be trained, why."""
        trained = copy_in(session)
        nothing = dict.fromkeys([self.progress, self.table, self.maps], "")
        charts = [self.curve, self.gradient, self.losses, self.before, self.after]
        if trained is None:
            try:
                said, reason = f"<p>{html.escape(plan_sentence(backend.training_plan(session.model, 'auto')))}</p>", ""
            except PlaygroundError as error:
                said, reason = "", str(error)
            absent = {chart: no_chart("") for chart in charts} | {self.curve: no_chart(reason)}
            return {self.plan: said, **nothing, **absent}
        shown: dict[Any, Any] = {self.plan: "<p>Steps go on from where the copy is, until you reset it.</p>"}
        shown |= self.show_training(session, trained.training)
        try:
            return shown | self.show_losses(backend, session, trained) | self.show_maps(backend, session, trained)
        except PlaygroundError as error:
            gone = no_chart(str(error))
            return shown | {
                self.table: "",
                self.maps: "",
                **dict.fromkeys([self.losses, self.before, self.after], gone),
            }

    def show_training(self, session: Session, training: Training) -> dict[Any, Any]:
        """Return how far a training is."""
        shown: dict[Any, Any] = {self.progress: progress_html(training)}
        if training.n_done:
            curve = drawn_of_text(draw_training_curve(training), session, "loss while training")
            shown[self.curve] = gr.HTML(value=curve, absent="")
        if training.parts:
            drawn = drawn_of_text(draw_gradient(training), session, "gradient by layer")
            shown[self.gradient] = gr.HTML(value=drawn, absent="")
        return shown

    def show_losses(self, backend: Backend, session: Session, trained: TrainedCopy) -> dict[Any, Any]:
        """Return the losses of both texts, and of each token of the page's, before and after."""
        place, names = place_in_written(session), (session.model, trained.name)
        page: tuple[TokenLoss, TokenLoss] | None = None
        try:
            before, after = (backend.token_loss(name, session.text) for name in names)
        except PlaygroundError as error:
            backend.spec(trained.name)  # raises where the copy itself is the reason
            reason = str(error)
            return {self.table: losses_table(trained.losses, None, place, reason), self.losses: no_chart(reason)}
        page = (before, after)
        drawn = draw_two_losses(before.tokens, before.losses_nats, after.losses_nats, NAMES)
        return {
            self.table: losses_table(trained.losses, page, place),
            self.losses: gr.HTML(
                value=drawn_of_text(drawn, session, "losses before and after"),
                highlight=token_highlight(place),
                absent="",
            ),
        }

    def show_maps(self, backend: Backend, session: Session, trained: TrainedCopy) -> dict[Any, Any]:
        """Return where the selected head looks, before and after."""
        shown: dict[Any, Any] = {}
        for component, name, said in (
            (self.before, session.model, NAMES[0]),
            (self.after, trained.name, NAMES[1]),
        ):
            found = backend.head_map(name, session.text, session.layer, session.head, session.kind)
            figure = draw_head_map(found, compact=True, height=HEIGHT)
            drawn = drawn_of_head(figure, session, said)
            shown[component] = gr.HTML(value=drawn, highlight=json.dumps({"row": session.query}), absent="")
        said = f"Head {session.layer_number}.{session.head}: first {NAMES[0]}, then {NAMES[1]}."
        return shown | {self.maps: f"<p>{said} Choose another in the Attention tab.</p>"}

    def show_written(self, prompt: str, before: Sequence[Token], after: Sequence[Token], note: str) -> dict[Any, Any]:
        """Return what both have written on."""
        tail = html.escape(" ".join(prompt.split())[-60:])
        return {self.written: f"<p>Behind “… {tail}”, {html.escape(note)}:</p>{two_texts_html(before, after, NAMES)}"}


def copy_in(session: Session) -> TrainedCopy | None:
    """Return the trained copy of the model that the page's text is of."""
    return session.trained if session.trained and session.trained.model == session.model else None


def build_training() -> TrainingTab:
    """Build the tab's components."""
    parts: dict[str, Any] = {}
    with gr.Column(elem_id="panel-train"):
        build_heading(
            "Train a copy on your text",
            "<b>A gradient step</b> moves every weight a little, so that the text becomes more likely. It is taken in a"
            " copy of your own: the model of the page stays as it is, for you and for everybody.",
        )
        _build_controls(parts)
        parts["plan"] = gr.HTML("", elem_classes=["caption"], elem_id="train-plan")
        parts["progress"] = gr.HTML("", elem_classes=["caption"], elem_id="train-progress")
        with gr.Row(elem_id="train-row"):
            with gr.Column(min_width=300, scale=6):
                build_heading("Loss", "of what each step read, in nats.")
                parts["curve"] = build_chart("train-curve", hint=HINT, place=260)
            with gr.Column(min_width=300, scale=5):
                build_heading("Gradient", "of the last step, by layer.")
                parts["gradient"] = build_chart("train-gradient", hint=GRADIENT_HINT, place=260)
    with gr.Column(elem_id="panel-trained"):
        build_heading("Before and after", "The model of the page beside its trained copy.")
        _build_comparison(parts)
    return TrainingTab(**parts)


def _build_controls(parts: dict[str, Any]) -> None:
    parts["text"] = gr.Textbox(
        "", label="Text to train on", lines=3, max_lines=8, elem_id="train-text", max_length=MOST_TRAINED_CHARACTERS,
        placeholder="Type or paste one, or leave it empty to take the page’s text. For an encoder-decoder a line each: "
        "source => target",
        info=f"at most {MOST_TRAINED_TOKENS:,} tokens",
    )  # fmt: skip
    with gr.Row(elem_id="train-options"):
        parts["n_steps"] = gr.Slider(
            1, MOST_STEPS, value=30, step=1, label="Steps", elem_id="train-steps", min_width=150
        )
        parts["learning_rate"] = gr.Number(
            0.0003, label="Learning rate", info="of AdamW", elem_id="train-rate", minimum=0, min_width=130
        )
        parts["batch_size"] = gr.Slider(
            1, MOST_BATCH, value=4, step=1, label="Sequences a step", elem_id="train-batch", min_width=150
        )
        parts["sequence_length"] = gr.Slider(
            SHORTEST_SEQUENCE, LONGEST_SEQUENCE, value=64, step=1, label="Tokens a sequence", elem_id="train-length",
            min_width=150,
        )  # fmt: skip
        parts["method"] = gr.Radio(
            list(METHODS), value="automatic", label="What is trained", elem_id="train-method", min_width=280
        )
    with gr.Row(elem_id="train-bar"):
        parts["step"] = gr.Button("One gradient step", elem_id="train-step", min_width=140)
        parts["train"] = gr.Button("Train", variant="primary", elem_id="train-start", min_width=100)
        parts["stop"] = gr.Button("Stop", interactive=False, elem_id="train-stop", min_width=80)
        parts["reset"] = gr.Button("Reset to untrained", interactive=False, elem_id="train-reset", min_width=140)


def _build_comparison(parts: dict[str, Any]) -> None:
    with gr.Row(elem_id="trained-row"):
        with gr.Column(min_width=300, scale=5):
            parts["table"] = gr.HTML("", elem_id="trained-table", apply_default_css=False)
            with gr.Row(elem_id="trained-bar"):
                parts["write"] = gr.Button(
                    "Write with both", interactive=False, elem_id="train-write", size="sm", min_width=130
                )
            parts["written"] = gr.HTML(WRITE_HINT, elem_id="trained-written")
        with gr.Column(min_width=300, scale=7):
            parts["losses"] = build_chart("trained-losses", hint=LOSSES_HINT, place=240)
    parts["maps"] = gr.HTML("", elem_classes=["caption"], elem_id="trained-maps-name")
    with gr.Row(elem_id="trained-maps"):
        with gr.Column(min_width=300):
            parts["before"] = build_chart("trained-before", hint=BEFORE_HINT, place=HEIGHT)
        with gr.Column(min_width=300):
            parts["after"] = build_chart("trained-after", hint=AFTER_HINT, place=HEIGHT)
