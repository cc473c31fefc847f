"""Logits processors: transformers' own filters by name, taps between them, and a draw that can be looked into."""

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float32, Int64
from torch.overrides import TorchFunctionMode
from transformers import (
    LogitsProcessor,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from playground.records import GenerationSettings, PlaygroundError


class Filter(NamedTuple):
    """A processor under the name that its stage of the funnel has."""

    name: str
    process: LogitsProcessor


def build_filters(
    settings: GenerationSettings, rules: Sequence[Filter] = (), eos_ids: Collection[int] = ()
) -> list[Filter]:
    """Return transformers' processors for the settings, with `rules` (see rules.py) in their place.

    Order and conditions are those of GenerationMixin._get_logits_processor: the warpers only where one draws, and
    in a search they leave a token more than there are ends of a text, so that something can go on.
    """
    filters: list[Filter] = []
    if settings.repetition_penalty != 1.0:
        filters.append(Filter("repetition penalty", RepetitionPenaltyLogitsProcessor(settings.repetition_penalty)))
    if settings.no_repeat_ngram_size > 0:
        filters.append(Filter("no repeats", NoRepeatNGramLogitsProcessor(settings.no_repeat_ngram_size)))
    filters += rules
    if not settings.draws:
        return filters
    least: Any = {"min_tokens_to_keep": (len(eos_ids) or 1) + 1 if settings.searches else 1}
    if settings.temperature != 1.0:
        filters.append(Filter("temperature", TemperatureLogitsWarper(settings.temperature)))
    if settings.top_k != 0:
        filters.append(Filter("top-k", TopKLogitsWarper(settings.top_k, **least)))
    if settings.top_p < 1.0:
        filters.append(Filter("top-p", TopPLogitsWarper(settings.top_p, **least)))
    if settings.min_p > 0.0:
        filters.append(Filter("min-p", MinPLogitsWarper(settings.min_p, **least)))
    if settings.typical_p < 1.0:
        filters.append(Filter("typical-p", TypicalLogitsWarper(settings.typical_p, **least)))
    return filters


class Tap(LogitsProcessor):
    """Shows ids and scores at its place in the list to `see`, and hands the scores on unchanged."""

    def __init__(
        self, see: Callable[[Int64[torch.Tensor, "row token"], Float32[torch.Tensor, "row vocabulary"]], None]
    ) -> None:
        self._see = see

    def __call__(self, input_ids: torch.LongTensor, scores: torch.Tensor) -> torch.Tensor:
        self._see(input_ids, scores)
        return scores


class Draw(LogitsProcessor):
    """Draws a token and leaves it alone possible, so that argmax takes it.

    A generator of its own, seeded like torch.manual_seed, gives the ids that generate(do_sample=True) gives,
    while other threads draw from theirs.
    """

    def __init__(self, seed: int, device: torch.device, n_before: int = 0) -> None:
        """n_before: how many draws have been made already: the first one here is the next of the same seed."""
        self.generator = torch.Generator(device).manual_seed(seed)
        self._n_before = n_before
        self.exponentials: Float32[torch.Tensor, "row vocabulary"] | None = None  # of the last draw

    def __call__(self, input_ids: torch.LongTensor, scores: torch.Tensor) -> torch.Tensor:
        drawn = self.choose(scores.softmax(dim=-1))
        return torch.full_like(scores, -torch.inf).scatter_(1, drawn, 0.0)

    def choose(self, probs: Float32[torch.Tensor, "row vocabulary"]) -> Int64[torch.Tensor, "row 1"]:
        """Return one token a row, drawn as torch.multinomial draws it."""
        return self.race(probs).indices

    def race(self, probs: Float32[torch.Tensor, "row vocabulary"]) -> torch.return_types.max:
        """Return the same tokens, (row, 1), and how fast each was, (row, 1): NaN where the probabilities are NaN.

        Each token waits for an exponential time divided by its probability, and the first one wins; torch divides
        the other way round and takes the largest.
        """
        self.exponentials = torch.empty_like(probs)
        for _ in range(1 + self._n_before):
            self.exponentials.exponential_(1.0, generator=self.generator)
        self._n_before = 0
        return (probs / self.exponentials).max(dim=-1, keepdim=True)


class SeededDraws(TorchFunctionMode):
    """While it is entered, what this thread draws with torch.multinomial comes from `draw`.

    generate() draws from the one generator that all threads share; so runs of several visitors would mix.
    """

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self._draw = draw

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.multinomial and kwargs.get("num_samples") == 1:
            return self._draw.choose(args[0])
        if func is torch.multinomial:
            kwargs = {**kwargs, "generator": self._draw.generator}
        return func(*args, **kwargs)


class NothingLeftError(Exception):
    """The filters have left no token to choose."""


def check_choice(input_ids: Int64[torch.Tensor, "row token"], scores: Float32[torch.Tensor, "row vocabulary"]) -> None:
    """Raise NothingLeftError where no token of a row is possible."""
    if -math.inf in scores.amax(dim=-1).tolist():
        raise NothingLeftError


def check_logits(logits: Float32[torch.Tensor, "row vocabulary"]) -> None:
    """Raise PlaygroundError where no token can be chosen: not-a-number, infinite, or nothing possible."""
    for highest in logits.amax(dim=-1).tolist():  # NaN where any is
        check_highest(highest)


def check_highest(highest: float) -> None:
    """Raise PlaygroundError where what is highest of a row is no number."""
    if not math.isfinite(highest):
        raise PlaygroundError(
            "The model's output is not a number, so no token can be chosen. Its weights may be damaged, or "
            "float16 may be too narrow for it: load it with dtype float32 or bfloat16."
        )
