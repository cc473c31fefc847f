"""A copy of a language model that is trained; the model itself never is."""

import threading
from collections.abc import Iterator
from typing import TypeVar

from playground.analysis.training import Trainee, new_trainee, text_loss, train
from playground.analysis.training_copy import plan_training
from playground.language_model.texts import Reader
from playground.records import (
    PlaygroundError,
    TextIds,
    TrainedLoss,
    Training,
    TrainingMethod,
    TrainingPlan,
    TrainingSettings,
)

Copied = TypeVar("Copied", bound="Trains")


class Trains(Reader):
    """Gives copies of a model to train."""

    trainee: Trainee | None = None  # of a copy that can be trained

    def training_plan(self, method: TrainingMethod = "auto", room_bytes: int | None = None) -> TrainingPlan:
        """Return how a copy would be trained and the memory that it takes.

        method: "full" for all weights, "lora" for low-rank adapters (Hu et al. 2021, arXiv 2106.09685), "auto" for the
        first that fits. room_bytes: the memory that there is for it, None: what is free. Raises PlaygroundError, with
        the numbers, where that is not enough.
        """
        return plan_training(self.loaded, method, room_bytes)

    def copy_to_train(self: Copied, method: TrainingMethod = "auto", room_bytes: int | None = None) -> Copied:
        """Return an untrained copy, whose `train` changes it and never this model.

        Raises PlaygroundError as training_plan does, and where no adapters can be set in a model of this family.
        """
        trainee = new_trainee(self.loaded, self.training_plan(method, room_bytes))
        copied = type(self)(trainee.loaded)
        copied.trainee = trainee
        return copied

    def train(
        self, text: str | TextIds, settings: TrainingSettings, cancel: threading.Event | None = None
    ) -> Iterator[Training]:
        """Train a copy further on a text, and yield how far it is after each step; the last says how it ended.

        An encoder-decoder takes pairs, a line each: "source => target". Setting `cancel`, or closing the generator,
        ends it within one step. Raises PlaygroundError for a model that is no copy, and as analysis.training.train.
        """
        if self.trainee is None:
            raise PlaygroundError(f"{self.spec.name} itself is never trained: train what its copy_to_train() returns.")
        return train(self.trainee, text, settings, cancel or threading.Event())

    def training_loss(self, text: str | TextIds, sequence_length: int = 64) -> TrainedLoss:
        """Return the mean loss of a text, cut into sequences as a training cuts it. Raises PlaygroundError."""
        sequence_length = TrainingSettings(sequence_length=sequence_length).sequence_length
        return text_loss(self.loaded, text, sequence_length)
