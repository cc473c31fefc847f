"""Attention that is changed while a model runs: heads that look everywhere alike, tokens that may not see others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import nn

from playground.attention.interface import (
    HeadOutputs,
    HeadWeights,
    Keys,
    Mask,
    Queries,
    Values,
    additive,
    causal_mask,
    looks_back,
)
from playground.records import PlaygroundError


@dataclass(eq=False)
class AttentionEdit:
    """Attends in place of what a module calls.

    uniform: heads whose weights are the same for every token that they may look at, each in all copies of the text or
    in one: (copy or None, head). edges: (query, key) whose weight is 0 in all heads. `used`: whether it was called.
    """

    uniform: Sequence[tuple[int | None, int]] = ()
    edges: Sequence[tuple[int, int]] = ()
    used: bool = False

    def __call__(
        self,
        function: Callable[..., tuple[torch.Tensor, torch.Tensor | None]],
        module: nn.Module,
        query: Queries,
        key: Keys,
        value: Values,
        mask: Mask | None,
        **kwargs: Any,
    ) -> tuple[HeadOutputs, HeadWeights | None]:
        """Return what the heads pass on, and the weights of what is called."""
        self.used = True
        if mask is None and looks_back(module, query, kwargs):
            mask = causal_mask(query.shape[2], key.shape[2], query.device)[None, None]
        if mask is None:
            mask = torch.ones(1, 1, query.shape[2], key.shape[2], dtype=torch.bool, device=query.device)
        mask = self._without_edges(additive(mask, query.dtype))
        output, weights = function(module, query, key, value, mask, **kwargs)
        return (self._spread(output, value, mask) if self.uniform else output), weights

    def _without_edges(
        self, mask: Float[torch.Tensor, "#copy #query_head query key"]
    ) -> Float[torch.Tensor, "#copy #query_head query key"]:
        """Return the mask, which is added to the scores, without the edges."""
        n_queries, n_keys = mask.shape[-2:]
        edges = [(query, key) for query, key in self.edges if query < n_queries and key < n_keys]
        if not edges:
            return mask
        changed = mask.clone()
        queries, keys = (list(column) for column in zip(*edges, strict=True))
        lowest = torch.finfo(mask.dtype).min
        changed[..., queries, keys] = lowest
        blind = (changed <= lowest / 2).all(-1) & ~(mask <= lowest / 2).all(-1)
        if bool(blind.any()):
            token = int(blind.nonzero()[0, -1])
            raise PlaygroundError(f"Token {token} would have nothing left to look at: leave it one token at least.")
        return changed

    def _spread(
        self,
        output: HeadOutputs,
        value: Values,
        mask: Float[torch.Tensor, "#copy #query_head query key"],
    ) -> HeadOutputs:
        allowed = (mask > torch.finfo(mask.dtype).min / 2).float()  # (copy or 1, head or 1, query, key)
        even = allowed / allowed.sum(-1, keepdim=True).clamp_min(1)
        n_copies, n_heads = output.shape[0], output.shape[2]
        values = value.repeat_interleave(n_heads // value.shape[1], dim=1).float()  # (copy, head, key, d_value)
        even = even.expand(n_copies, n_heads, -1, -1)
        changed = output.clone()
        for copy, head in self.uniform:
            copies = slice(None) if copy is None else slice(copy, copy + 1)
            changed[copies, :, head] = (even[copies, head] @ values[copies, head]).to(output.dtype)
        return changed
