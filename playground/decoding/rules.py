"""Which tokens must, may and must never come: the model's own demands, and the words that a visitor gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import (
    ForcedBOSTokenLogitsProcessor,
    ForcedEOSTokenLogitsProcessor,
    GenerationConfig,
    LogitsProcessor,
    NoBadWordsLogitsProcessor,
    PrefixConstrainedLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
)

from playground.decoding.processors import Filter
from playground.models.loading import LoadedModel
from playground.records import GenerationSettings, PlaygroundError

Ids = tuple[int, ...]


@dataclass(frozen=True)
class TokenRules:
    """What a checkpoint demands of everything that it writes, and what its visitor demands.

    Translation models begin with the language's token (mBART, NLLB), BART and Marian end with the end-of-text,
    and some must never write certain tokens (Marian its padding).
    """

    forced_first: int | None = None
    forced_last: int | None = None
    never: tuple[Ids, ...] = ()
    suppressed: Ids = ()
    suppressed_first: Ids = ()
    forced: tuple[Ids, ...] = ()  # words that must come, each as the tokenizer writes it behind a space

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

    def with_words(self, loaded: LoadedModel, settings: GenerationSettings) -> "TokenRules":
        """Return the rules with the words that the settings forbid and force.

        Raises PlaygroundError where the tokenizer cannot write a word.
        """
        never = [ids for word in settings.bad_words for ids in spellings(loaded, word)]
        forced = tuple(spellings(loaded, word)[-1] for word in settings.force_words)
        return replace(self, never=(*dict.fromkeys((*self.never, *never)),), forced=forced)

    def build(
        self,
        n_given: int,
        max_length: int,
        eos_ids: list[int],
        device: torch.device,
        *,
        num_beams: int = 1,
        n_tokens: int = 0,
    ) -> list[Filter]:
        """Return transformers' processors for the rules, in its order.

        n_given, max_length: length of what is there before the first token is chosen, and at most in the end.
        n_tokens: the size of the vocabulary, where there are words to force.
        """
        built: list[Filter] = []
        if self.never:
            words = NoBadWordsLogitsProcessor([[*ids] for ids in self.never], eos_ids or None)
            built.append(Filter("forbidden words", words))
        if self.forced:
            end = max_length - (self.forced_last is not None)
            allowed: Any = allowed_tokens(self.forced, n_given, end, eos_ids, n_tokens)
            built.append(Filter("forced words", PrefixConstrainedLogitsProcessor(allowed, num_beams)))
        own: list[LogitsProcessor] = []
        if self.forced_first is not None:
            own.append(ForcedBOSTokenLogitsProcessor(self.forced_first))
        if self.forced_last is not None:
            own.append(ForcedEOSTokenLogitsProcessor(max_length, self.forced_last, device=str(device)))
        if self.suppressed:
            own.append(SuppressTokensLogitsProcessor([*self.suppressed], device=str(device)))
        if self.suppressed_first:
            begin = n_given if n_given > 1 or self.forced_first is None else n_given + 1
            own.append(SuppressTokensAtBeginLogitsProcessor([*self.suppressed_first], begin, device=str(device)))
        return built + [Filter("the model's own rules", process) for process in own]


def spellings(loaded: LoadedModel, word: str) -> tuple[Ids, ...]:
    """Return the ids of a word at the beginning of a text and, last, behind a space; one where they are the same.

    Raises PlaygroundError where nothing of the word is left.
    """
    codec, tokenizer = loaded.codec, loaded.tokenizer
    found = []
    for text in (word, f" {word.strip()}" if word.strip() else word):
        side = "text_target" if loaded.spec.kind == "encoder-decoder" else "text"
        ids = tokenizer(**{side: text}, add_special_tokens=False)["input_ids"]
        found.append(tuple(id for id in ids if id not in codec.special_ids))
    if not all(found):
        raise PlaygroundError(f"The model's tokenizer has no token for {word[:40]!r}.")
    return tuple(dict.fromkeys(found))


def allowed_tokens(
    words: Sequence[Ids], n_given: int, max_length: int, eos_ids: Sequence[int], n_tokens: int
) -> Callable[[int, torch.Tensor], torch.Tensor]:
    """Return what transformers takes as prefix_allowed_tokens_fn, so that every one of `words` comes.

    The text may not end before all have come; when there is just room for those that are missing, they are written.
    transformers 5 has no constrained beam search (force_words_ids) any more; this is what its core still offers.

    n_given, max_length: as in TokenRules.build. n_tokens: the size of the vocabulary.
    """
    everything = torch.arange(n_tokens)
    no_end = everything[~torch.isin(everything, torch.tensor([*eos_ids]))] if eos_ids else everything

    def allowed(batch: int, ids: torch.Tensor) -> torch.Tensor:
        written = ids[n_given:].tolist()
        missing = [word for word in words if not holds(written, word)]
        if not missing:
            return everything
        if sum(map(len, missing)) < max_length - len(ids):
            return no_end
        word = missing[0]
        begun = next(n for n in reversed(range(len(word))) if n == 0 or written[-n:] == [*word[:n]])
        return torch.tensor([word[begun]])

    return allowed


def holds(written: list[int], word: Ids) -> bool:
    """Return whether the ids of a word stand together in a text."""
    return any(written[at : at + len(word)] == [*word] for at in range(len(written) - len(word) + 1))
