"""The same words in another order: what a head does because of where tokens stand shows, and what it does not."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from playground.attention.attention import Attention
from playground.records import AttentionKind, ShuffleComparison, ShuffledMap, TextIds


def shuffled_order(n_tokens: int, seed: int = 7) -> tuple[int, ...]:
    """Return which token stands at each place of a shuffled text; the first stays, since heads rest on it."""
    rest = np.random.default_rng(seed).permutation(np.arange(1, n_tokens))
    return (0, *(int(place) for place in rest)) if n_tokens else ()


def in_order(text: TextIds, order: tuple[int, ...], *, of_target: bool = False) -> TextIds:
    """Return a text with its tokens in another order, each with its type, and the other text as it is.

    of_target: the order is of what the decoder of an encoder-decoder reads, the start token being the first.
    """
    if of_target:
        return replace(text, target_ids=tuple(text.target_ids[place - 1] for place in order[1:]))
    type_ids = tuple(text.type_ids[place] for place in order) if text.type_ids else ()
    return TextIds(tuple(text.ids[place] for place in order), text.target_ids, type_ids)


def compare_shuffled(
    attention: Attention, other: Attention, order: tuple[int, ...], kind: AttentionKind
) -> ShuffleComparison:
    """Return how far each head's weights are from those in the shuffled text, whose attention is `other`."""
    shape = attention.shape(kind)
    changes = np.full((len(shape.layers), shape.n_heads), np.nan, dtype=np.float32)
    for layer in range(len(shape.layers)):  # one layer's weights in memory at a time
        before, after = attention.weights(layer, kind=kind), align(other.weights(layer, kind=kind), order, kind)
        changes[layer, : len(before)] = np.abs(before - after).sum(axis=-1).mean(axis=-1) / 2
    return ShuffleComparison(kind, order, changes, attention.key_tokens(kind), other.key_tokens(kind))


def map_shuffled(
    attention: Attention, other: Attention, order: tuple[int, ...], layer: int, head: int, kind: AttentionKind
) -> ShuffledMap:
    """Return one head's weights in the text, and in the shuffled text with each token back in its place."""
    found = attention.head_map(layer, head, kind)
    after = align(other.head_map(layer, head, kind).weights, order, kind)
    return ShuffledMap(kind, layer, head, order, found.weights, after, found.query_tokens, found.key_tokens)


def align(
    weights: Float32[np.ndarray, "*head query key"], order: tuple[int, ...], kind: AttentionKind = "self"
) -> Float32[np.ndarray, "*head query key"]:
    """Return weights of a shuffled text with each token back in its place.

    The queries of cross-attention are of the other text, which was not shuffled.
    """
    place = np.argsort(order)  # where each token of the text stands in the shuffled one
    return weights[..., place] if kind == "cross" else weights[..., place[:, None], place]
