"""Copies of models that visitors train, in the pool beside the models: they count in its memory, and go as these do."""

import secrets
import threading
from collections.abc import Iterator
from typing import Any

from playground.backends.holding import holds_models
from playground.backends.local.models import TRAINED, LocalModels
from playground.language_model import LanguageModel
from playground.models.monitor import LoadMonitor
from playground.records import (
    PlaygroundError,
    TextIds,
    TrainedLoss,
    Training,
    TrainingMethod,
    TrainingPlan,
    TrainingSettings,
    shown_name,
)

MOST_AT_A_TIME = 2  # trainings of all visitors: each takes all cores


@holds_models()
class LocalTraining(LocalModels):
    """Trains copies of models; the models themselves never change."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = threading.BoundedSemaphore(MOST_AT_A_TIME)

    def training_plan(self, model: str, method: TrainingMethod) -> TrainingPlan:
        """Return how a copy of a model would be trained and the memory that it takes; why not, where it cannot."""
        return self._pool.get(model).training_plan(method, self._pool.max_bytes)

    def copy_to_train(self, model: str, method: TrainingMethod) -> str:
        """Make an untrained copy of a model, and return the name under which all other methods know it."""
        original, room_bytes = self._pool.get(model), self._pool.max_bytes
        plan = original.training_plan(method, room_bytes)

        def load(monitor: LoadMonitor) -> LanguageModel:
            monitor.reserve(plan.n_bytes)  # models that nobody uses go for it
            return original.copy_to_train(method, room_bytes)

        name = f"{shown_name(model)}{TRAINED}#{secrets.token_hex(16)}"
        self._pool.admit(name)
        try:
            for _ in self._pool.watch(name, load=load, interval_s=None):
                pass
        except BaseException:
            self._pool.forget(name)
            raise
        return name

    def train(
        self, model: str, text: str | TextIds, settings: TrainingSettings, cancel: threading.Event
    ) -> Iterator[Training]:
        """Train a copy further, and yield how far it is after each step; the last says how it ended.

        Raises PlaygroundError, too, where as many are trained at this moment as may be at a time.
        """
        if not self._places.acquire(blocking=False):
            raise PlaygroundError(
                f"{MOST_AT_A_TIME} copies are being trained here at this moment, and each takes the whole machine: try "
                "again in a minute."
            )
        try:
            yield from self._pool.get(model).train(text, settings, cancel)
        finally:
            self._places.release()
            self._forget(model)  # what was computed with its weights of before

    def training_loss(self, model: str, text: str | TextIds, sequence_length: int) -> TrainedLoss:
        """Return the mean loss of a text that is trained on, of a model or of a copy."""
        return self._pool.get(model).training_loss(text, sequence_length)
