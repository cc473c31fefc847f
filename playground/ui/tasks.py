"""What happens in the Tasks tab: a task sets prompt and controls, labels are compared, a text is scored."""

from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import LanguageTask, PlaygroundError
from playground.ui.controls.decoding import DecodingControls, control_values
from playground.ui.status import AT_ONCE, PRIVATE, says_errors, status_line
from playground.ui.tabs.tasks import TASKS, TasksTab
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit
from playground.views.language_tasks import scores_html


class Tasks:
    """Joins the tab to the prompt and the controls of the page."""

    def __init__(
        self, backend: Backend, visit: gr.State, panel: TextPanel, decoding: DecodingControls, tab: TasksTab
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.status = panel.status
        self.decoding = decoding
        self.tab = tab

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        tab, panel = self.tab, self.panel
        chosen: dict[str, Any] = {"model": panel.model, "task": tab.task}
        gr.on(
            [page.load, panel.model.change, tab.task.input],
            self.on_task,
            inputs_kwargs=chosen,
            outputs=[self.status, *tab.task_outputs()],
            **AT_ONCE,
        )
        gr.on(
            [tab.take.click, tab.question.submit, tab.labels.submit],
            self.on_take,
            inputs_kwargs={**chosen, "text": tab.text, "question": tab.question, "labels": tab.labels},
            outputs=[self.status, panel.prompt, *self.decoding.inputs().values(), *tab.label_outputs()],
            **PRIVATE,
        )
        tab.score.click(
            self.on_score,
            inputs_kwargs={"visit": self.visit, "reference": tab.reference},
            outputs=[self.status, tab.scores],
            **PRIVATE,
        )

    @says_errors
    def on_task(self, model: str, task: str) -> dict[Any, Any]:
        """Another task or model was chosen."""
        return self.tab.show_task(self._task(model, task))

    @says_errors
    def on_take(self, model: str, task: str, text: str, question: str, labels: str) -> dict[Any, Any]:
        """The task is to be set up; of sentiment the labels are compared at once."""
        name = self._task(model, task).name
        made = self.backend.task_prompt(model, name, text, question)
        shown: dict[Any, Any] = {self.panel.prompt: made.prompt}
        if name == "sentiment":
            scores = self.backend.score_labels(model, made.prompt, labels.split(","))
            said = "The labels are compared below; their text stands in the prompt."
            return shown | self.tab.show_labels(scores) | {self.status: status_line(said)}
        if made.settings is None:
            said = "The text stands in the prompt: press “Analyse without generating”, then open Fill in."
            return shown | {self.status: status_line(said)}
        values, controls = control_values(made.settings), self.decoding.inputs()
        said = f"{task} is set up: look at the prompt and the settings, then press Generate."
        return shown | {controls[key]: values[key] for key in controls} | {self.status: status_line(said)}

    @says_errors
    def on_score(self, visit: Visit, reference: str) -> dict[Any, Any]:
        """The text that the model has written is to be scored."""
        written = "".join(step.token.text for step in visit.session.steps)
        if not written.strip():
            raise PlaygroundError("The model has written nothing yet: press Generate first.")
        scores = self.backend.score_against(written, reference)
        return {self.tab.scores: scores_html(scores), self.status: status_line("Scored against the reference.")}

    def _task(self, model: str, title: str) -> LanguageTask:
        """Return a task by its title. Raises PlaygroundError where there is none of that title."""
        name = TASKS.get(title)
        if name is None:
            raise PlaygroundError(f"There is no task {str(title)[:40]!r}; choose one of: {', '.join(TASKS)}.")
        return next(task for task in self.backend.tasks(model) if task.name == name)
