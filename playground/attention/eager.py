"""Weights of architectures that ignore the attention interface: from an eager pass, as they come out of the model."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from playground.attention.interface import configs_of
from playground.attention.layers import Layers, OutputLayers
from playground.attention.local import unfolded
from playground.records import AttentionKind

_SOFTMAXES = (torch.softmax, torch.Tensor.softmax, nn.functional.softmax)
_OUTPUTS: dict[AttentionKind, str] = {
    "self": "attentions",
    "encoder": "encoder_attentions",
    "decoder": "decoder_attentions",
    "cross": "cross_attentions",
}

_locks: WeakKeyDictionary[nn.Module, threading.Lock] = WeakKeyDictionary()
_locks_guard = threading.Lock()


def run_eagerly(
    model: Any, run: Callable[..., Any], inputs: dict[str, Any], sizes: dict[AttentionKind, tuple[int, int]]
) -> tuple[Any, dict[AttentionKind, Layers]]:
    """Run the model with eager attention; return its output and the weights of the kinds in `sizes`.

    sizes: how many queries and keys a kind has
    """
    with _eager(model), _SoftmaxRecorder() as recorder:
        output = run(**inputs, output_attentions=True)
    layers: dict[AttentionKind, Layers] = {}
    for kind, size in sizes.items():
        # The encoder of an encoder-decoder, run alone, names its own as any model does
        given = output.get(_OUTPUTS[kind]) or (output.get("attentions") if kind == "encoder" else None) or ()
        found = {index: unfolded(model.config, kind, index, layer, size) for index, layer in enumerate(given)}
        kept = {index: layer for index, layer in found.items() if layer is not None}
        if kept:
            layers[kind] = OutputLayers(list(kept.values()), list(kept))
    if not layers and list(sizes) == ["self"]:
        weights = [layer for layer in recorder.outputs if layer.shape[-2:] == sizes["self"]]
        if weights:
            layers["self"] = OutputLayers(weights, range(len(weights)))
    return output, layers


class _SoftmaxRecorder(TorchFunctionMode):
    """Keeps what comes out of each softmax over four axes: the weights of models that compute but do not give them.

    BigBird is one, where it drops its blocks for a short text and with them the hooks that would give its weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[torch.Tensor] = []  # each (1, head, query, key)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _SOFTMAXES and result.dim() == 4:
            self.outputs.append(result)
        return result


@contextmanager
def _eager(model: Any) -> Iterator[None]:
    """Let a model that ignores the attention interface compute its attention eagerly, one thread at a time."""
    with _locks_guard:
        lock = _locks.setdefault(model, threading.Lock())
    configs = configs_of(model)
    with lock:
        before = [config._attn_implementation_internal for config in configs]
        for config in configs:
            config._attn_implementation_internal = "eager"  # the setter would refuse what a family does not declare
        try:
            yield
        finally:
            for config, implementation in zip(configs, before, strict=True):
                config._attn_implementation_internal = implementation
