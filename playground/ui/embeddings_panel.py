"""The panel of embeddings in the Inside tab: neighbours, paths through the layers, and norms."""

import html
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError, Token
from playground.records.embeddings import MOST_PATHS
from playground.ui.components import build_chart, build_heading, no_chart
from playground.ui.head_views.base import drawn_of_text
from playground.ui.session import Session
from playground.ui.written import place_in_written, written_tokens
from playground.views.embeddings import draw_norms, draw_paths, embeddings_sentence, neighbours_html

HINT = "Generate or analyse a text to see how the vectors of its tokens move through the layers."
NORMS_HINT = "The length of the selected token's vector, layer by layer."
N_SHOWN = 8  # tokens up to the selected one, where none were chosen


@dataclass(frozen=True)
class EmbeddingsPanel:
    """The components of the panel."""

    words: gr.Textbox
    sentence: gr.HTML
    neighbours: gr.HTML
    paths: gr.HTML
    norms: gr.HTML

    def outputs(self) -> list[gr.components.Component]:
        """Return what `show` fills."""
        return [self.sentence, self.neighbours, self.paths, self.norms]

    def show(self, backend: Backend, session: Session) -> dict[Any, Any]:
        """Return the panel for what is selected; of a model that has no such vectors, why."""
        position = max(0, place_in_written(session))
        try:
            places = chosen_places(written_tokens(session), session.path_words, position)
            found = backend.embeddings(session.model, session.text, position, places)
        except PlaygroundError as error:
            return {
                self.sentence: "", self.neighbours: "",
                self.paths: no_chart(str(error)), self.norms: no_chart(NORMS_HINT),
            }  # fmt: skip
        shown: dict[Any, Any] = {
            self.sentence: f"<p>{html.escape(embeddings_sentence(found))}</p>",
            self.neighbours: neighbours_html(found.neighbours),
        }
        if found.paths is None:
            return shown | {self.paths: no_chart(found.absent), self.norms: no_chart(NORMS_HINT)}
        paths = drawn_of_text(draw_paths(found.paths), session, "tokens through the layers")
        norms = drawn_of_text(draw_norms(found.paths), session, "norms of the residual stream")
        return shown | {self.paths: gr.HTML(value=paths, absent=""), self.norms: gr.HTML(value=norms, absent="")}


def build_embeddings() -> EmbeddingsPanel:
    """Build the panel's components."""
    with gr.Column(elem_id="panel-embeddings"):
        build_heading(
            "Embeddings",
            "A token enters as a vector, and each layer moves it. On the left its neighbours in the vocabulary; then "
            "the ways of some tokens through the layers, in the two directions in which these vectors differ most (PCA "
            "of exactly these, each scaled to length 1): large dot the input, the name where it ends.",
        )
        words = gr.Textbox(
            "", label="Words of the text", placeholder="dog, cat, little … (empty: those up to the selected one)",
            elem_id="path-words", max_lines=1, info=f"At most {MOST_PATHS} tokens.",
        )  # fmt: skip
        sentence = gr.HTML("", elem_classes=["caption"], elem_id="embeddings-sentence")
        with gr.Row(elem_id="embeddings-row"):
            with gr.Column(scale=3, min_width=220):
                neighbours = gr.HTML("", elem_id="neighbours", apply_default_css=False)
                norms = build_chart("norms", hint=NORMS_HINT, place=240)
            with gr.Column(scale=8, min_width=300):
                paths = build_chart("paths", hint=HINT, place=460)
    return EmbeddingsPanel(words=words, sentence=sentence, neighbours=neighbours, paths=paths, norms=norms)


def chosen_places(tokens: tuple[Token, ...], words: tuple[str, ...], position: int) -> tuple[int, ...]:
    """Return where the words stand that were chosen; without any, the last tokens up to a position.

    Raises PlaygroundError for a word that no token of the text begins with, and for too many tokens.
    """
    if not words:
        return tuple(range(max(0, position + 1 - N_SHOWN), position + 1))
    found: dict[int, None] = {}
    for word in words:
        places = [at for at, token in enumerate(tokens) if token.text.strip().lower() == word.lower()]
        if not places:
            raise PlaygroundError(f"No token of this text is “{word[:20]}”: name tokens as they stand in the chips.")
        found |= dict.fromkeys(places)
    if len(found) > MOST_PATHS:
        raise PlaygroundError(f"These words are {len(found)} tokens of the text; at most {MOST_PATHS} can be drawn.")
    return tuple(sorted(found))
