"""The visitor's runs: back and forth among them, and further on from the end of the one that is shown."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.records import RunTree
from playground.ui.behaviours import behaves
from playground.ui.components import place_kept
from playground.ui.status import status_line
from playground.views.run_tree import describe_shown, runs_json

HINT = "Each text that you generate is kept here: go back to it, or go on from any of its tokens."


@dataclass(frozen=True)
class HistoryPanel:
    """The components."""

    undo: gr.Button
    redo: gr.Button
    one_token: gr.Button
    write_on: gr.Button
    sentence: gr.HTML
    runs: gr.HTML

    def outputs(self) -> list[Any]:
        """Return what follows the runs."""
        return [self.undo, self.redo, self.write_on, self.sentence, self.runs]


def build_history() -> HistoryPanel:
    """Build the row under the text, and the list that it opens."""
    with gr.Row(elem_id="history"):
        undo = gr.Button("↶ Back", elem_id="undo", size="sm", min_width=80, interactive=False)
        redo = gr.Button("↷ Forth", elem_id="redo", size="sm", min_width=80, interactive=False)
        one_token = gr.Button("Next token", elem_id="one-token", size="sm", min_width=100)
        write_on = gr.Button("Write on", elem_id="write-on", size="sm", min_width=90, interactive=False)
        sentence = gr.HTML(status_line(describe_shown(RunTree())), elem_id="history-sentence", min_width=160)
    with gr.Accordion("All runs", open=False, elem_id="all-runs"):
        runs = gr.HTML(
            value="[]",
            html_template=place_kept("html/runs.html", HINT, 0),
            **behaves("runs"),
            elem_id="runs",
        )
    return HistoryPanel(undo, redo, one_token, write_on, sentence, runs)


def history_updates(history: HistoryPanel, runs: RunTree) -> dict[Any, Any]:
    """Return what `outputs` show of the runs."""
    return {
        history.undo: gr.Button(interactive=bool(runs.before)),
        history.redo: gr.Button(interactive=bool(runs.after)),
        history.write_on: gr.Button(interactive=runs.shown is not None),
        history.sentence: status_line(describe_shown(runs)),
        history.runs: runs_json(runs),
    }
