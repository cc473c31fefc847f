"""The attention layers of one kind, whichever way they were captured."""

from collections.abc import Sequence
from functools import cache
from typing import Protocol

import torch

from playground.attention.interface import AttentionCall, eager_weights
from playground.attention.weights import ALL, compute_weights, is_plain


class Layers(Protocol):
    """Gives weights by layer, heads and queries; layers are counted from 0 over those that have attention."""

    @property
    def indices(self) -> tuple[int, ...]:
        """The place of each in the whole stack, which may hold layers without attention."""
        ...

    @property
    def n_layers(self) -> int: ...

    @property
    def n_heads(self) -> int: ...

    @property
    def n_bytes(self) -> int:
        """Memory that is held."""
        ...

    def are_numbers(self) -> bool:
        """Return whether the weights of all layers are numbers, not NaN."""
        ...

    def weights(self, layer: int, heads: slice = ALL, queries: slice = ALL) -> torch.Tensor:
        """Return weights on the CPU  # float32 (head, query, key)."""
        ...


class CapturedLayers:
    """Layers whose queries and keys were kept; weights are computed when they are asked for.

    `indices`: the place of each in the whole stack; without it they are the whole stack.
    `keys`: the part of the keys that this kind is about, where one softmax runs over two kinds (T5Gemma 2).
    """

    def __init__(self, calls: Sequence[AttentionCall], indices: Sequence[int] | None = None, keys: slice = ALL) -> None:
        self.calls = calls
        self.indices = tuple(range(len(calls)) if indices is None else indices)
        self.keys = keys
        self.is_plain = cache(self._is_plain)

    @property
    def n_layers(self) -> int:
        return len(self.calls)

    @property
    def n_heads(self) -> int:
        return max(call.query.shape[1] for call in self.calls)

    @property
    def n_bytes(self) -> int:
        kept = {
            tensor.data_ptr(): tensor.nbytes
            for call in self.calls
            for tensor in (call.query, call.key, call.value, call.output, call.mask, call.position_bias)
            if tensor is not None  # masks and position biases are shared by the layers
        }
        return sum(kept.values())

    def are_numbers(self) -> bool:
        # One that is infinite makes NaN of its row, too; sums in float32 are so only if a part is
        sums = [states.sum(dtype=torch.float32) for call in self.calls for states in (call.query, call.key)]
        return bool(torch.stack(sums).isfinite().all())

    def weights(self, layer: int, heads: slice = ALL, queries: slice = ALL) -> torch.Tensor:
        with torch.inference_mode():
            call = self.calls[layer]
            if self.is_plain(layer):
                return compute_weights(call, heads, queries)[..., self.keys].cpu()
            return eager_weights(call, queries)[heads, :, self.keys].float().cpu()

    def _is_plain(self, layer: int) -> bool:
        with torch.inference_mode():
            return is_plain(self.calls[layer])


class OutputLayers:
    """Layers of an architecture that only gives finished weights."""

    def __init__(self, outputs: Sequence[torch.Tensor], indices: Sequence[int] | None = None) -> None:
        self.outputs = outputs  # each (1, head, query, key)
        self.indices = tuple(range(len(outputs)) if indices is None else indices)

    @property
    def n_layers(self) -> int:
        return len(self.outputs)

    @property
    def n_heads(self) -> int:
        return max(output.shape[1] for output in self.outputs)

    @property
    def n_bytes(self) -> int:
        return sum(output.nbytes for output in self.outputs)

    def are_numbers(self) -> bool:
        return not any(bool(output.sum(dtype=torch.float32).isnan()) for output in self.outputs)

    def weights(self, layer: int, heads: slice = ALL, queries: slice = ALL) -> torch.Tensor:
        return self.outputs[layer][0, heads, queries].float().cpu()


def part_of(layers: Layers, chosen: Sequence[int]) -> Layers:
    """Return some layers of finished weights, in their order; those that are not there are left out."""
    if not isinstance(layers, OutputLayers):
        return layers
    places = [place for place in range(layers.n_layers) if place in chosen]
    return OutputLayers([layers.outputs[place] for place in places], [layers.indices[place] for place in places])
