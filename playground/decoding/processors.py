"""Logits processors: transformers' own filters, taps between them, and a draw that leaves the global RNG alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import (
    ForcedBOSTokenLogitsProcessor,
    ForcedEOSTokenLogitsProcessor,
    GenerationConfig,
    LogitsProcessor,
    NoBadWordsLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from playground.records import GenerationSettings, PlaygroundError


@dataclass(frozen=True)
class TokenRules:
    """What a checkpoint demands of everything that it writes, whatever the settings.

    Translation models begin with the language's token (mBART, NLLB), BART and Marian end with the end-of-text,
    and some must never write certain tokens (Marian its padding).
    """

    forced_first: int | None = None
    forced_last: int | None = None
    never: tuple[tuple[int, ...], ...] = ()
    suppressed: tuple[int, ...] = ()
    suppressed_first: tuple[int, ...] = ()

    @classmethod
    def of(cls, config: GenerationConfig) -> "TokenRules":
        """Return the rules that a model's own generation configuration states."""
        return cls(
            forced_first=config.forced_bos_token_id,
            forced_last=config.forced_eos_token_id,
            never=tuple(tuple(ids) for ids in config.bad_words_ids or ()),
            suppressed=tuple(config.suppress_tokens or ()),
            suppressed_first=tuple(config.begin_suppress_tokens or ()),
        )

    def build(self, n_given: int, max_length: int, eos_ids: list[int], device: torch.device) -> list[LogitsProcessor]:
        """Return transformers' processors for the rules, in its order.

        n_given, max_length: length of what is there before the first token is chosen, and at most in the end.
        """
        built: list[LogitsProcessor] = []
        if self.never:
            built.append(NoBadWordsLogitsProcessor([[*ids] for ids in self.never], eos_ids or None))
        if self.forced_first is not None:
            built.append(ForcedBOSTokenLogitsProcessor(self.forced_first))
        if self.forced_last is not None:
            built.append(ForcedEOSTokenLogitsProcessor(max_length, self.forced_last, device=str(device)))
        if self.suppressed:
            built.append(SuppressTokensLogitsProcessor([*self.suppressed], device=str(device)))
        if self.suppressed_first:
            begin = n_given if n_given > 1 or self.forced_first is None else n_given + 1
            built.append(SuppressTokensAtBeginLogitsProcessor([*self.suppressed_first], begin, device=str(device)))
        return built


def build_filters(settings: GenerationSettings, rules: Sequence[LogitsProcessor] = ()) -> list[LogitsProcessor]:
    """Return transformers' processors for the settings, with those of the model's rules in their place.

    Order and conditions are those of GenerationMixin._get_logits_processor: the warpers only where one draws.
    """
    filters: list[LogitsProcessor] = []
    if settings.repetition_penalty != 1.0:
        filters.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
    filters += rules
    if settings.strategy != "sample":
        return filters
    if settings.temperature != 1.0:
        filters.append(TemperatureLogitsWarper(settings.temperature))
    if settings.top_k != 0:
        filters.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1.0:
        filters.append(TopPLogitsWarper(settings.top_p))
    return filters


class Tap(LogitsProcessor):
    """Shows ids and scores at its place in the list to `see`, and hands the scores on unchanged."""

    def __init__(self, see: Callable[[torch.Tensor, torch.Tensor], None]) -> None:
        self._see = see

    def __call__(self, input_ids: torch.LongTensor, scores: torch.Tensor) -> torch.Tensor:
        self._see(input_ids, scores)
        return scores


class Draw(LogitsProcessor):
    """Draws a token and leaves it alone possible, so that argmax takes it.

    A generator of its own, seeded like torch.manual_seed, gives the ids that generate(do_sample=True) gives,
    while other threads draw from theirs.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._generator = torch.Generator(device).manual_seed(seed)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.Tensor) -> torch.Tensor:
        drawn = torch.multinomial(scores.softmax(dim=-1), num_samples=1, generator=self._generator)
        return torch.full_like(scores, -torch.inf).scatter_(1, drawn, 0.0)


def check_logits(logits: torch.Tensor) -> None:
    """Raise PlaygroundError where no token can be chosen: not-a-number, infinite, or nothing possible."""
    if not all(map(math.isfinite, logits.amax(dim=-1).tolist())):  # the maximum is NaN where any is
        raise PlaygroundError(
            "The model's output is not a number, so no token can be chosen. Its weights may be damaged, or "
            "float16 may be too narrow for it: load it with dtype float32 or bfloat16."
        )
