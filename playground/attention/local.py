"""Attention that its architecture gives in a layout of its own, such as windows: laid out as queries by keys."""

from typing import Any

import torch
from jaxtyping import Float

from playground.records import AttentionKind


def unfolded(
    config: Any, kind: AttentionKind, index: int, layer: Any, size: tuple[int, int]
) -> Float[torch.Tensor, "1 head query key"] | None:
    """Return one layer's weights; None for what is no weight of a query for a key.

    layer: as the model gives it; size: how many queries and keys there are. What goes to tokens that a model makes
    up for itself is not among the keys.
    """
    match config.model_type, kind:
        case ("longformer", "self") | ("led", "encoder"):
            weights = _from_band(layer, config.attention_window[index] // 2)
        case ("longt5", "encoder") if layer.dim() == 5:  # each block sees those beside it
            blocks = layer[0].transpose(0, 1)  # (head, block, query, key)
            length = blocks.shape[2]
            weights = _from_blocks(blocks[..., : 3 * length], size, before=length)
        case ("pegasus_x", "encoder"):
            blocks = layer["local"][0][..., config.num_global_tokens :]  # (head, block, query, key)
            length = blocks.shape[2]
            is_shifted = blocks.shape[1] * length >= size[0] + length  # every other layer, by half a block
            weights = _from_blocks(blocks, size, first=length // 2 if is_shifted else 0)
        case ("reformer", "self") if layer.dim() == 5 and config.attn_layers[index] == "local":
            weights = _from_blocks(layer[0], size, before=config.local_num_chunks_before * layer.shape[3])
        case ("reformer", "self"):  # filled up to whole chunks; where it is hashed, in the order of the buckets
            weights = layer[:, :, : size[0], : size[1]] if layer.dim() == 4 else None
        case ("prophetnet", "encoder" | "cross") | ("squeezebert", "self"):  # what the softmax is taken of
            # Behind the text's own queries stand those that predict tokens further on
            weights = layer[:, :, : size[0]].softmax(dim=-1)
        case _:
            is_weights = isinstance(layer, torch.Tensor) and layer.dim() == 4 and tuple(layer.shape[-2:]) == size
            weights = layer if is_weights else None
    return weights


def _from_band(
    layer: Float[torch.Tensor, "1 head query band"], reach: int
) -> Float[torch.Tensor, "1 head query query"]:
    """Lay out weights for the keys from `reach` before each query to `reach` after it."""
    _, n_heads, n_queries, width = layer.shape
    dense = layer.new_zeros(1, n_heads, n_queries, n_queries + 2 * reach)
    places = torch.arange(n_queries, device=layer.device)[:, None] + torch.arange(width, device=layer.device)
    dense.scatter_(3, places.expand(1, n_heads, -1, -1), layer)
    return dense[..., reach : reach + n_queries]


def _from_blocks(
    blocks: Float[torch.Tensor, "head block block_query block_key"],
    size: tuple[int, int],
    first: int = 0,
    before: int = 0,
) -> Float[torch.Tensor, "1 head query key"]:
    """Lay out weights that are given by blocks of queries.

    The first block begins `first` queries before the text, and each block's keys begin `before` keys before its
    queries. What lies before the first block is the end of the last one (Reformer).
    """
    n_heads, n_blocks, length, n_keys = blocks.shape
    n_places = n_blocks * length
    dense = blocks.new_zeros(n_heads, n_places, n_places)
    for block in range(n_blocks):
        start = block * length
        keys = torch.arange(start - before, start - before + n_keys, device=blocks.device) % n_places
        dense[:, start : start + length].index_add_(2, keys, blocks[:, block])
    return dense[None, :, first : first + size[0], first : first + size[1]]
