"""The Step by step tab: one token at a time, chosen by the model, by hand, or guessed before it is shown."""

from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from playground.records import Step
from playground.records.guesses import LEAST_SURE, MOST_SURE
from playground.ui.components import build_candidates, build_heading
from playground.ui.session import Session
from playground.ui.status import status_line
from playground.views.candidates import candidates_json
from playground.views.guesses import describe_guess, guesses_html

HINT = "What could come next appears here: take one yourself, or let the model choose."
HIDDEN_HINT = "Hidden until you have guessed."
NO_GUESS = "<p>Your guesses, and how surprised you and the model were, appear here.</p>"


@dataclass(frozen=True)
class StepsTab:
    """The components of the tab."""

    name: ClassVar[str] = "Step by step"
    candidates: gr.HTML
    sentence: gr.HTML
    choose: gr.Button
    guessing: gr.Checkbox
    guess_panel: gr.Column
    guess: gr.Textbox
    sure: gr.Slider
    judge: gr.Button
    again: gr.Button
    result: gr.HTML
    table: gr.HTML
    n_judged: gr.Number  # unseen: guesses that were judged in all

    def outputs(self) -> list[Any]:
        """Return what follows the text."""
        return [self.candidates, self.sentence]

    def guess_outputs(self) -> list[Any]:
        """Return what follows the guesses."""
        return [self.guess, self.result, self.table, self.n_judged]

    def show_next(self, step: Step | None, sentence: str, *, is_hidden: bool) -> dict[Any, Any]:
        """Return what could come next; `is_hidden` while it is to be guessed."""
        shown = None if is_hidden else step
        return {
            self.candidates: gr.HTML(value=candidates_json(shown, is_open=True), absent=HIDDEN_HINT * is_hidden),
            self.sentence: status_line(sentence),
        }

    def show_guesses(self, session: Session) -> dict[Any, Any]:
        """Return the guesses so far."""
        guesses = session.guesses
        return {
            self.guess: "",
            self.result: status_line(describe_guess(guesses[-1])) if guesses else NO_GUESS,
            self.table: guesses_html(guesses) if guesses else "",
            self.n_judged: session.n_judged,
        }


def build_steps() -> StepsTab:
    """Build the tab's components."""
    with gr.Row(elem_id="steps-row"):
        with gr.Column(scale=6, min_width=320, elem_id="panel-steps"):
            build_heading(
                "What comes next?",
                "The model gives each token a probability. Take one by hand, or let the model choose by its "
                "strategy; “Back” above takes a token back.",
            )
            candidates = build_candidates("next-candidates", hint=HINT, place=132)
            with gr.Row(elem_id="steps-actions"):
                choose = gr.Button("Let the model choose", elem_id="model-chooses", min_width=160, variant="primary")
                sentence = gr.HTML("", elem_id="steps-sentence", min_width=160)
        with gr.Column(scale=6, min_width=320, elem_id="panel-guess"):
            build_heading(
                "Guess it first",
                "Say what comes next and how sure you are, then see what the model takes. Surprise is counted in "
                "bits, −log₂ of the probability that you, or the model, gave what came: the rest of yours is shared"
                " by all other tokens.",
            )
            guessing = gr.Checkbox(False, label="Hide what the model expects, and guess", elem_id="guessing")
            with gr.Column(visible=False, elem_id="guess-panel") as guess_panel:
                with gr.Row(elem_id="guess-row"):
                    guess = gr.Textbox(
                        "", label="The next word, or its beginning", placeholder="Type your guess …", elem_id="guess",
                        min_width=160, scale=3, max_lines=1, html_attributes=gr.InputHTMLAttributes(spellcheck=False),
                    )  # fmt: skip
                    sure = gr.Slider(
                        LEAST_SURE, MOST_SURE, 0.5, step=0.01, label="How sure", elem_id="sure", min_width=140, scale=3,
                        buttons=[],
                    )  # fmt: skip
                with gr.Row(elem_id="guess-actions"):
                    judge = gr.Button("Guess", elem_id="judge", variant="primary", min_width=110)
                    again = gr.Button("Start again", elem_id="guess-again", min_width=110)
                result = gr.HTML(NO_GUESS, elem_id="guess-result", elem_classes=["caption"])
                table = gr.HTML("", elem_id="guess-table")
                n_judged = gr.Number(0, visible=False)
    return StepsTab(
        candidates=candidates,
        sentence=sentence,
        choose=choose,
        guessing=guessing,
        guess_panel=guess_panel,
        guess=guess,
        sure=sure,
        judge=judge,
        again=again,
        result=result,
        table=table,
        n_judged=n_judged,
    )
