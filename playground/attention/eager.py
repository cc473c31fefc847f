"""Attention of architectures that ignore the attention interface: from an eager pass, as it comes out of the model."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from playground.attention.interface import configs_of
from playground.attention.layers import Layers, OutputLayers
from playground.attention.local import unfolded
from playground.attention.trace import Tracer
from playground.records import AttentionKind

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
    with _eager(model), Tracer(list(sizes.values())) as tracer:
        output = run(**inputs, output_attentions=True)
    layers: dict[AttentionKind, Layers] = {}
    for kind, size in sizes.items():
        # The encoder of an encoder-decoder, run alone, names its own as any model does
        given = output.get(_OUTPUTS[kind]) or (output.get("attentions") if kind == "encoder" else None) or ()
        found = {index: unfolded(model.config, kind, index, layer, size) for index, layer in enumerate(given)}
        kept = {index: layer for index, layer in found.items() if layer is not None}
        if kept:
            traces = [tracer.trace_of(given[index]) for index in kept]
            layers[kind] = OutputLayers(list(kept.values()), list(kept), traces)
    if not layers and list(sizes) == ["self"]:
        # BigBird, where it drops its blocks for a short text and with them the hooks that would give its weights
        weights = [layer for layer in tracer.softmaxes if layer.shape[-2:] == sizes["self"]]
        if weights:
            layers["self"] = OutputLayers(weights, range(len(weights)), [tracer.trace_of(layer) for layer in weights])
    return output, layers


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
