"""What tells the model where a token stands, and what becomes of a head when the words are shuffled."""

import html

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import HeadMap, MapView, PlaygroundError
from playground.ui.components import build_chart, no_chart
from playground.ui.session import Session
from playground.views.head_map import draw_head_map
from playground.views.positions import draw_positions, positions_sentence

HINT = "Generate or analyse a text, and the model's sense of order appears here."
ACROSS = (
    "Cross-attention leads from one text to another, so there is no distance between its two tokens, and nothing is "
    "added for it. What each token knows of its own place comes from the encoder and the decoder: choose one of them."
)
WRITTEN = "Shuffling the words is for a text that is read at once, as the encoder's: choose its attention."


class PositionsPanel:
    """The positional signal, and the selected head's change by shuffling."""

    name = "positions"
    title = "Positions"

    def build(self) -> None:
        self.note = gr.HTML("", elem_classes=["caption"], elem_id="positions-note")
        self.chart = build_chart("positions", hint=HINT, place=440)
        self.shuffle_note = gr.HTML("", elem_classes=["caption"], elem_id="shuffle-note")
        self.shuffled = build_chart("shuffled-map", hint=HINT, place=480)

    def outputs(self) -> list[gr.components.Component]:
        return [self.note, self.chart, self.shuffle_note, self.shuffled]

    def show(self, backend: Backend, session: Session) -> list[object]:
        if session.kind == "cross":
            return ["", no_chart(ACROSS), "", no_chart(WRITTEN)]
        side = "decoder" if session.kind == "decoder" else "encoder"
        signal = backend.positions(session.model, max(2, len(session.queries)), side)
        picture = draw_positions(signal, session.head)
        shown: list[object] = [
            f"<p>{html.escape(positions_sentence(signal, session.head))}</p>",
            "" if picture is None else picture.to_json(),
        ]
        if session.kind == "decoder":
            return [*shown, "", no_chart(WRITTEN)]
        try:
            changed = backend.shuffled_map(session.model, session.text, session.layer, session.head)
            comparison = backend.shuffle_comparison(session.model, session.text)
        except PlaygroundError as error:
            return [*shown, "", no_chart(str(error))]
        change = float(comparison.changes[session.layer, session.head])
        note = (
            "Shuffle the words: the same tokens in another order, each weight followed with its two tokens. "
            f"Layer {session.layer_number}, head {session.head} moves {100 * change:.0f} % of its weight to other "
            "tokens. The map is its weights in the shuffled text minus those in this one, in this text's order."
        )
        weights = changed.shuffled - changed.original
        difference = HeadMap(
            changed.kind,
            changed.layer,
            changed.head,
            weights,
            changed.tokens,
            changed.tokens,
            MapView(heads="difference"),
        )
        return [
            *shown,
            f"<p>{html.escape(note)}</p>",
            draw_head_map(difference, compact=True, second_at=session.second_at).to_json(),
        ]
