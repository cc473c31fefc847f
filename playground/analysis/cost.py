"""What a model computes, reads and keeps for each token: found by one short pass, and by its configuration."""

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from playground.analysis.model_card import read_model_card
from playground.models.hooks import hooked
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.records import CachedLayer, CacheKind, ModelCost, PlaygroundError

_N_PROBE, _N_PROBE_TARGET = 7, 5  # tokens; two numbers, so that it shows which text goes through a matrix


_found: "WeakKeyDictionary[nn.Module, ModelCost]" = WeakKeyDictionary()


def model_cost(loaded: LoadedModel) -> ModelCost:
    """Return what a model computes and keeps; it is looked up once.

    Raises PlaygroundError where it writes nothing, or keeps no KV cache.
    """
    if loaded.model not in _found:
        _found[loaded.model] = _look_up(loaded)
    return _found[loaded.model]


@torch.inference_mode()
def _look_up(loaded: LoadedModel) -> ModelCost:
    """Return the same; the pass is over a few tokens."""
    spec = loaded.spec
    if spec.kind == "encoder":
        raise PlaygroundError(f"{spec.name} is an encoder: it writes nothing, so there is no token to reckon with.")
    n_rows = loaded.model.get_input_embeddings().num_embeddings
    ids = [(3 + 5 * at) % n_rows for at in range(_N_PROBE)]
    has_source = spec.kind == "encoder-decoder"
    inputs = model_inputs(loaded, ids, ids[:_N_PROBE_TARGET] if has_source else ()) | {"use_cache": True}
    passed: dict[Any, int] = {}
    with hooked(loaded.model) as hooks:
        for module in _matrix_modules(loaded.model):
            hooks.watch(module, lambda module, given: passed.update({module: _rows(given)}), lambda _: None)
        cache = getattr(hooks.model(**inputs), "past_key_values", None)
    layers = tuple(_cached_layers(loaded, cache))
    if not layers:
        raise PlaygroundError(f"{spec.name} ({spec.architecture}) keeps no keys and values to reckon with.")
    written = _N_PROBE_TARGET if has_source else _N_PROBE
    per_token = [module for module, rows in passed.items() if rows == written]
    per_source = [module for module, rows in passed.items() if has_source and rows == _N_PROBE]
    experts, expert_bytes = _experts_used(loaded)
    return ModelCost(
        name=spec.name,
        n_parameters=spec.n_parameters,
        n_multiplied=sum(module.weight.numel() for module in per_token) + experts,
        n_multiplied_source=sum(module.weight.numel() for module in per_source),
        multiplied_bytes=sum(module.weight.nbytes for module in per_token) + expert_bytes,
        layers=layers,
        encoder_layers=_encoder_layers(loaded) if has_source else (),
        bytes_a_number=loaded.model.dtype.itemsize,
        context_length=spec.context_length,
        dtype=spec.dtype,
    )


def _matrix_modules(model: Any) -> list[Any]:
    """Return the modules that multiply by a matrix, routers of experts among them."""
    return [
        module
        for module in model.modules()
        if getattr(getattr(module, "weight", None), "ndim", 0) == 2
        and not isinstance(module, nn.Embedding)
        and not any(True for _ in module.children())
    ]


def _rows(given: Any) -> int:
    """Return how many vectors a module is given."""
    is_vectors = isinstance(given, torch.Tensor) and given.is_floating_point()
    return given.numel() // given.shape[-1] if is_vectors else 0


def _experts_used(loaded: LoadedModel) -> tuple[int, int]:
    """Return the weights of the experts that one token goes through, and their bytes: a router chooses among them."""
    stack = read_model_card(loaded).stacks[-1]
    if not stack.n_experts:
        return 0, 0
    all_experts = [one for one in loaded.model.parameters() if one.dim() == 3 and len(one) == stack.n_experts]
    share = max(1, stack.n_experts_used) / stack.n_experts
    n_weights = round(sum(one.numel() for one in all_experts) * share)
    return n_weights, round(sum(one.numel() * one.element_size() for one in all_experts) * share)


def _cached_layers(loaded: LoadedModel, cache: Any) -> Iterator[CachedLayer]:
    """Yield the layers whose keys and values are in a cache  # each (1, key head, token, width)."""
    of_source = getattr(cache, "cross_attention_cache", None)
    sides: list[tuple[CacheKind, Any]] = [("self", getattr(cache, "self_attention_cache", cache)), ("cross", of_source)]
    for kind, side in sides:
        for layer in getattr(side, "layers", ()):
            keys, values = getattr(layer, "keys", None), getattr(layer, "values", None)
            if isinstance(keys, torch.Tensor) and isinstance(values, torch.Tensor) and keys.dim() == 4:
                window = getattr(layer, "sliding_window", None)
                n_heads = loaded.spec.n_query_heads
                yield CachedLayer(kind, n_heads, keys.shape[1], keys.shape[-1], values.shape[-1], window)


def _encoder_layers(loaded: LoadedModel) -> tuple[CachedLayer, ...]:
    stack = read_model_card(loaded).stacks[0]
    layer = CachedLayer("self", stack.n_query_heads, stack.n_kv_heads, stack.d_head, stack.d_head, None)
    return (layer,) * stack.n_layers
