"""One head in two texts of equally many tokens."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from playground.records.maps import AttentionKind
from playground.records.tokens import Token


@dataclass(frozen=True)
class TextDifference:
    """The weights of one head in a text and in another, place by place."""

    kind: AttentionKind
    layer: int
    head: int
    weights: Float32[np.ndarray, "query key"]
    other_weights: Float32[np.ndarray, "query key"]
    query_tokens: tuple[Token, ...]
    key_tokens: tuple[Token, ...]
    other_query_tokens: tuple[Token, ...]
    other_key_tokens: tuple[Token, ...]

    @property
    def difference(self) -> Float32[np.ndarray, "query key"]:
        """The text's weights minus the other's  # float32 [query, key], from -1 to 1."""
        return self.weights - self.other_weights
