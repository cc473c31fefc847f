"""What a model would do with a part of it switched off."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from playground.records.generation import Candidate
from playground.records.tokens import Token

HeadsOff = Literal["zero", "mean", "uniform"]
ChangedKind = Literal["self", "cross"]


@dataclass(frozen=True)
class Change:
    """What is switched off. Layers have the model's own numbers; tokens are counted on the side that writes.

    how: what a head that is off passes on: nothing, the mean of what it passes on in this text, or the mean over all
    tokens that it may look at (uniform attention).
    """

    heads: tuple[tuple[int, int], ...] = ()  # (layer, head)
    how: HeadsOff = "zero"
    layers: tuple[int, ...] = ()  # that pass on what they are given
    edges: tuple[tuple[int, int], ...] = ()  # (token, other): the token may not look at the other, in any head
    kind: ChangedKind = "self"  # of an encoder-decoder: heads that look at what was written, or at the source

    @property
    def is_empty(self) -> bool:
        """Whether nothing is switched off."""
        return not (self.heads or self.layers or self.edges)


@dataclass(frozen=True)
class WhatIf:
    """A prediction and the losses of a text, as they are and under a change.

    `candidates` are the likeliest of either, by what the model gives; their `raw_probability` is the model's own and
    `probability` that under the change. `*_loss_nats` is of each token, NaN for the first.
    """

    tokens: tuple[Token, ...]
    token: int  # whose prediction it is; behind the text where it is their number
    change: Change
    candidates: tuple[Candidate, ...]
    divergence_nats: float  # Kullback-Leibler divergence of the changed distribution from the model's own
    original_loss_nats: Float32[np.ndarray, " token"]
    loss_nats: Float32[np.ndarray, " token"]


@dataclass(frozen=True)
class ChangedText:
    """What a model writes on from the tokens before one, greedily, as it is and under a change."""

    start: tuple[Token, ...]
    original: tuple[Token, ...]
    changed: tuple[Token, ...]
    is_complete: bool  # not stopped


@dataclass(frozen=True)
class HeadImportance:
    """How the log-probability of one token changes when each head is switched off alone, in nats.

    `changes` is NaN for heads that have not been measured yet, or that there are not.
    """

    tokens: tuple[Token, ...]
    token: int
    how: HeadsOff
    kind: ChangedKind
    log_prob: float  # of the token, with all heads
    changes: Float32[np.ndarray, "layer head"]
    n_done: int  # heads
    n_heads: int  # in all layers


@dataclass(frozen=True)
class AttentionExplains:
    """How strongly each head looks at one token, beside how much it matters.

    weights: the largest weight that each head gives, from where the token is predicted, to any token but the first, on
    which many heads rest. correlation: Spearman's, of these with the sizes of the changes; NaN where one is constant.
    """

    importance: HeadImportance
    weights: Float32[np.ndarray, "layer head"]  # NaN for heads that there are not
    correlation: float
    p_value: float
