"""Where the parts of a decoder are: its layers, the outputs of their heads, what they add, and the way to the logits.

They are found by watching one short text go through the model, whatever its family calls them, and what is found is
held against what the model computes: an instrument that would not show the model's own numbers is not offered.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import nn
from transformers.modeling_outputs import BaseModelOutput

from playground.models.hooks import as_returned, hooked
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.models.watch import ModuleCall, Watch, watch
from playground.records import PlaygroundError

_N_PROBE, _N_PROBE_TARGET = 7, 5  # tokens; two numbers, so that it shows which text is looked at

HeadsKind = Literal["self", "cross"]


@dataclass(frozen=True, eq=False)
class Heads:
    """The heads of one attention: `projection` mixes them, its input holds their outputs one behind the other."""

    attention: nn.Module
    projection: nn.Module
    n_heads: int


@dataclass(frozen=True, eq=False)
class Block:
    """One layer of the decoder: it reads the residual stream and returns it with what it adds.

    adds: the modules whose outputs are what attention and MLP add, their sum with the input being the output; None
    where that is not so: post-norm models, and those that scale what is added.
    """

    module: nn.Module
    heads: dict[HeadsKind, Heads]
    adds: tuple[nn.Module, nn.Module] | None
    returned: Any  # what it returned, for its form


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The decoder of a model, layer by layer."""

    blocks: tuple[Block, ...]

    @property
    def n_heads(self) -> int:
        """The most heads that a layer has; 0 where none was found."""
        return max((block.heads["self"].n_heads for block in self.blocks if "self" in block.heads), default=0)


_found: "WeakKeyDictionary[nn.Module, Anatomy | str]" = WeakKeyDictionary()
_lock = threading.Lock()


def anatomy_of(loaded: LoadedModel) -> Anatomy:
    """Return where the parts of a model are; it is looked up once.

    Raises PlaygroundError, with the reason, where the model writes nothing, or its layers are not a chain that ends
    in its own logits.
    """
    with _lock:
        found = _found.get(loaded.model)
        if found is None:
            try:
                found = _look_up(loaded)
            except PlaygroundError as error:
                found = str(error)
            except Exception as error:  # each family fails in its own way
                found = _say(loaded, f"its layers cannot be followed ({' '.join(str(error).split())[:120]})")
            _found[loaded.model] = found
    if isinstance(found, str):
        raise PlaygroundError(found)
    return found


@torch.inference_mode()
def unembed(
    loaded: LoadedModel, anatomy: Anatomy, rows: Float[torch.Tensor, "row d_model"]
) -> Float[torch.Tensor, "row vocabulary"]:
    """Return the logits that the model would give, were `rows` what its last layer returns.

    All that stands behind the layers is the model's own code: final norm, unembedding, what scales or squeezes the
    logits.
    """
    device = loaded.model.device
    states = rows[:, None]  # (row, 1, d_model)
    one = torch.zeros(len(rows), 1, dtype=torch.long, device=device)  # a text of one token each
    inputs: dict[str, Any] = {"input_ids": one, "use_cache": False}
    if loaded.spec.kind == "encoder-decoder":
        nothing = torch.zeros(len(rows), 1, rows.shape[-1], dtype=loaded.model.dtype, device=device)
        read = BaseModelOutput(last_hidden_state=nothing)
        inputs = {"encoder_outputs": read, "decoder_input_ids": one, "use_cache": False}
    with hooked(loaded.model) as hooks:
        for block in anatomy.blocks:
            hooks.replace(block.module, lambda *_, block=block, **__: as_returned(block.returned, states))
        return hooks.model(**inputs).logits[:, 0]


