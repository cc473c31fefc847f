"""How one attention weight came about."""

from dataclasses import dataclass

import numpy as np

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
    q: np.ndarray  # float32 [d_head]
    k: np.ndarray  # float32 [key, d_head]
    raw: np.ndarray  # float32 [key]
    scaled: np.ndarray  # float32 [key]
    masked: np.ndarray  # float32 [key]
    weights: np.ndarray  # float32 [key]
    v: np.ndarray  # float32 [key, d_value]
    output: np.ndarray  # float32 [d_value]
    query_token: Token
    key_tokens: tuple[Token, ...]
    scaling: float
    softcap: float | None = None  # scores are squeezed to +-softcap: softcap * tanh(score / softcap)
    position_bias: np.ndarray | None = None  # added to the scores  # float32 [key]
    model_output: np.ndarray | None = None  # what the model's own attention gave for `output`  # float32 [d_value]
