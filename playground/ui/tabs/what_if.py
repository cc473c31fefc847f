"""The What if tab: heads, layers and single looks switched off, and which heads matter for the selected token."""

import html
import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import (
    AttentionExplains,
    Change,
    ChangedKind,
    HeadImportance,
    HeadsOff,
    PlaygroundError,
)
from playground.ui.components import build_chart, build_heading, no_chart
from playground.ui.fields import choice_of
from playground.ui.head_views.base import drawn_of_text
from playground.ui.session import Session
from playground.ui.written import n_written, place_in_written
from playground.views.token_loss import token_highlight
from playground.views.what_if import (
    change_sentence,
    draw_importance,
    draw_looks,
    draw_loss_change,
    draw_prediction,
    explains_sentence,
    heads_highlight,
    importance_sentence,
)

HINT = "Generate or analyse a text, then switch a part of the model off."
MAP_HINT = "Press “Measure each head”: each is switched off alone, and the map fills from the top layer down."
WRITE_HINT = (
    "<p class='caption'>Press “Write on” to see what the model writes from here, with and without the change.</p>"
)
MOST_NAMED = 400  # heads, layers or looks in one field
HOW: dict[str, HeadsOff] = {"zero": "zero", "its mean": "mean", "uniform attention": "uniform"}


@dataclass(frozen=True)
class WhatIfTab:
    """The components of the tab."""

    name: ClassVar[str] = "What if"
    heads: gr.Textbox
    how: gr.Radio
    layers: gr.Textbox
    edges: gr.Textbox
    selected: gr.Button
    reset: gr.Button
    sentence: gr.HTML
    prediction: gr.HTML
    losses: gr.HTML
    write: gr.Button
    stop_writing: gr.Button
    n_tokens: gr.Slider
    written: gr.HTML
    measure: gr.Button
    stop: gr.Button
    progress: gr.HTML
    importance: gr.HTML
    looks: gr.HTML
    explains: gr.HTML

    def outputs(self) -> list[gr.components.Component]:
        """Return what `show` fills."""
        return [self.sentence, self.prediction, self.losses, *self.map_outputs(), self.written]

    def named(self) -> list[gr.components.Component]:
        """Return what `show_named` fills; never while somebody may be typing there."""
        return [self.heads, self.layers, self.edges]

    def show_named(self, change: Change) -> dict[Any, Any]:
        """Return the fields for a change that was made elsewhere."""
        return {
            self.heads: ", ".join(f"{layer}.{head}" for layer, head in change.heads),
            self.layers: ", ".join(map(str, change.layers)),
            self.edges: ", ".join(f"{token}>{other}" for token, other in change.edges),
        }

    def map_outputs(self) -> list[gr.components.Component]:
        """Return what a measuring of the heads fills."""
        return [self.progress, self.importance, self.looks, self.explains]

    def fields(self) -> dict[str, gr.components.Component]:
        """Return the fields that say what is switched off, by the names of `change_from`."""
        return {"heads": self.heads, "how": self.how, "layers": self.layers, "edges": self.edges}

    def show(self, backend: Backend, session: Session) -> dict[Any, Any]:
        """Return what the change does to the selected token; of a model that has no such parts, why."""
        place = place_in_written(session)
        change = changes_in(session)
        shown: dict[Any, Any] = {
            self.importance: gr.HTML(highlight=heads_highlight(session.change)),
            self.looks: gr.HTML(highlight=heads_highlight(session.change)),
        }
        if session.asked not in (None, (session.model, session.text)):  # what was asked of another text goes
            shown |= dict.fromkeys(self.map_outputs(), "") | {self.written: WRITE_HINT}
        try:
            result = backend.what_if(session.model, session.text, max(0, place), change)
        except PlaygroundError as error:
            return shown | {self.sentence: "", self.prediction: no_chart(str(error)), self.losses: no_chart(str(error))}
        prediction = drawn_of_text(draw_prediction(result), session, "prediction under a change")
        losses = drawn_of_text(draw_loss_change(result), session, "losses under a change")
        return shown | {
            self.sentence: f"<p>{html.escape(change_sentence(result))}</p>",
            self.prediction: gr.HTML(value=prediction, absent=""),
            self.losses: gr.HTML(value=losses, highlight=token_highlight(place), absent=""),
        }

    def show_importance(self, session: Session, importance: HeadImportance) -> dict[Any, Any]:
        """Return the map of heads as far as it is measured."""
        drawn = drawn_of_text(draw_importance(importance), session, "which heads matter")
        return {
            self.importance: gr.HTML(value=drawn, highlight=heads_highlight(session.change), absent=""),
            self.progress: f"<p>{html.escape(importance_sentence(importance))}</p>",
        }

    def show_looks(self, session: Session, found: AttentionExplains) -> dict[Any, Any]:
        """Return the attention map beside it, and whether it explains."""
        return {
            self.looks: gr.HTML(
                value=drawn_of_text(draw_looks(found), session, "how strongly heads look"),
                highlight=heads_highlight(session.change),
            ),
            self.explains: f"<p>{html.escape(explains_sentence(found))}</p>",
        }


