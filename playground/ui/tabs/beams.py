"""The Beams tab: the tree of a beam search, its finished hypotheses, and greedy decoding beside it."""

from dataclasses import dataclass

import gradio as gr

from playground.ui.behaviours import behaves
from playground.ui.components import build_heading, place_kept
from playground.ui.session import Session
from playground.views.beam_tree import beam_tree_json, describe_tree, node_sentence, ranking_json

HINT = "Choose Beam search as the strategy and generate: every hypothesis that it follows or drops appears here."
RANKING_HINT = "The hypotheses that finished appear here, ranked by a length penalty that you can move."
GREEDY_HINT = "<p>What greedy decoding makes of the same prompt appears here.</p>"
GREEDY_BUSY = "<p>Decoding greedily …</p>"
NOTHING_SELECTED = "<p>Select a node of the tree: what it is, and why it died or won.</p>"


@dataclass(frozen=True)
class BeamsTab:
    """The components of the tab."""

    summary: gr.HTML
    sentence: gr.HTML
    tree: gr.HTML
    ranking: gr.HTML
    greedy: gr.HTML

    def outputs(self) -> list[gr.components.Component]:
        return [self.summary, self.sentence, self.tree, self.ranking, self.greedy]

    def show_text(self, session: Session) -> list[object]:
        """Return the values of `outputs()` for a new text."""
        tree = session.beam_tree
        if tree is None:
            nothing = gr.HTML(value="", selected=-1)
            return [summary_of(session), NOTHING_SELECTED, nothing, nothing, GREEDY_HINT]
        selected = selected_node(session)
        return [
            describe_tree(tree),
            sentence_of(session),
            gr.HTML(value=beam_tree_json(tree, session.tokens[session.search_start - 1].label), selected=selected),
            gr.HTML(value=ranking_json(tree), selected=selected),
            GREEDY_BUSY,
        ]

    def show_selection(self, session: Session) -> list[object]:
        """Return the values of `outputs()` after something else was selected in the same text."""
        if session.beam_tree is None:
            return [gr.skip() for _ in self.outputs()]
        selected = selected_node(session)
        chosen = gr.HTML(selected=selected)
        return [gr.skip(), sentence_of(session), chosen, chosen, gr.skip()]


def build_beams() -> BeamsTab:
    """Build the tab's components."""
    with gr.Column(elem_id="panel-beams"):
        summary = gr.HTML(summary_of(Session()), elem_classes=["caption"], elem_id="beam-summary")
        sentence = gr.HTML(NOTHING_SELECTED, elem_classes=["caption"], elem_id="beam-sentence")
        tree = gr.HTML(
            value="",
            selected=-1,
            html_template=place_kept("html/beams.html", HINT, 420),
            **behaves("beams"),
            elem_id="beam-tree",
        )
    with gr.Row(elem_id="beams-row"):
        with gr.Column(scale=7, min_width=320, elem_id="panel-ranking"):
            build_heading("What finished")
            ranking = gr.HTML(
                value="",
                selected=-1,
                html_template=place_kept("html/ranking.html", RANKING_HINT, 260),
                **behaves("ranking"),
                elem_id="beam-ranking",
            )
        with gr.Column(scale=5, min_width=320, elem_id="panel-greedy"):
            build_heading("Greedy, on the same prompt")
            greedy = gr.HTML(GREEDY_HINT, elem_classes=["caption"], elem_id="beam-greedy")
    return BeamsTab(summary, sentence, tree, ranking, greedy)


def summary_of(session: Session) -> str:
    """Return what is to be said where there is no tree, as HTML."""
    if session.run is None:
        return "<p>Beam search follows several beginnings at once and keeps the likeliest whole.</p>"
    return "<p>This text was not made by beam search, so there is no tree of it.</p>"


def sentence_of(session: Session) -> str:
    """Return what became of the selected hypothesis, as HTML."""
    node, tree = selected_node(session), session.beam_tree
    return NOTHING_SELECTED if tree is None or node < 0 else node_sentence(tree, node)


def selected_node(session: Session) -> int:
    """Return the selected hypothesis: one off the winner's path, else the selected token's; -1 where it is none."""
    if session.beam_tree is None:
        return -1
    if session.branch is not None:
        return session.branch
    at, path = session.selected - session.search_start, session.beam_tree.best_path
    return path[at].id if 0 <= at < len(path) else -1
