"""Parts of a model taken away: small weights, heads that do little, layers."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from playground.analysis.changes import heads_of, pass_through
from playground.analysis.compression_copy import ModelCopy, as_matrix, matrices_of
from playground.analysis.head_importance import head_importance
from playground.analysis.token_loss import written_tokens
from playground.models.anatomy import Anatomy, anatomy_of
from playground.models.hooks import hooked
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.records import (
    MOST_PERCENT,
    ChangedKind,
    Compression,
    CompressionProgress,
    PlaygroundError,
    PrunedHead,
    ReadText,
)

_RANKED_TOKENS = 6  # of the text, over which the importance of a head is averaged
_LAYER_NUMBERS = ("layer_idx", "layer_id", "layer_number")  # where modules keep their place in the KV cache
_LAYER_COUNTS = (("decoder_layers", "num_decoder_layers"), ("num_hidden_layers", "n_layer", "num_layers", "n_layers"))


def prune_weights(loaded: LoadedModel, percent: float) -> LoadedModel:
    """Return a copy whose smallest weights are zero: that share of every matrix (Han et al. 2015, arXiv 1506.02626)."""
    if not 0 <= percent <= MOST_PERCENT:
        raise PlaygroundError(
            f"Pruning takes from 0 to {MOST_PERCENT} % of the weights, not {percent:g} %: with all of them gone the "
            "model would compute nothing from its text."
        )
    made = ModelCopy(loaded)
    matrices = matrices_of(made.model)
    if not matrices:
        raise PlaygroundError(f"{loaded.spec.architecture} has no matrices whose weights could be pruned one by one.")
    for matrix in matrices:
        weight = matrix.weight.clone(memory_format=torch.contiguous_format)
        n_pruned = round(weight.numel() * percent / 100)
        flat = weight.view(-1)
        flat[flat.abs().topk(n_pruned, largest=False, sorted=False).indices] = 0
        matrix.set_weight(weight)
    return made.as_loaded()


def rank_heads(
    loaded: LoadedModel, read: ReadText, cancel: threading.Event
) -> Iterator[CompressionProgress | tuple[PrunedHead, ...]]:
    """Yield how far it is, and last all heads, the least useful first.

    A head is as useful as the log-probabilities of a few tokens, spread over the text, change with it off, on average
    (Michel et al. 2019, arXiv 1905.10650).
    """
    n_written = len(written_tokens(loaded, read))
    if n_written < 2:
        raise PlaygroundError("The text has one token only, which no head chose: take a longer one to rank heads by.")
    places = sorted({int(place) for place in np.linspace(1, n_written - 1, min(_RANKED_TOKENS, n_written - 1))})
    kinds: list[ChangedKind] = ["self", "cross"] if loaded.spec.kind == "encoder-decoder" else ["self"]
    sums: dict[PrunedHead, float] = {}
    pairs: list[tuple[ChangedKind, int]] = [(kind, place) for kind in kinds for place in places]
    for at, (kind, place) in enumerate(pairs):
        changes: Float32[np.ndarray, "layer head"] | None = None
        for found in head_importance(loaded, read, place, "zero", kind, cancel):
            changes = found.changes
        yield CompressionProgress("ranking heads", at + 1, len(pairs))
        if changes is None or cancel.is_set():
            return
        for layer, head in np.argwhere(~np.isnan(changes)):
            key: PrunedHead = (kind, int(layer), int(head))
            sums[key] = sums.get(key, 0.0) + abs(float(changes[layer, head]))
    yield tuple(sorted(sums, key=lambda head: sums[head]))


def prune_heads(loaded: LoadedModel, heads: tuple[PrunedHead, ...]) -> LoadedModel:
    """Return a copy in which heads pass on nothing: the columns of the projection that would read them are zero."""
    made, anatomy = ModelCopy(loaded), anatomy_of(loaded)
    places: dict[tuple[ChangedKind, int], None] = {(kind, layer): None for kind, layer, _ in heads}
    for kind, layer in places:
        check_layer(anatomy, layer)
        found = heads_of(loaded, anatomy.blocks[layer], kind)
        module = made.twin(found.projection)
        matrix = as_matrix(module, "", module)
        if matrix is None:
            raise PlaygroundError(
                f"The heads of {loaded.spec.architecture} are mixed in a way that is not pruned here."
            )
        weight = matrix.weight.clone(memory_format=torch.contiguous_format)  # (d_model, heads x width)
        columns = weight.view(len(weight), found.n_heads, -1)
        columns[:, [head for of, at, head in heads if (of, at) == (kind, layer)]] = 0
        matrix.set_weight(weight)
    return made.as_loaded()


def share_layers(loaded: LoadedModel, shared: tuple[tuple[int, int], ...]) -> LoadedModel:
    """Return a copy in which layers use other layers' weights (as all do in ALBERT, Lan et al. 2019, arXiv 1909.11942).

    shared: (layer, the one whose weights it uses instead of its own)
    """
    made, anatomy = ModelCopy(loaded), anatomy_of(loaded)
    if not shared:
        raise PlaygroundError("Say which layers use another's weights: 3=2 lets layer 3 use those of layer 2.")
    for layer, giver in shared:
        for number in (layer, giver):
            check_layer(anatomy, number)
        receiver: nn.Module = made.twin(anatomy.blocks[layer].module)
        given = dict(anatomy.blocks[giver].module.named_parameters(remove_duplicate=False))
        own = dict(receiver.named_parameters(remove_duplicate=False))
        if {name: one.shape for name, one in given.items()} != {name: one.shape for name, one in own.items()}:
            raise PlaygroundError(f"Layers {layer} and {giver} have different weights, so they cannot share them.")
        for name, parameter in given.items():
            owner, _, last = name.rpartition(".")
            receiver.get_submodule(owner)._parameters[last] = parameter
    return made.as_loaded()


def drop_layers(loaded: LoadedModel, layers: tuple[int, ...]) -> LoadedModel:
    """Return a copy without some layers: the residual stream goes past them (Fan et al. 2019, arXiv 1909.11556).

    Raises PlaygroundError where none would stay, or where the others need what a dropped one leaves behind.
    """
    made, anatomy = ModelCopy(loaded), anatomy_of(loaded)
    for layer in layers:
        check_layer(anatomy, layer)
    kept = [layer for layer in range(len(anatomy.blocks)) if layer not in layers]
    if not layers:
        raise PlaygroundError("Say which layers are dropped, as 2, 4-6.")
    if not kept:
        raise PlaygroundError("All layers would be dropped: at least one must stay.")
    twins = [made.twin(block.module) for block in anatomy.blocks]
    for parent in list(made.model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.ModuleList) and len(child) == len(twins) and child[0] is twins[0]:
                parent._modules[name] = nn.ModuleList([twins[layer] for layer in kept])
    for place, layer in enumerate(kept):
        _renumber(twins[layer], layer, place)
    _shorten_configs(made.model, kept, len(twins))
    dropped = made.as_loaded()
    _check_dropped(loaded, anatomy, dropped, layers)
    return dropped


def resolve(compression: Compression, ranked: tuple[PrunedHead, ...]) -> tuple[PrunedHead, ...]:
    """Return the heads that are pruned. Raises PlaygroundError for a number that there are not."""
    if not 1 <= compression.n_heads <= len(ranked):
        raise PlaygroundError(f"There are {len(ranked)} heads: prune 1 to {len(ranked)} of them.")
    return ranked[: compression.n_heads]


def check_layer(anatomy: Anatomy, layer: int) -> None:
    """Raise PlaygroundError, with the range, for a layer that there is not."""
    if not 0 <= layer < len(anatomy.blocks):
        raise PlaygroundError(f"There is no layer {layer}: they are numbered from 0 to {len(anatomy.blocks) - 1}.")


def _renumber(block: nn.Module, layer: int, place: int) -> None:
    """Let a layer keep its keys and values at its new place in the cache."""
    for module in block.modules():
        for name in _LAYER_NUMBERS:
            if vars(module).get(name) == layer:
                module.__dict__[name] = place


def _shorten_configs(model: Any, kept: list[int], n_layers: int) -> None:
    """Let the copy's configurations name the layers that stay; of an encoder-decoder those of its decoder."""
    configs = {id(module.config): module.config for module in model.modules() if "config" in vars(module)}
    for config in list(configs.values()):
        text = config.get_text_config(decoder=True)
        for one in {id(config): config, id(text): text}.values():
            names = next((group for group in _LAYER_COUNTS if any(name in vars(one) for name in group)), ())
            for name in names:
                if vars(one).get(name) == n_layers:
                    setattr(one, name, len(kept))
            for name, value in list(vars(one).items()):
                if isinstance(value, list | tuple) and len(value) == n_layers and n_layers > 1:
                    setattr(one, name, [value[layer] for layer in kept])


@torch.inference_mode()
def _check_dropped(loaded: LoadedModel, anatomy: Anatomy, dropped: LoadedModel, layers: tuple[int, ...]) -> None:
    """Raise PlaygroundError where the copy computes something else than the model with those layers passed by."""
    n_rows = loaded.model.get_input_embeddings().num_embeddings
    ids = [(3 + 5 * at) % n_rows for at in range(7)]
    inputs = model_inputs(loaded, ids, ids[:5] if loaded.spec.kind == "encoder-decoder" else ())
    reason = f"The other layers of {loaded.spec.architecture} need what layer {layers[0]} leaves for them"
    try:
        found = dropped.model(**inputs).logits.float()
    except (RuntimeError, IndexError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise PlaygroundError(f"{reason}, so it is not dropped here.") from error
    with hooked(loaded.model) as hooks:
        for layer in layers:
            pass_through(hooks, anatomy.blocks[layer].module)
        expected = hooks.model(**inputs).logits.float()
    size = float(expected.nan_to_num().abs().max())
    if not torch.allclose(found, expected, rtol=0, atol=2e-2 * max(size, 1e-6), equal_nan=True):
        raise PlaygroundError(f"{reason}: dropped, they compute something else.")
