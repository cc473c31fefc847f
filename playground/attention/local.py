"""Attention that reaches a window of keys only, given as windows: laid out again as queries by keys."""

from typing import Any

import torch

from playground.records import AttentionKind


def unfolded(config: Any, kind: AttentionKind, index: int, layer: Any, size: tuple[int, int]) -> torch.Tensor | None:
    """Return one layer's weights as (1, head, query, key); None for what is no weight of a query for a key.

    layer: as the model gives it. What goes to tokens that a model makes up for itself is not among the keys.
    """
    if kind in ("self", "encoder") and config.model_type in ("longformer", "led"):
        return _from_band(layer, config.attention_window[index] // 2)
    if kind == "encoder" and config.model_type == "longt5" and layer.dim() == 5:
        blocks = layer[0].transpose(0, 1)  # (head, block, query, key)
        length = blocks.shape[2]
        return _from_blocks(blocks[..., : 3 * length], size, first=0, before=length)
    if kind == "encoder" and config.model_type == "pegasus_x":
        return _from_staggered_blocks(layer["local"][0], size, config.num_global_tokens)
    is_weights = isinstance(layer, torch.Tensor) and layer.dim() == 4 and tuple(layer.shape[-2:]) == size
    return layer if is_weights else None


def _from_band(layer: torch.Tensor, reach: int) -> torch.Tensor:
    """Lay out weights for the keys from `reach` before each query to `reach` after it.

    layer: (1, head, query, 2 * reach + 1)
    """
    _, n_heads, n_queries, width = layer.shape
    dense = layer.new_zeros(1, n_heads, n_queries, n_queries + 2 * reach)
    places = torch.arange(n_queries, device=layer.device)[:, None] + torch.arange(width, device=layer.device)
    dense.scatter_(3, places.expand(1, n_heads, -1, -1), layer)
    return dense[..., reach : reach + n_queries]


def _from_staggered_blocks(blocks: torch.Tensor, size: tuple[int, int], n_global: int) -> torch.Tensor:
    """Lay out the weights of PEGASUS-X, whose every other layer has its blocks shifted by half a block.

    blocks: (head, block, query, global token and key)
    """
    length = blocks.shape[2]
    n_blocks_unshifted = -(-size[0] // length)
    first = length // 2 if blocks.shape[1] > n_blocks_unshifted else 0
    return _from_blocks(blocks[..., n_global:], size, first=first, before=0)


def _from_blocks(blocks: torch.Tensor, size: tuple[int, int], first: int, before: int) -> torch.Tensor:
    """Lay out weights that are given by blocks of queries.

    blocks: (head, block, query, key); the first block begins `first` queries before the text, and each block's keys
    `before` keys before its queries.
    """
    n_heads, n_blocks, length, n_keys = blocks.shape
    n_queries = n_blocks * length
    dense = blocks.new_zeros(n_heads, n_queries, n_queries + n_keys)
    for block in range(n_blocks):
        start = block * length
        dense[:, start : start + length, start : start + n_keys] = blocks[:, block]
    shift = first + before
    return dense[None, :, first : first + size[0], shift : shift + size[1]]
