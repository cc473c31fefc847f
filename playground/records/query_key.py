"""How one attention weight came about."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from playground.records.maps import AttentionKind
from playground.records.tokens import Token


@dataclass(frozen=True)
class QueryKeyRow:
    """One query of one head, from the query vector to what the head passes on.

    `raw` = q . k; `scaled` = raw times the scaling (1/sqrt(d_head)), with the softcap and the position bias of
    models that have them; `masked` = scaled where the query may look, -inf elsewhere; `weights` = softmax(masked);
    `output` = sum of weights times v.
    """

    kind: AttentionKind
    layer: int
    head: int
    query: int
    q: Float32[np.ndarray, " d_head"]
    k: Float32[np.ndarray, "key d_head"]
    raw: Float32[np.ndarray, " key"]
    scaled: Float32[np.ndarray, " key"]
    masked: Float32[np.ndarray, " key"]
    weights: Float32[np.ndarray, " key"]
    v: Float32[np.ndarray, "key d_value"]
    output: Float32[np.ndarray, " d_value"]
    query_token: Token
    key_tokens: tuple[Token, ...]
    scaling: float
    softcap: float | None = None  # scores are squeezed to +-softcap: softcap * tanh(score / softcap)
    position_bias: Float32[np.ndarray, " key"] | None = None  # added to the scores
    model_output: Float32[np.ndarray, " d_value"] | None = None  # what the model's own attention gave for `output`
