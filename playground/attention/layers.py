"""The attention layers of one kind, whichever way they were captured."""

from typing import Protocol

import torch

from playground.attention.interface import AttentionCall
from playground.attention.weights import ALL, compute_weights


class Layers(Protocol):
    """Gives weights by layer, heads and queries."""

    @property
    def n_layers(self) -> int: ...

    @property
    def n_heads(self) -> int: ...

    @property
    def n_bytes(self) -> int:
        """Memory that is held."""
        ...

    def weights(self, layer: int, heads: slice = ALL, queries: slice = ALL) -> torch.Tensor:
        """Return weights on the CPU  # float32 (head, query, key)."""
        ...


class CapturedLayers:
    """Layers whose queries and keys were kept; weights are computed when they are asked for."""

    def __init__(self, calls: list[AttentionCall]) -> None:
        self.calls = calls

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
            for tensor in (call.query, call.key, call.value, call.mask, call.position_bias)
            if tensor is not None  # masks and position biases are shared by the layers
        }
        return sum(kept.values())

    def weights(self, layer: int, heads: slice = ALL, queries: slice = ALL) -> torch.Tensor:
        with torch.inference_mode():
            return compute_weights(self.calls[layer], heads, queries).cpu()


class OutputLayers:
    """Layers of an architecture that only gives finished weights (output_attentions=True)."""

    def __init__(self, outputs: list[torch.Tensor]) -> None:
        self.outputs = outputs  # each (1, head, query, key)

    @property
    def n_layers(self) -> int:
        return len(self.outputs)

    @property
    def n_heads(self) -> int:
        return max(output.shape[1] for output in self.outputs)

    @property
    def n_bytes(self) -> int:
        return sum(output.nbytes for output in self.outputs)

    def weights(self, layer: int, heads: slice = ALL, queries: slice = ALL) -> torch.Tensor:
        return self.outputs[layer][0, heads, queries].float().cpu()
