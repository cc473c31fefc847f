"""Activations of one text put into the reading of another."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from playground.records.generation import Candidate
from playground.records.tokens import Token

PatchedPart = Literal["layer", "attention", "mlp"]


@dataclass(frozen=True)
class PatchingMap:
    """How the log-probability of one token changes when one activation of another text is swapped in, in nats.

    answer: the token that the other text makes likeliest. `changes` is NaN where nothing has been measured yet.
    """

    tokens: tuple[Token, ...]  # that the prediction is made from
    other_tokens: tuple[Token, ...]  # those of the other text in their places
    part: PatchedPart  # the residual stream behind a layer, or what its attention or MLP adds
    answer: Token
    log_prob: float  # of the answer, behind this text
    other_log_prob: float  # behind the other one
    changes: Float32[np.ndarray, "layer position"]
    n_done: int  # swaps


@dataclass(frozen=True)
class PatchedPrediction:
    """The next token with one activation swapped in: `raw_probability` is without it, `probability` with it."""

    layer: int
    position: int
    candidates: tuple[Candidate, ...]
