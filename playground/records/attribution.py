"""Which tokens of the input made a prediction, by several methods."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from playground.records.tokens import Token

AttributionMethod = Literal["leave-one-out", "integrated gradients", "gradient × input", "attention × gradient"]
Baseline = Literal["mean", "zero"]

METHODS: tuple[AttributionMethod, ...] = (
    "leave-one-out",
    "integrated gradients",
    "gradient × input",
    "attention × gradient",
)


@dataclass(frozen=True)
class Completeness:
    """Whether integrated gradients add up to what they are to explain, in nats (their axiom of completeness)."""

    n_steps: int  # points on the way from the baseline, at which gradients were taken
    sum_nats: float  # of all scores
    baseline_log_prob: float  # of the predicted token, with all input at the baseline
    difference_nats: float  # of the log-probability from that at the baseline

    @property
    def error_nats(self) -> float:
        """How far the sum lies from the difference."""
        return abs(self.sum_nats - self.difference_nats)


@dataclass(frozen=True)
class Agreement:
    """How alike methods order the tokens: Spearman's rank correlation; NaN where it says nothing."""

    methods: tuple[AttributionMethod, ...]
    correlations: Float32[np.ndarray, "method method"]
    n_tokens: int


@dataclass(frozen=True)
class Attribution:
    """What each token of the input did for the log-probability of one token, in nats; above zero it speaks for it.

    tokens: the whole text, of an encoder-decoder its source and then its target; of an encoder with the predicted
    token under its mask. `scores` has the methods that were computed; those that a model does not allow are in
    `absent`, with the reason. Tokens that the prediction does not depend on, and those not yet measured, have NaN.
    """

    tokens: tuple[Token, ...]
    predicted_at: int  # its place among `tokens`
    predicted: Token
    log_prob: float  # of the predicted token
    baseline: Baseline  # what stands in place of a token's embedding
    scores: dict[AttributionMethod, Float32[np.ndarray, " token"]]
    absent: dict[AttributionMethod, str]
    agreement: Agreement  # of those that were computed
    n_inputs: int  # tokens that the prediction depends on
    n_left_out: int = 0  # of them, left out one by one so far
    completeness: Completeness | None = None  # of integrated gradients, as far as they are refined
    is_complete: bool = False  # all methods are done
