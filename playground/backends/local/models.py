"""The models in this process: a pool under a memory budget, and what was computed of the texts looked at last."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from playground.analysis.logit_lens import ResidualStream
from playground.attention.attention import Attention
from playground.backends.brought import BroughtModels, Source
from playground.backends.cache import DEFAULT_BYTES, TextCache
from playground.backends.holding import holds_models
from playground.language_model import LanguageModel, load
from playground.models import catalogue
from playground.models.catalogue import example_prompts, folders_below
from playground.models.cores import count_cores
from playground.models.hub_search import search_hub
from playground.models.loading import load as load_model
from playground.models.memory import model_bytes
from playground.models.monitor import LoadMonitor
from playground.models.pool import ModelPool
from playground.records import (
    Allowance,
    FoundModel,
    InstrumentName,
    LoadProgress,
    ModelCard,
    ModelSpec,
    PlaygroundError,
    TextIds,
    shown_name,
)

TRAINED = ", trained"  # ends the names of copies that visitors train, before what keeps them their own


@holds_models(except_for=("open", "forget", "examples"))
class LocalModels:
    """Loads models when they are first asked for; what they do with a text is for those that build on this."""

    def __init__(
        self,
        names: Sequence[str],
        device: str = "auto",
        dtype: str = "auto",
        cache_bytes: int = DEFAULT_BYTES,
        max_bytes: int | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        leave_a_core()
        self._cache: TextCache[Attention] = TextCache(cache_bytes)
        self._kept: TextCache[ResidualStream] = TextCache(cache_bytes // 4)
        self._brought = BroughtModels(allowance or Allowance())
        self._pool: ModelPool[LanguageModel] = ModelPool(
            names,
            lambda name, monitor: _load_fast(name, device, dtype, monitor, self._brought.source(name)),
            max_bytes=max_bytes,
            size_of=lambda lm: lm.trainee.plan.n_bytes if lm.trainee else model_bytes(lm.loaded.model),
            on_gone=lambda name, _: self._forget(name),
        )

    def models(self) -> tuple[str, ...]:
        """Return the names that can be chosen, the default first."""
        return self._pool.names

    def allowance(self) -> Allowance:
        """Return what visitors may bring beside the names that can be chosen."""
        return self._brought.allowance

    def open(self, model: str, token: str | None, cancel: threading.Event, interval_s: float) -> Iterator[LoadProgress]:
        """Load a model, one that a visitor brings too, and yield how far it is every `interval_s` seconds.

        The last says "ready" and has the name under which all other methods know the model. Setting `cancel`, or
        closing the generator, ends the loading where nobody else waits for it.
        """
        name = model if model in self._pool.names else self._brought.bring(model, token, self._pool)
        yield from self._pool.watch(name, cancel, interval_s=interval_s)

    def forget(self, model: str) -> None:
        """Forget a gated model that a visitor brought, and the token that opened it."""
        self._brought.forget(model, self._pool)

    def search_hub(self, words: str) -> tuple[FoundModel, ...]:
        """Return language models on the Hub whose names hold `words`, where visitors may bring them."""
        if not self.allowance().hub:
            raise PlaygroundError("This server lets no models be brought from the Hub.")
        return search_hub(words)

    def folders(self) -> tuple[str, ...]:
        """Return the models in folders that visitors may bring, none where they may not."""
        folder = self.allowance().folder
        return folders_below(folder) if folder else ()

    def model_card(self, model: str) -> ModelCard:
        """Return a model's sizes, where it was loaded and why, and its licence where it is known."""
        source = self._brought.source(model)
        licence = catalogue.licence_of(shown_name(model)) or (source.licence if source else "")
        return self._pool.get(model).model_card(licence)

    def spec(self, model: str) -> ModelSpec:
        """Return what `model` is, loading it if need be."""
        return self._pool.get(model).spec

    def absent_instruments(self, model: str) -> dict[InstrumentName, str]:
        """Return why each instrument that has nothing to show of a model has not; the model is loaded if need be."""
        return self._pool.get(model).absent_instruments()

    def examples(self, model: str) -> tuple[str, ...]:
        """Return prompts that the model was made for, none where none are known; it is not loaded for that."""
        return example_prompts(model)

    def _attention(self, model: str, text: TextIds) -> Attention:
        """Return the attention of a text; one forward pass serves the scores and every map of it."""
        language_model = self._pool.get(model)
        return self._cache.get((model, text), lambda: language_model.attention(text, overview=True))

    def _forget(self, model: str) -> None:
        """Drop what was computed with a model that has left the pool."""
        for cache in (self._cache, self._kept):
            cache.drop(lambda key: isinstance(key, tuple) and key[0] == model)


def _load_fast(name: str, device: str, dtype: str, monitor: LoadMonitor, source: Source | None = None) -> LanguageModel:
    if name.partition("#")[0].endswith(TRAINED):  # it was there, and nowhere else
        raise PlaygroundError("Your trained copy had to make room for other models: train it once more.")
    with monitor.active():
        if source is None:
            language_model = load(name, device, dtype)
        else:
            loaded = load_model(source.place, device, dtype, token=source.token, look_again=True)
            language_model = LanguageModel(replace(loaded, spec=replace(loaded.spec, name=name)))
    language_model.speed_up()
    return language_model


def leave_a_core() -> None:
    """Let torch use all cores but one, which the page's own work needs.

    Its threads wait for each other after every operation: one that has to share its core holds up all of them.
    Measured on two cores with the bundled model: 130 tokens/s with two threads, 270 with one.
    """
    torch.set_num_threads(max(1, count_cores() - 1))
