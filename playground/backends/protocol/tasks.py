"""Tasks, labels and references."""

from collections.abc import Sequence
from typing import Protocol

from playground.records import LabelScore, LanguageTask, ReferenceScore, TaskName, TaskPrompt


class SetsTasks(Protocol):
    """Asks models for the tasks that they can be asked for."""

    def tasks(self, model: str) -> tuple[LanguageTask, ...]:
        """Return every task, with the reason where the model cannot be asked for it."""
        ...

    def task_prompt(self, model: str, task: TaskName, text: str, question: str) -> TaskPrompt:
        """Return what the model reads for a task, and how it should decode."""
        ...

    def score_labels(self, model: str, prompt: str, labels: Sequence[str]) -> tuple[LabelScore, ...]:
        """Return how likely each label is behind a prompt, the likeliest first."""
        ...

    def score_against(self, text: str, reference: str) -> tuple[ReferenceScore, ...]:
        """Return how near a text is to a reference, by BLEU, chrF and ROUGE."""
        ...
