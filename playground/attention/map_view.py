"""What is made of the weights of a layer before they are drawn: mean, maximum, difference, without the first token."""

from typing import Protocol

import numpy as np
from jaxtyping import Float32

from playground.records import AttentionKind, MapView


class Weights(Protocol):
    """Gives the weights of one head or of all heads of a layer, as Attention does."""

    def weights(
        self, layer: int, head: int | None = None, kind: AttentionKind = "self"
    ) -> Float32[np.ndarray, "query key"] | Float32[np.ndarray, "head query key"]: ...


def view_weights(
    attention: Weights, layer: int, head: int, kind: AttentionKind, view: MapView
) -> Float32[np.ndarray, "query key"]:
    """Return what `view` makes of the weights.

    The first token is left out of each head before anything else. Raises PlaygroundError for a head out of range.
    """

    def weights_of(layer: int, head: int | None) -> Float32[np.ndarray, "*head query key"]:
        weights = attention.weights(layer, head, kind)
        return without_first(weights) if view.hide_first else weights

    if view.heads == "mean":
        return weights_of(layer, None).mean(axis=0)
    if view.heads == "max":
        return weights_of(layer, None).max(axis=0)
    if view.heads == "difference":
        return weights_of(layer, head) - weights_of(view.other_layer, view.other_head)
    return weights_of(layer, head)


def without_first(weights: Float32[np.ndarray, "*head query key"]) -> Float32[np.ndarray, "*head query key"]:
    """Return weights with the first key's at zero and the rest of each row summing to 1.

    A row that looked at nothing else stays at zero.
    """
    rest = weights.copy()
    rest[..., 0] = 0
    totals = rest.sum(axis=-1, keepdims=True)
    return np.divide(rest, totals, out=np.zeros_like(rest), where=totals > 0)
