"""Attention weights on their way to a picture."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt8

from playground.records.tokens import Token

AttentionKind = Literal["self", "encoder", "decoder", "cross"]


@dataclass(frozen=True)
class AttentionShape:
    """One kind of attention that there is of a text: its layers by their numbers in the model, and their heads."""

    kind: AttentionKind
    layers: tuple[int, ...]
    n_heads: int


@dataclass(frozen=True)
class AttentionSummary:
    """All heads of all layers, each shrunk to a tile by taking the maximum of each block of cells."""

    kind: AttentionKind
    tiles: UInt8[np.ndarray, "layer head row column"]  # 255 = weight 1
    query_tokens: tuple[Token, ...]
    key_tokens: tuple[Token, ...]
    layers: tuple[int, ...]  # by their numbers in the model: some layers may have no attention


# What the cells hold: weights; weights times the length of the value; weights between words; of a text minus another
MapValues = Literal["weights", "norms", "words", "texts"]
HeadsShown = Literal["one", "mean", "max", "difference"]


@dataclass(frozen=True)
class MapView:
    """What is made of a layer's weights for a map.

    `heads`: one head, the mean or the maximum over the heads of its layer, or one head minus another.
    `hide_first`: the first token, on which many heads rest, is left out and the rest of each row sums to 1.
    """

    heads: HeadsShown = "one"
    other_layer: int = 0  # of a difference
    other_head: int = 0
    hide_first: bool = False


@dataclass(frozen=True)
class HeadMap:
    """The weights of one head: row = the token that looks (query), column = the token looked at (key)."""

    kind: AttentionKind
    layer: int
    head: int
    weights: Float32[np.ndarray, "query key"]  # a difference is from -1 to 1
    query_tokens: tuple[Token, ...]
    key_tokens: tuple[Token, ...]
    view: MapView = MapView()
    values: MapValues = "weights"
    layers: tuple[int, ...] = ()  # by their numbers in the model; none: all layers have attention

    def number_of(self, layer: int) -> int:
        """Return a layer's number in the model, of which some layers may have no attention."""
        return self.layers[layer] if layer < len(self.layers) else layer


@dataclass(frozen=True)
class LayerMaps:
    """The weights of all heads of one layer."""

    kind: AttentionKind
    layer: int
    weights: Float32[np.ndarray, "head query key"]
    query_tokens: tuple[Token, ...]
    key_tokens: tuple[Token, ...]


@dataclass(frozen=True)
class HeadRows:
    """Where every head of every layer looked from one query position."""

    kind: AttentionKind
    query: int
    weights: Float32[np.ndarray, "layer head key"]
    query_tokens: tuple[Token, ...]
    key_tokens: tuple[Token, ...]
    layers: tuple[int, ...]  # by their numbers in the model
