"""What a model is used for, and how well a text is what was wanted."""

from collections.abc import Sequence

from playground.analysis.label_scores import score_labels
from playground.analysis.language_tasks import task_prompt, tasks_of
from playground.language_model.texts import Reader, TextOrIds
from playground.records import LabelScore, LanguageTask, TaskName, TaskPrompt


class Tasks(Reader):
    """Asks a model for the tasks that it can be asked for."""

    def tasks(self) -> tuple[LanguageTask, ...]:
        """Return every task, with the reason where the model cannot be asked for it."""
        return tasks_of(self.loaded)

    def task_prompt(self, task: TaskName, text: str, question: str = "") -> TaskPrompt:
        """Return what the model reads for a task, and how it should decode: `generate(made.prompt, made.settings)`.

        question: of "answer", what is asked of the passage `text`. Raises PlaygroundError where the model cannot be
        asked for it, or there is nothing to ask of.
        """
        return task_prompt(self.loaded, task, text, question)

    def score_labels(self, prompt: TextOrIds, labels: Sequence[str]) -> tuple[LabelScore, ...]:
        """Return how likely each of some labels is behind a prompt, the likeliest first: a decoder as a classifier.

        Raises PlaygroundError for a model that is no decoder, fewer than two or more than eight labels, and a prompt
        beyond the context.
        """
        return score_labels(self.loaded, self._tokens(prompt), labels)
