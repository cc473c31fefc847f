"""What if: the causal mask off, or tokens hidden; first in this head alone, then in the whole model."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import CounterfactualMap, HeadMap, MaskedPrediction, PlaygroundError
from playground.ui.components import build_chart, no_chart
from playground.ui.head_views.base import drawn_of_head, drawn_of_text
from playground.ui.session import Session
from playground.views.head_map import draw_head_map
from playground.views.masked_prediction import draw_masked_prediction, leak_sentence

NO_PREDICTION = "Only this head's map is changed here: an encoder writes nothing, so there is no next token."
HINT = "Generate or analyse a text, then hide tokens or take the mask off."


class MaskPanel:
    """Switches, the counterfactual map, and the counterfactual prediction."""

    name = "mask"
    title = "Mask"

    def build(self) -> None:
        gr.HTML(
            "<p><b>Counterfactual:</b> nothing here is what the model did. The map takes this head's softmax anew; "
            "the bars run the whole model with the change in every layer.</p>",
            elem_classes=["caption", "counterfactual"],
        )
        with gr.Row(elem_id="mask-options"):
            self.mask_off = gr.Checkbox(False, label="causal mask off", elem_id="mask-off", container=False)
            self.hidden = gr.Textbox(
                "",
                label="Hide tokens",
                info="their numbers, as 0 or 3, 5-7",
                elem_id="mask-hidden",
                max_lines=1,
                min_width=150,
            )
        self.note = gr.HTML("", elem_classes=["caption"], elem_id="mask-note")
        self.prediction = build_chart("mask-prediction", hint=HINT, place=300)
        self.chart = build_chart("mask-map", hint=HINT, place=480, zoom=True)

    def outputs(self) -> list[gr.components.Component]:
        return [self.note, self.prediction, self.chart, self.mask_off]

    def changes(self) -> list[Callable[..., Any]]:
        """Return the events after which `chosen` is asked."""
        return [self.mask_off.input, self.hidden.submit]

    def options(self) -> dict[str, gr.components.Component]:
        """Return the components that decide what is changed, by the names of `chosen`."""
        return {"mask_off": self.mask_off, "hidden": self.hidden}

    def chosen(self, session: Session, mask_off: bool, hidden: str) -> Session:
        """Return the session with what was chosen. Raises PlaygroundError where the numbers cannot be read."""
        hidden_tokens = read_places(str(hidden), len(session.keys)) if session.ids else ()
        return replace(session, mask_off=bool(mask_off), hidden=hidden_tokens)

    def show(self, backend: Backend, session: Session) -> list[object]:
        hidden = tuple(place for place in session.hidden if place < len(session.keys))
        changed = backend.counterfactual_map(
            session.model,
            session.text,
            session.layer,
            session.head,
            hidden,
            mask_off=session.mask_off,
            kind=session.kind,
        )
        picture = draw_head_map(map_of(changed), compact=True, second_at=session.second_at)
        drawn = drawn_of_head(picture, session, "counterfactual")
        switch = gr.Checkbox(interactive=session.is_causal)
        note = f"<p>{html.escape(note_beside_decoders(session))}</p>"
        if session.model_kind == "encoder":
            return [note, no_chart(NO_PREDICTION), drawn, switch]
        mask_off = session.mask_off and session.is_causal
        try:
            prediction = backend.masked_prediction(
                session.model, session.text, hidden, mask_off=mask_off, kind=session.kind
            )
        except PlaygroundError as error:  # the map is there all the same
            return ["", no_chart(str(error)), drawn, switch]
        bars = drawn_of_text(draw_masked_prediction(prediction), session, "counterfactual prediction")
        is_changed = mask_off or bool(hidden)
        return [note_of(prediction) if is_changed or session.kind == "self" else note, bars, drawn, switch]


def map_of(changed: CounterfactualMap) -> HeadMap:
    """Return the counterfactual weights as a map."""
    return HeadMap(changed.kind, changed.layer, changed.head, changed.weights, changed.query_tokens, changed.key_tokens)


def note_beside_decoders(session: Session) -> str:
    """Return what can be changed in a model that is no decoder, and what is not shown; not escaped."""
    if session.is_causal:
        change = "Take the mask off, or hide tokens of the target by their numbers."
    else:
        looked_at = "the source" if session.n_target else "the text"
        change = f"This attention has no causal mask: hide tokens of {looked_at} by their numbers."
    return change


def note_of(prediction: MaskedPrediction) -> str:
    """Return what was changed and what came of it, as HTML."""
    if not prediction.mask_off and not prediction.hidden:
        return "<p>Nothing is changed yet: take the mask off, or hide tokens by their numbers.</p>"
    return f"<p>{html.escape(leak_sentence(prediction))}</p>"


def read_places(text: str, n_tokens: int) -> tuple[int, ...]:
    """Return the token numbers in a text such as "0, 3-5". Raises PlaygroundError where it is not such a text."""
    places: set[int] = set()
    for part in filter(None, re.split(r"[,;\s]+", text.strip())):
        found = re.fullmatch(r"(\d{1,6})(?:\s*[-–]\s*(\d{1,6}))?", part, re.ASCII)
        first = int(found[1]) if found else 0
        last = int(found[2] or first) if found else -1
        if not 0 <= first <= last < max(1, n_tokens):
            raise PlaygroundError(
                f"“{part[:20]}” is no token of this text: write numbers from 0 to {max(0, n_tokens - 1)}, "
                "as 0 or 3, 5-7."
            )
        places |= set(range(first, last + 1))
    if len(places) >= max(1, n_tokens):
        raise PlaygroundError("All tokens would be hidden: leave one at least.")
    return tuple(sorted(places))
