"""What tells the model where a token stands, and what becomes of a head when the words are shuffled."""

import html

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import HeadMap, MapView, PlaygroundError
from playground.ui.components import build_chart, no_chart
from playground.ui.head_views.base import drawn_of_head, drawn_of_text
from playground.ui.session import Session
from playground.views.head_map import draw_head_map
from playground.views.positions import draw_positions, positions_sentence

HINT = "Generate or analyse a text, and the model's sense of order appears here."
ACROSS = (
    "Cross-attention leads from one text to another, so there is no distance between its two tokens, and nothing is "
    "added for it. What each token knows of its own place comes from the encoder and the decoder: choose one of them."
)
SHUFFLED = {"cross": " of the source, not those that were written", "decoder": " that were written"}


class PositionsPanel:
    """The positional signal, and the selected head's change by shuffling."""

    name = "positions"
    title = "Positions"

    def build(self) -> None:
        self.note = gr.HTML("", elem_classes=["caption"], elem_id="positions-note")
        self.chart = build_chart("positions", hint=HINT, place=440)
        self.shuffle_note = gr.HTML("", elem_classes=["caption"], elem_id="shuffle-note")
        self.shuffled = build_chart("shuffled-map", hint=HINT, place=480, zoom=True)

    def outputs(self) -> list[gr.components.Component]:
        return [self.note, self.chart, self.shuffle_note, self.shuffled]

    def show(self, backend: Backend, session: Session) -> list[object]:
        shown = ["", no_chart(ACROSS)] if session.kind == "cross" else self._signal(backend, session)
        try:
            changed = backend.shuffled_map(session.model, session.text, session.layer, session.head, kind=session.kind)
            comparison = backend.shuffle_comparison(session.model, session.text, kind=session.kind)
        except PlaygroundError as error:
            return [*shown, "", no_chart(str(error))]
        change = float(comparison.changes[session.layer, session.head])
        note = (
            f"Shuffle the words{SHUFFLED.get(session.kind, '')}: the same tokens in another order, each weight "
            "followed with its two tokens. "
            f"Layer {session.layer_number}, head {session.head} moves {100 * change:.0f} % of its weight to other "
            "tokens. The map is its weights in the shuffled text minus those in this one, in this text's order."
        )
        weights = changed.shuffled - changed.original
        difference = HeadMap(
            changed.kind,
            changed.layer,
            changed.head,
            weights,
            changed.query_tokens,
            changed.key_tokens,
            MapView(heads="difference"),
        )
        drawn_difference = draw_head_map(difference, compact=True, second_at=session.second_at)
        what = "shuffled minus this text"
        return [*shown, f"<p>{html.escape(note)}</p>", drawn_of_head(drawn_difference, session, what)]

    def _signal(self, backend: Backend, session: Session) -> list[object]:
        side = "decoder" if session.kind == "decoder" else "encoder"
        signal = backend.positions(session.model, max(2, len(session.queries)), side)
        picture = draw_positions(signal, session.head)
        return [
            f"<p>{html.escape(positions_sentence(signal, session.head))}</p>",
            "" if picture is None else drawn_of_text(picture, session, f"positions ({signal.kind})"),
        ]