def build_what_if() -> WhatIfTab:
    """Build the tab's components."""
    with gr.Column(elem_id="panel-change"):
        build_heading(
            "Switch a part off",
            "<b>Counterfactual:</b> what the model would do without it. The change holds in the whole text, for you"
            " alone.",
        )
        with gr.Row(elem_id="change-options"):
            heads = gr.Textbox(
                "",
                label="Heads off",
                info="layer.head, as 3.2, 5.0-7",
                elem_id="change-heads",
                max_lines=1,
                min_width=150,
            )
            how = gr.Radio(list(HOW), value="zero", label="What they pass on", elem_id="change-how", min_width=230)
            layers = gr.Textbox(
                "", label="Layers off", info="as 0 or 2, 4-6", elem_id="change-layers", max_lines=1, min_width=120
            )
            edges = gr.Textbox(
                "", label="Looks cut", info="7>2: token 7 not at token 2", elem_id="change-edges", max_lines=1,
                min_width=150,
            )  # fmt: skip
        with gr.Row(elem_id="change-bar"):
            selected = gr.Button("Add the selected head", size="sm", elem_id="change-selected", min_width=120)
            reset = gr.Button("Switch all on", size="sm", elem_id="change-reset", min_width=100)
        sentence = gr.HTML("", elem_classes=["caption", "counterfactual"], elem_id="change-sentence")
        with gr.Row(elem_id="change-row"):
            with gr.Column(scale=5, min_width=300):
                prediction = build_chart("change-prediction", hint=HINT, place=360)
            with gr.Column(scale=7, min_width=300):
                losses = build_chart("change-losses", hint="The loss of each token, with and without.", place=240)
                with gr.Row(elem_id="write-bar"):
                    write = gr.Button("Write on", elem_id="change-write", min_width=110)
                    stop_writing = gr.Button("Stop", elem_id="change-write-stop", interactive=False, min_width=80)
                    n_tokens = gr.Slider(
                        5, 60, value=20, step=1, label="Tokens", elem_id="change-tokens", min_width=140
                    )
                written = gr.HTML(WRITE_HINT, elem_id="change-written")
    with gr.Column(elem_id="panel-importance"):
        build_heading(
            "Which heads matter here",
            "Each head switched off alone: how the log-probability of the selected token changes. Orange heads are "
            "needed for it, violet ones speak against it. Click a head to switch it off above.",
        )
        with gr.Row(elem_id="importance-bar"):
            measure = gr.Button("Measure each head", variant="primary", elem_id="measure-heads", min_width=150)
            stop = gr.Button("Stop", elem_id="measure-stop", interactive=False, min_width=80)
        progress = gr.HTML("", elem_classes=["caption"], elem_id="importance-progress")
        with gr.Row(elem_id="importance-row"):
            with gr.Column(min_width=300):
                importance = build_chart("importance", hint=MAP_HINT, place=320)
            with gr.Column(min_width=300):
                looks = build_chart(
                    "looks", hint="Does attention explain it? How strongly each head looks comes here.", place=320
                )
        explains = gr.HTML("", elem_classes=["caption"], elem_id="explains")
    return WhatIfTab(
        heads=heads,
        how=how,
        layers=layers,
        edges=edges,
        selected=selected,
        reset=reset,
        sentence=sentence,
        prediction=prediction,
        losses=losses,
        write=write,
        stop_writing=stop_writing,
        n_tokens=n_tokens,
        written=written,
        measure=measure,
        stop=stop,
        progress=progress,
        importance=importance,
        looks=looks,
        explains=explains,
    )


def kind_in(session: Session) -> ChangedKind:
    """Return the heads that are meant: those that look at the source, where these are what the Attention tab shows."""
    return "cross" if session.n_target and session.kind == "cross" else "self"


def changes_in(session: Session) -> Change:
    """Return what is switched off, for the kind of attention that is shown; without the looks of a longer text."""
    edges = tuple(edge for edge in session.change.edges if max(edge) < n_written(session))
    return replace(session.change, kind=kind_in(session), edges=edges)


def change_from(heads: object, how: object, layers: object, edges: object) -> Change:
    """Return the change that the fields say. Raises PlaygroundError where they cannot be read."""
    return Change(
        heads=_pairs(
            str(heads), r"(\d{1,4})\.(\d{1,4})(?:\s*[-–]\s*(\d{1,4}))?", "a head: write layer.head, as 3.2, 5.0-7"
        ),
        how=choice_of(how, HOW),
        layers=tuple(layer for layer, _ in _pairs(str(layers), r"(\d{1,4})()()", "a layer: write 0 or 2, 4-6")),
        edges=_pairs(str(edges), r"(\d{1,6})\s*>\s*(\d{1,6})(?:\s*[-–]\s*(\d{1,6}))?", "a look: write 7>2, or 7>0-3"),
    )


def _pairs(text: str, form: str, what: str) -> tuple[tuple[int, int], ...]:
    """Return the pairs of numbers in a list, each once; a range of the second number gives several."""
    found: dict[tuple[int, int], None] = {}
    for part in filter(None, (part.strip() for part in re.split(r"[,;]", text))):
        for first, second, last in _numbers(part, form, what):
            if last - second >= MOST_NAMED or len(found) > MOST_NAMED:
                raise PlaygroundError(f"Name at most {MOST_NAMED} at a time.")
            found |= dict.fromkeys((first, number) for number in range(second, last + 1))
    return tuple(found)


def _numbers(part: str, form: str, what: str) -> list[tuple[int, int, int]]:
    if form.endswith("()()") and (span := re.fullmatch(r"(\d{1,4})\s*[-–]\s*(\d{1,4})", part, re.ASCII)):
        first, last = int(span[1]), int(span[2])
        if first <= last < first + MOST_NAMED:
            return [(layer, 0, 0) for layer in range(first, last + 1)]
    if not (match := re.fullmatch(form, part, re.ASCII)):
        raise PlaygroundError(f"“{part[:20]}” is not {what}.")
    second = int(match[2] or 0)
    last = int(match[3] or second)
    if last < second:
        raise PlaygroundError(f"“{part[:20]}” is not {what}.")
    return [(int(match[1]), second, last)]
