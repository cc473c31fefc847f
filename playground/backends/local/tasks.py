"""Tasks, labels and references, by the models in this process."""

from collections.abc import Sequence

from playground.analysis.reference_scores import score_against
from playground.backends.holding import holds_models
from playground.backends.local.models import LocalModels
from playground.records import LabelScore, LanguageTask, ReferenceScore, TaskName, TaskPrompt


@holds_models()
class LocalTasks(LocalModels):
    """Asks models for the tasks that they can be asked for."""

    def tasks(self, model: str) -> tuple[LanguageTask, ...]:
        """Return every task, with the reason where the model cannot be asked for it."""
        return self._pool.get(model).tasks()

    def task_prompt(self, model: str, task: TaskName, text: str, question: str) -> TaskPrompt:
        """Return what the model reads for a task, and how it should decode."""
        return self._pool.get(model).task_prompt(task, text, question)

    def score_labels(self, model: str, prompt: str, labels: Sequence[str]) -> tuple[LabelScore, ...]:
        """Return how likely each label is behind a prompt, the likeliest first."""
        return self._pool.get(model).score_labels(prompt, labels)

    def score_against(self, text: str, reference: str) -> tuple[ReferenceScore, ...]:
        """Return how near a text is to a reference, by BLEU, chrF and ROUGE."""
        return score_against(text, reference)
