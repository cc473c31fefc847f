"""What comes next after a text, before any filter: enough for a browser to apply the filters itself."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from playground.records.tokens import Token


@dataclass(frozen=True)
class RuleEffect:
    """What a rule for words and tokens does at one step: it keeps only `ids`, or removes them."""

    name: str  # of its stage in the funnel
    ids: tuple[int, ...]
    keeps: bool


@dataclass(frozen=True)
class NextToken:
    """The model's distribution of one token, and what filters need beside it."""

    logits: Float32[np.ndarray, " vocabulary"]
    seen_ids: tuple[int, ...]  # what stands before, on the side that writes: penalties look at it
    rules: tuple[RuleEffect, ...]  # in the order in which they are applied
    likely: tuple[Token, ...]  # the likeliest tokens, best first, for their names


@dataclass(frozen=True)
class Reading:
    """What a model thought of a text that it was given, token by token."""

    tokens: tuple[Token, ...]
    log_probabilities: Float32[np.ndarray, " token"]  # nats; NaN for the first, which nothing stands before
    entropies_bits: Float32[np.ndarray, " token"]  # of the distribution that each token was expected in; NaN likewise
    end_probabilities: Float32[np.ndarray, " token"]  # likewise

    @property
    def perplexity(self) -> float:
        """How many tokens the model hesitated between on average: e to the mean surprisal in nats; 1 of nothing."""
        if len(self.tokens) < 2:
            return 1.0
        return float(np.exp(-np.mean(self.log_probabilities[1:].astype(np.float64))))
