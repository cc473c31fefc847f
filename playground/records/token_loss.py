"""The loss of each token of a text, and what it was computed from."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from playground.records.tokens import Token


@dataclass(frozen=True)
class TokenLoss:
    """Cross-entropy of each token given those before it: log(sum of e^logit) minus the token's own logit, in nats.

    Of an encoder-decoder the tokens are those of its target, the start token first.
    """

    tokens: tuple[Token, ...]
    losses_nats: Float32[np.ndarray, " token"]  # NaN for the first, which nothing stands before
    logits: Float32[np.ndarray, " token"]  # of the token itself; NaN likewise
    log_sums: Float32[np.ndarray, " token"]  # the logarithm of the sum of e^logit over the vocabulary; NaN likewise

    @property
    def n_predicted(self) -> int:
        """Tokens that have a loss."""
        return len(self.tokens) - 1

    @property
    def total_nats(self) -> float:
        """The loss of the whole text; 0 of a single token."""
        return float(self.losses_nats[1:].astype(np.float64).sum())

    @property
    def mean_nats(self) -> float:
        """The mean loss, which training makes small; NaN of a single token."""
        return self.total_nats / self.n_predicted if self.n_predicted else math.nan

    @property
    def perplexity(self) -> float:
        """How many equally likely tokens the model is as unsure as between: e to the mean loss; NaN of no token."""
        return math.inf if self.mean_nats >= 700 else math.exp(self.mean_nats)

    @property
    def bits_per_character(self) -> float:
        """The loss of the whole text by its length, for models that cut it otherwise; NaN where it has none."""
        n_characters = sum(len(token.text) for token in self.tokens[1:])
        return self.total_nats / math.log(2) / n_characters if n_characters else math.nan
