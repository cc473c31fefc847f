"""How much a head carries from token to token, not only how much weight it gives."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from playground.records.maps import AttentionKind
from playground.records.tokens import Token


@dataclass(frozen=True)
class NormMap:
    """Weights times the lengths of the transformed values, of one head (Kobayashi et al. 2020, arXiv 2004.10102).

    `norms` = weights times `value_norms`: the length of what each key adds to the query's output, in the units of
    the residual stream; its rows do not sum to 1.
    """

    kind: AttentionKind
    layer: int
    head: int
    weights: Float32[np.ndarray, "query key"]
    value_norms: Float32[np.ndarray, " key"]  # the length of (x W_V + b_V) W_O of this head
    norms: Float32[np.ndarray, "query key"]
    query_tokens: tuple[Token, ...]
    key_tokens: tuple[Token, ...]
