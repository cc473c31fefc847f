"""Copies of models that visitors train."""

import threading
from collections.abc import Iterator
from typing import Protocol

from playground.records import TextIds, TrainedLoss, Training, TrainingMethod, TrainingPlan, TrainingSettings


class TrainsCopies(Protocol):
    """Trains copies of models; the models themselves never change."""

    def training_plan(self, model: str, method: TrainingMethod) -> TrainingPlan:
        """Return how a copy of a model would be trained and the memory that it takes; why not, where it cannot."""
        ...

    def copy_to_train(self, model: str, method: TrainingMethod) -> str:
        """Make an untrained copy of a model, and return the name under which all other methods know it.

        The name cannot be guessed; `forget` frees the copy. It goes, too, where memory is wanted for other models and
        it was not used for longest: methods then say so.
        """
        ...

    def train(
        self, model: str, text: str | TextIds, settings: TrainingSettings, cancel: threading.Event
    ) -> Iterator[Training]:
        """Train a copy further, and yield how far it is after each step; the last says how it ended.

        model: what copy_to_train gave. Setting `cancel`, or closing the generator, ends it within one step.
        """
        ...

    def training_loss(self, model: str, text: str | TextIds, sequence_length: int) -> TrainedLoss:
        """Return the mean loss of a text that is trained on, of a model or of a copy."""
        ...
