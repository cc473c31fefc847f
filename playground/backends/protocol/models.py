"""Which models there are, and how one comes to be there."""

import threading
from collections.abc import Iterator
from typing import Protocol

from playground.records import (
    Allowance,
    FoundModel,
    InstrumentName,
    LoadProgress,
    ModelCard,
    ModelSpec,
)


class OffersModels(Protocol):
    """Offers models by name."""

    def models(self) -> tuple[str, ...]:
        """Return the names that can be chosen, the default first."""
        ...

    def allowance(self) -> Allowance:
        """Return what visitors may bring beside the names that can be chosen."""
        ...

    def open(self, model: str, token: str | None, cancel: threading.Event, interval_s: float) -> Iterator[LoadProgress]:
        """Load a model, one that a visitor brings too, and yield how far it is every `interval_s` seconds.

        The last says "ready" and has the name under which all other methods know the model; that of a gated model
        is the visitor's own. Setting `cancel`, or closing the generator, ends the loading where nobody else waits.
        """
        ...

    def forget(self, model: str) -> None:
        """Forget a gated model that a visitor brought, and the token that opened it; of others nothing changes."""
        ...

    def search_hub(self, words: str) -> tuple[FoundModel, ...]:
        """Return language models on the Hub whose names hold `words`, a bounded number; only where they may be had."""
        ...

    def folders(self) -> tuple[str, ...]:
        """Return the models in folders on the server's disk that visitors may `open`, none where they may not."""
        ...

    def model_card(self, model: str) -> ModelCard:
        """Return a model's sizes, where it was loaded and why, and its licence where it is known."""
        ...

    def spec(self, model: str) -> ModelSpec:
        """Return what `model` is, loading it if need be."""
        ...

    def absent_instruments(self, model: str) -> dict[InstrumentName, str]:
        """Return why each instrument that has nothing to show of a model has not; the model is loaded if need be."""
        ...

    def examples(self, model: str) -> tuple[str, ...]:
        """Return prompts that the model was made for, none where none are known; it is not loaded for that."""
        ...
