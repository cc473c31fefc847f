"""How fast a model writes, on this machine and at this moment."""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Int64
from transformers import StoppingCriteria, StoppingCriteriaList

from playground.decoding.plan import check_context, plan_decoding
from playground.models.hooks import hooked
from playground.models.loading import LoadedModel
from playground.records import GenerationSettings, PlaygroundError, ReadText, Speed

N_TOKENS = 24  # a round
N_ROUNDS = 5
_MOST_SECONDS = 8.0  # after which no other round begins


class _Clock(StoppingCriteria):
    """Notes when each token is there, and ends where it is stopped."""

    def __init__(self, cancel: threading.Event) -> None:
        self.cancel = cancel
        self.times: list[float] = []

    def __call__(self, input_ids: Int64[torch.Tensor, "row token"], scores: Any, **kwargs: Any) -> Any:
        self.times.append(time.perf_counter())
        return torch.full((len(input_ids),), self.cancel.is_set(), device=input_ids.device)


def measure_speeds(
    models: Sequence[LoadedModel], read: ReadText, cancel: threading.Event, n_rounds: int = N_ROUNDS
) -> Iterator[tuple[Speed, ...]]:
    """Yield the speed of each model after every round, in which each writes once, so that all meet the same machine.

    The first round warms up and is not counted. Each writes greedily behind the text, with its KV cache, and does not
    end at an end-of-text. Nothing of what speeds up the page's own decoding (decoding/traced.py) is used.
    """
    rounds: list[list[tuple[float, float]]] = [[] for _ in models]
    began = time.perf_counter()
    for at in range(n_rounds + 1):
        for loaded, found in zip(models, rounds, strict=True):
            times = _write(loaded, read, cancel)
            if cancel.is_set():
                return
            if at:
                rate = (len(times) - 2) / (times[-1] - times[1]) if len(times) > 2 else 1 / (times[1] - times[0])
                found.append((times[1] - times[0], rate))
        if at:
            yield tuple(_median(loaded, read, found) for loaded, found in zip(models, rounds, strict=True))
            if time.perf_counter() - began > _MOST_SECONDS:
                return


def _median(loaded: LoadedModel, read: ReadText, found: list[tuple[float, float]]) -> Speed:
    first_s, rate = (statistics.median(values) for values in zip(*found, strict=True))
    return Speed(rate, first_s, len(read.tokens), len(found))


@torch.inference_mode()
def _write(loaded: LoadedModel, read: ReadText, cancel: threading.Event) -> list[float]:
    """Return when writing began, and when each token was there, in seconds."""
    ids, n_given = [token.id for token in read.tokens], 1
    if loaded.spec.kind == "decoder":
        context = loaded.spec.context_length
        ids = ids if context is None else ids[: max(1, context - N_TOKENS)]
        n_given = len(ids)
    check_context(loaded, len(ids))
    config: Any = plan_decoding(loaded, "a", GenerationSettings(strategy="greedy", max_new_tokens=1)).config
    config.eos_token_id = None
    config.max_length = n_given + N_TOKENS
    if loaded.spec.context_length is not None:
        config.max_length = min(config.max_length, loaded.spec.context_length)
    clock, given = _Clock(cancel), torch.tensor([ids], device=loaded.model.device)
    with hooked(loaded.model) as hooks:  # a copy, which is never traced
        clock.times.append(time.perf_counter())
        hooks.model.generate(
            given,
            attention_mask=torch.ones_like(given),
            generation_config=config,
            stopping_criteria=StoppingCriteriaList([clock]),
        )
    if len(clock.times) < 2:
        raise PlaygroundError(f"The context of {loaded.spec.name} is full: take a shorter text.")
    return clock.times
