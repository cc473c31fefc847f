"""One forward pass over a text, of which the attention, and the probability of each token, is kept."""

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from playground.attention.interface import AttentionCall, capture_calls, is_installed
from playground.attention.layers import CapturedLayers, Layers, OutputLayers
from playground.models.loading import LoadedModel
from playground.records import AttentionKind, PlaygroundError

_SCORED_ROWS = 128  # rows of logits in float32 at a time: 25 MB at a vocabulary of 50,000

# Names of cross-attention modules in transformers: encoder_attn, EncDecAttention, crossattention, cross_attn
_CROSS = re.compile(r"encoder_att|enc_?dec|cross", re.IGNORECASE)

_eager_locks: WeakKeyDictionary[nn.Module, threading.Lock] = WeakKeyDictionary()
_eager_locks_guard = threading.Lock()


@dataclass(frozen=True, eq=False)
class Capture:
    """The attention of every kind that the model has, and what scores need of the logits."""

    layers: dict[AttentionKind, Layers]
    log_probs: list[float] | None  # of each token after the first, given those before it; None if it has none such
    ranks: list[int] | None


def capture_attention(loaded: LoadedModel, ids: tuple[int, ...], target_ids: tuple[int, ...] | None = None) -> Capture:
    """Run the model once over `ids` (and `target_ids`, the decoder's input) and keep its attention.

    An encoder-decoder without a target runs its encoder only. Raises PlaygroundError where there is no attention.
    """
    model = loaded.model
    inputs: dict[str, Any] = {"input_ids": torch.tensor([ids], device=model.device)}  # (1, token)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    run = model
    if loaded.spec.kind == "encoder-decoder":
        if target_ids is None:
            run = model.get_encoder()
        else:
            inputs["decoder_input_ids"] = torch.tensor([target_ids], device=model.device)
    if loaded.spec.kind == "decoder" or target_ids is not None:
        inputs["use_cache"] = False
    with torch.inference_mode():
        output, layers = _run_captured(loaded, run, inputs)
        if not layers:
            raise PlaygroundError(f"{loaded.spec.name} ({loaded.spec.architecture}) has no attention to look at.")
        log_probs, ranks = _score(output.logits[0], ids) if loaded.spec.kind == "decoder" else (None, None)
    return Capture(layers, log_probs, ranks)


def _run_captured(loaded: LoadedModel, run: Any, inputs: dict[str, Any]) -> tuple[Any, dict[AttentionKind, Layers]]:
    if is_installed(loaded.model):
        with capture_calls() as calls:
            output = run(**inputs)
        if calls:
            return output, _by_kind(loaded, calls)
    with _eager(loaded.model):
        output = run(**inputs, output_attentions=True)
    return output, _from_outputs(loaded, output)


def _by_kind(loaded: LoadedModel, calls: list[AttentionCall]) -> dict[AttentionKind, Layers]:
    """Sort the calls of one forward pass by what attends to what; their order is that of the layers."""
    if loaded.spec.kind != "encoder-decoder":
        return {"self": CapturedLayers(calls)}
    names = {module: name for name, module in loaded.model.named_modules()}
    found: defaultdict[AttentionKind, list[AttentionCall]] = defaultdict(list)
    for call in calls:
        found[kind_of(call.module, names[call.module])].append(call)
    return {kind: CapturedLayers(found[kind]) for kind in ("encoder", "decoder", "cross") if kind in found}


def kind_of(module: nn.Module, name: str) -> AttentionKind:
    """Return what attends to what in a module of an encoder-decoder, by the module's name in the model."""
    sides = [part for part in name.split(".") if part in ("encoder", "decoder")]
    if sides[:1] != ["decoder"]:  # a decoder may hold something named encoder, but not the other way round
        return "encoder"
    inside = name.split("decoder", 1)[1]
    is_cross = getattr(module, "is_cross_attention", False) or _CROSS.search(inside) is not None
    return "cross" if is_cross else "decoder"


def _from_outputs(loaded: LoadedModel, output: Any) -> dict[AttentionKind, Layers]:
    if loaded.spec.kind == "encoder-decoder":
        names: dict[AttentionKind, str] = {
            "encoder": "encoder_attentions",
            "decoder": "decoder_attentions",
            "cross": "cross_attentions",
        }
        if output.get("encoder_attentions") is None:  # the encoder alone
            names = {"encoder": "attentions"}
    else:
        names = {"self": "attentions"}
    found: dict[AttentionKind, list[torch.Tensor]] = {
        # RWKV and its kin give something else by this name
        kind: [layer for layer in output.get(name) or () if layer is not None and layer.dim() == 4]
        for kind, name in names.items()
    }
    return {kind: OutputLayers(layers) for kind, layers in found.items() if layers}


@contextmanager
def _eager(model: Any) -> Iterator[None]:
    """Let a model that ignores the attention interface compute its attention eagerly, one thread at a time."""
    with _eager_locks_guard:
        lock = _eager_locks.setdefault(model, threading.Lock())
    configs = list({id(config): config for config in (model.config, model.config.get_text_config())}.values())
    with lock:
        before = [config._attn_implementation_internal for config in configs]
        for config in configs:
            config._attn_implementation_internal = "eager"  # the setter would refuse what a family does not declare
        try:
            yield
        finally:
            for config, implementation in zip(configs, before, strict=True):
                config._attn_implementation_internal = implementation


def _score(logits: torch.Tensor, ids: tuple[int, ...]) -> tuple[list[float], list[int]]:
    """Return the log-probability (nats) and the rank of each token but the first, given those before it.

    logits: (token, vocabulary)
    """
    log_probs: list[float] = []
    ranks: list[int] = []
    following = torch.tensor(ids[1:], device=logits.device)
    for start in range(0, len(ids) - 1, _SCORED_ROWS):
        chosen = following[start : start + _SCORED_ROWS, None]  # (row, 1)
        rows = logits[start : start + len(chosen)].float()  # (row, vocabulary)
        log_probs += rows.log_softmax(dim=-1).gather(1, chosen)[:, 0].tolist()
        ranks += ((rows > rows.gather(1, chosen)).sum(dim=-1) + 1).tolist()
    return log_probs, ranks