def _look_up(loaded: LoadedModel) -> Anatomy:
    model, spec = loaded.model, loaded.spec
    if spec.kind == "encoder":
        raise PlaygroundError(_say(loaded, "it is an encoder, which predicts no token from those before it"))
    n_rows = model.get_input_embeddings().num_embeddings
    ids = [(3 + 5 * at) % n_rows for at in range(_N_PROBE)]
    target = ids[:_N_PROBE_TARGET] if spec.kind == "encoder-decoder" else []
    root = model.get_decoder() if spec.kind == "encoder-decoder" else model
    inputs = model_inputs(loaded, ids, target)
    seen = watch(model, root, lambda copy: copy(**inputs))
    calls = _stack(loaded, root, seen)
    has_source = spec.kind == "encoder-decoder"
    blocks = tuple(
        Block(call.module, _heads_in(seen, call, has_source), _adds_in(seen, call), call.returned) for call in calls
    )
    anatomy = Anatomy(blocks)
    assert seen.logits is not None
    found = unembed(loaded, anatomy, calls[-1].output[0])
    if not _close(found, seen.logits[0]):
        raise PlaygroundError(_say(loaded, "what follows its last layer does not give its own prediction again"))
    return anatomy


def _stack(loaded: LoadedModel, root: nn.Module, seen: Watch) -> list[ModuleCall]:
    """Return the calls of the layers: the outermost list of modules that pass a hidden state from one to the next."""
    for module in root.modules():
        if not isinstance(module, nn.ModuleList) or len(module) != loaded.spec.n_layers:
            continue
        calls = [seen.of(layer) for layer in module]
        if all(len(of_layer) == 1 for of_layer in calls) and _is_chain([of_layer[0] for of_layer in calls]):
            return [of_layer[0] for of_layer in calls]
    raise PlaygroundError(_say(loaded, "its layers do not hand one residual stream from each to the next"))


def _is_chain(calls: Sequence[ModuleCall]) -> bool:
    states = [state for call in calls for state in (call.given, call.output)]
    if not all(isinstance(state, torch.Tensor) and state.dim() == 3 for state in states):
        return False
    return all(
        before.output.shape == after.given.shape and torch.allclose(before.output, after.given, equal_nan=True)
        for before, after in pairwise(calls)
    )


def _heads_in(seen: Watch, layer: ModuleCall, has_source: bool) -> dict[HeadsKind, Heads]:
    """Return the attention of a layer: behind each, the first projection that takes the outputs of its heads."""
    found: dict[HeadsKind, Heads] = {}
    inside = sorted(seen.within(layer), key=lambda call: call.began)
    for event in seen.events:
        if not layer.began < event.at < layer.ended:
            continue
        kind: HeadsKind = "cross" if has_source and event.n_keys == _N_PROBE else "self"
        following = (call for call in inside if call.began > event.at and _is_projection(call, layer, event.n_heads))
        if (call := next(following, None)) is not None:
            found[kind] = Heads(event.module, call.module, event.n_heads)
    return found


def _is_projection(call: ModuleCall, layer: ModuleCall, n_heads: int) -> bool:
    weight: Any = getattr(call.module, "weight", None)
    tensors = (weight, call.given, call.output)
    if not all(isinstance(tensor, torch.Tensor) for tensor in tensors) or any(True for _ in call.module.children()):
        return False
    return weight.dim() == 2 and call.given.shape[-1] % n_heads == 0 and call.output.numel() == layer.output.numel()


def _adds_in(seen: Watch, layer: ModuleCall) -> tuple[nn.Module, nn.Module] | None:
    """Return the two modules whose outputs, added to the input of a layer, give its output."""
    size = layer.output.numel()
    parts = [
        call for call in seen.within(layer) if isinstance(call.output, torch.Tensor) and call.output.numel() == size
    ]
    added = (layer.output - layer.given).float().flatten()
    for at, first in enumerate(parts):
        rest = added - first.output.float().flatten()
        for second in parts[at + 1 :]:
            if second.began > first.ended and _close(second.output.float().flatten(), rest):
                return first.module, second.module
    return None


def _close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two are the same but for rounding: in bfloat16 a sum is exact to one part in 256."""
    part = 1e-4 if expected.dtype == torch.float32 else 2e-2
    size = float(expected.float().nan_to_num().abs().max())
    return torch.allclose(found.float(), expected.float(), rtol=0, atol=part * max(size, 1e-6), equal_nan=True)


def _say(loaded: LoadedModel, reason: str) -> str:
    return f"{loaded.spec.name} ({loaded.spec.architecture}) is not shown from inside: {reason}."
