"""The attention layers of one kind, whichever way they were captured."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Protocol

import torch
from jaxtyping import Float, Float32

from playground.attention.interface import AttentionCall, eager_weights
from playground.attention.tiles import TilesAhead
from playground.attention.trace import Trace
from playground.attention.traced_calls import call_of
from playground.attention.weights import (
    ALL,
    COARSE,
    agree,
    block_maxima,
    compute_weights,
    is_plain,
    passes_on,
    weight_stripes,
)

TRACED_TOLERANCE = 1e-5  # how far weights of which the way was followed may be from the model's own, in float32


class Layers(Protocol):
    """Gives weights by layer, heads and queries; layers are counted from 0 over those that have attention.

    `keys`: the part of the keys that this kind is about, where one softmax runs over two kinds (T5Gemma 2).
    """

    keys: slice

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

    def weights(self, layer: int, heads: slice = ALL, queries: slice = ALL) -> Float32[torch.Tensor, "head query key"]:
        """Return weights on the CPU."""
        ...

    def stripes(self, layer: int) -> Iterator[tuple[slice, Float32[torch.Tensor, "head query key"]]]:
        """Give all weights, some queries at a time, on the CPU.

        For use in torch's inference mode, in which the states were kept. Keys at the end that none of those queries
        sees may be left out.
        """
        ...

    def maxima(self, layer: int, block: tuple[int, int]) -> Float32[torch.Tensor, "head row column"]:
        """Return the largest weight of each block of queries by keys, on the CPU."""
        ...

    def call(self, layer: int) -> AttentionCall:
        """Return what the weights of a layer are made of, by the formula of compute_weights.

        Raises LookupError, with the reason, where that is not known, or the formula makes other weights of it.
        """
        ...


class CapturedLayers:
    """Layers whose queries and keys were kept; weights are computed when they are asked for.

    `indices`: the place of each in the whole stack; without it they are the whole stack.
    `tiles`: maxima that were worked out while the pass went on.
    """

    def __init__(
        self,
        calls: Sequence[AttentionCall],
        indices: Sequence[int] | None = None,
        keys: slice = ALL,
        tiles: TilesAhead | None = None,
    ) -> None:
        self.tiles = tiles if keys == ALL else None
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

    def weights(self, layer: int, heads: slice = ALL, queries: slice = ALL) -> Float32[torch.Tensor, "head query key"]:
        with torch.inference_mode():
            call = self.calls[layer]
            if self.is_plain(layer):
                return compute_weights(call, heads, queries)[..., self.keys].cpu()
            return eager_weights(call, queries)[heads, :, self.keys].float().cpu()

    def stripes(self, layer: int) -> Iterator[tuple[slice, Float32[torch.Tensor, "head query key"]]]:
        if not self.is_plain(layer) or self.keys != ALL:
            yield ALL, self.weights(layer)
            return
        for queries, weights in weight_stripes(self.calls[layer]):
            yield queries, weights.cpu()

    def maxima(self, layer: int, block: tuple[int, int]) -> Float32[torch.Tensor, "head row column"]:
        if self.tiles is not None and (found := self.tiles.of(self.calls[layer], block)) is not None:
            return found
        if not self.is_plain(layer) or self.keys != ALL:
            return pooled(self.weights(layer), block)
        with torch.inference_mode():
            return block_maxima(self.calls[layer], block).cpu()

    def call(self, layer: int) -> AttentionCall:
        if not self.is_plain(layer):
            raise LookupError("its formula is another one")
        return self.calls[layer]

    def _is_plain(self, layer: int) -> bool:
        with torch.inference_mode():
            return is_plain(self.calls[layer])


class OutputLayers:
    """Layers of an architecture that gives finished weights, and how each came about where that could be followed."""

    keys = ALL

    def __init__(
        self,
        outputs: Sequence[Float[torch.Tensor, "1 _head query key"]],
        indices: Sequence[int] | None = None,
        traces: Sequence[Trace | None] | None = None,
    ) -> None:
        self.outputs = outputs
        self.indices = tuple(range(len(outputs)) if indices is None else indices)
        self.traces = [None] * len(outputs) if traces is None else traces
        self.call = cache(self._call)

    @property
    def n_layers(self) -> int:
        return len(self.outputs)

    @property
    def n_heads(self) -> int:
        return max(output.shape[1] for output in self.outputs)

    @property
    def n_bytes(self) -> int:
        kept = [*self.outputs, *(tensor for trace in self.traces if trace for tensor in trace.tensors())]
        # A mask may be shared by the layers, or a part of one that is the model's own
        parts = {(tensor.data_ptr(), tensor.shape): tensor for tensor in kept}
        return sum(min(tensor.nbytes, tensor.untyped_storage().nbytes()) for tensor in parts.values())

    def are_numbers(self) -> bool:
        return not any(bool(output.sum(dtype=torch.float32).isnan()) for output in self.outputs)

    def weights(self, layer: int, heads: slice = ALL, queries: slice = ALL) -> Float32[torch.Tensor, "head query key"]:
        return self.outputs[layer][0, heads, queries].float().cpu()

    def stripes(self, layer: int) -> Iterator[tuple[slice, Float32[torch.Tensor, "head query key"]]]:
        yield ALL, self.weights(layer)

    def maxima(self, layer: int, block: tuple[int, int]) -> Float32[torch.Tensor, "head row column"]:
        return pooled(self.weights(layer), block)

    def _call(self, layer: int) -> AttentionCall:
        trace = self.traces[layer]
        if trace is None:
            raise LookupError("its queries and keys could not be followed")
        with torch.inference_mode():
            call = call_of(trace)
            tolerance = TRACED_TOLERANCE if self.outputs[layer].dtype == torch.float32 else COARSE
            if not agree(compute_weights(call), self.outputs[layer][0].float(), tolerance):
                raise LookupError("what was followed makes other weights")
            if not passes_on(call, self.outputs[layer][0].float(), tolerance):
                raise LookupError("what was followed passes on something else")
        return call


def pooled(
    weights: Float32[torch.Tensor, "head query key"], block: tuple[int, int]
) -> Float32[torch.Tensor, "head row column"]:
    """Return the largest weight of each block."""
    return torch.nn.functional.max_pool2d(weights, block, ceil_mode=True)


def part_of(layers: Layers, chosen: Sequence[int]) -> Layers:
    """Return some layers of finished weights, in their order; those that are not there are left out."""
    if not isinstance(layers, OutputLayers):
        return layers
    places = [place for place in range(layers.n_layers) if place in chosen]
    outputs, indices, traces = layers.outputs, layers.indices, layers.traces
    return OutputLayers(
        [outputs[place] for place in places], [indices[place] for place in places], [traces[place] for place in places]
    )
