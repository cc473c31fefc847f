"""The Tasks tab: what a model is used for, each task a preset, and how well a text is what was wanted."""

from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from playground.records import LabelScore, LanguageTask, TaskName
from playground.records.language_tasks import TASK_TITLES
from playground.ui.components import build_chart, build_heading
from playground.ui.status import status_line
from playground.views.figure import name_picture
from playground.views.language_tasks import draw_labels, labels_sentence, task_note

LABELS = "positive, negative"
LABELS_HINT = "How likely the model finds each label behind the text is drawn here."
TASKS: dict[str, TaskName] = {title: name for name, title in TASK_TITLES.items()}
TEXT_LABELS: dict[TaskName, str] = {"chat": "Message", "answer": "Passage"}


@dataclass(frozen=True)
class TasksTab:
    """The components of the tab."""

    name: ClassVar[str] = "Tasks"
    task: gr.Radio
    note: gr.HTML
    text: gr.Textbox
    question: gr.Textbox
    labels: gr.Textbox
    take: gr.Button
    label_panel: gr.Column
    label_sentence: gr.HTML
    label_chart: gr.HTML
    reference: gr.Textbox
    score: gr.Button
    scores: gr.HTML

    def task_outputs(self) -> list[Any]:
        """Return what `show_task` fills."""
        return [self.note, self.text, self.question, self.labels, self.take, self.label_panel]

    def show_task(self, task: LanguageTask) -> dict[Any, Any]:
        """Return the fields of a task; why the model cannot be asked for it where it cannot."""
        is_sentiment = task.name == "sentiment"
        return {
            self.note: status_line(task_note(task)),
            self.text: gr.Textbox(label=TEXT_LABELS.get(task.name, "Text"), interactive=not task.absent),
            self.question: gr.Textbox(visible=task.name == "answer" and not task.absent),
            self.labels: gr.Textbox(visible=is_sentiment and not task.absent),
            self.take: gr.Button(
                "Compare the labels" if is_sentiment else "Put it into the prompt", interactive=not task.absent
            ),
            self.label_panel: gr.Column(visible=is_sentiment and not task.absent),
        }

    def label_outputs(self) -> list[Any]:
        """Return what `show_labels` fills."""
        return [self.label_sentence, self.label_chart]

    def show_labels(self, scores: tuple[LabelScore, ...]) -> dict[Any, Any]:
        """Return how likely each label is."""
        drawn = name_picture(draw_labels(scores), "labels", title="how likely each label is")
        return {
            self.label_sentence: status_line(labels_sentence(scores)),
            self.label_chart: gr.HTML(value=str(drawn.to_json()), absent=""),
        }


def build_tasks() -> TasksTab:
    """Build the tab's components."""
    first = next(iter(TASKS))
    with gr.Row(elem_id="tasks-row"):
        with gr.Column(scale=6, min_width=320, elem_id="panel-task"):
            build_heading(
                "What models are used for",
                "Each task is a prompt and a way of decoding: choose one, and see in the prompt above how it is asked.",
            )
            task = gr.Radio(list(TASKS), value=first, label="Task", elem_id="task", min_width=200)
            note = gr.HTML("", elem_id="task-note")
            text = gr.Textbox(
                "", label="Text", lines=2, max_lines=8, elem_id="task-text", placeholder="Type the text …"
            )
            question = gr.Textbox(
                "", label="Question", lines=1, max_lines=3, elem_id="task-question", visible=False,
                placeholder="What is to be answered from the passage?",
            )  # fmt: skip
            labels = gr.Textbox(
                LABELS, label="Labels, separated by commas", lines=1, max_lines=2, elem_id="task-labels", visible=False
            )
            take = gr.Button("Put it into the prompt", variant="primary", elem_id="task-take")
            with gr.Column(visible=False, elem_id="label-panel") as label_panel:
                label_sentence = gr.HTML("", elem_id="label-sentence", elem_classes=["caption"])
                label_chart = build_chart("label-chart", hint=LABELS_HINT, place=180)
        with gr.Column(scale=6, min_width=320, elem_id="panel-reference"):
            build_heading(
                "How good is it?",
                "Translations and summaries are measured by what they share with one that a person wrote. Type such a "
                "reference for the text that the model has written above.",
            )
            reference = gr.Textbox(
                "", label="Reference", lines=2, max_lines=8, elem_id="reference",
                placeholder="What a person would have written …",
            )  # fmt: skip
            score = gr.Button("Score the written text", elem_id="score")
            scores = gr.HTML("", elem_id="reference-scores", apply_default_css=False)
    return TasksTab(
        task=task,
        note=note,
        text=text,
        question=question,
        labels=labels,
        take=take,
        label_panel=label_panel,
        label_sentence=label_sentence,
        label_chart=label_chart,
        reference=reference,
        score=score,
        scores=scores,
    )
