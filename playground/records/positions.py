"""How a model knows the order of its tokens, and what becomes of its attention when the order changes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int64

from playground.records.maps import AttentionKind
from playground.records.tokens import Token

PositionKind = Literal["learned", "sinusoidal", "rotary", "alibi", "relative-buckets", "none"]


@dataclass(frozen=True)
class RotaryAngles:
    """The angles by which pairs of numbers of queries and keys are turned (Su et al. 2021, arXiv 2104.09864)."""

    name: str  # which layers use it, where a model has several: "full_attention", "sliding_attention"
    inverse_frequencies: Float32[np.ndarray, " frequency"]  # radians a position
    angles: Float32[np.ndarray, "position frequency"]  # radians


@dataclass(frozen=True)
class PositionalSignal:
    """What tells a model where a token stands; fields of other kinds than its own are None or empty.

    learned, sinusoidal: `table` is added to the embeddings, `similarities` are the cosines between its rows.
    rotary: `rotary`, and `rotary_share`, the part of each head that is turned.
    alibi: `slopes`, what a step further back costs in the scores of each head (Press et al. 2021, arXiv 2108.12409).
    relative-buckets: the bucket of each distance and what each head adds to the scores (T5, arXiv 1910.10683).
    """

    kind: PositionKind
    n_positions: int
    table: Float32[np.ndarray, "position d_model"] | None = None
    similarities: Float32[np.ndarray, "position position"] | None = None
    rotary: tuple[RotaryAngles, ...] = ()
    rotary_share: float | None = None  # 0 to 1
    slopes: Float32[np.ndarray, " head"] | None = None
    buckets: Int64[np.ndarray, "query key"] | None = None
    bias: Float32[np.ndarray, "head query key"] | None = None


@dataclass(frozen=True)
class ShuffleComparison:
    """How far every head's weights change when the words are shuffled, each weight followed with its two tokens.

    A change is half the sum of the absolute differences of a row, as a mean over queries: 0 where each token looks
    at the same tokens wherever they stand, 1 where it looks at others altogether.
    """

    kind: AttentionKind
    order: tuple[int, ...]  # the place in the text of the token that stands at each place of the shuffled one
    changes: Float32[np.ndarray, "layer head"]
    tokens: tuple[Token, ...]  # in the text's own order
    shuffled_tokens: tuple[Token, ...]


@dataclass(frozen=True)
class ShuffledMap:
    """One head's weights in the text and, token for token, in the shuffled one; both in the text's own order.

    `order` is of the keys; the queries of cross-attention are of the other text, which is not shuffled.
    """

    kind: AttentionKind
    layer: int
    head: int
    order: tuple[int, ...]
    original: Float32[np.ndarray, "query key"]
    shuffled: Float32[np.ndarray, "query key"]
    query_tokens: tuple[Token, ...]
    key_tokens: tuple[Token, ...]
