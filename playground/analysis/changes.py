"""Heads, layers and single looks switched off, in a copy of a model's modules that one run has for itself."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float32
from torch import nn

from playground.attention.edits import AttentionEdit
from playground.attention.interface import edit_calls, is_installed
from playground.models.anatomy import Anatomy, Block, Heads
from playground.models.hooks import Hooks, hooked
from playground.models.loading import LoadedModel
from playground.records import Change, ChangedKind, PlaygroundError

Means = dict[int, Float32[torch.Tensor, "_head _d_value"]]  # of each layer, what each head passes on in the mean


def check_change(loaded: LoadedModel, anatomy: Anatomy, change: Change, n_tokens: int) -> None:
    """Raise PlaygroundError, with the range, for heads, layers and tokens that there are not."""
    n_layers = len(anatomy.blocks)
    for layer in (*change.layers, *(layer for layer, _ in change.heads)):
        if not 0 <= layer < n_layers:
            raise PlaygroundError(f"There is no layer {layer}: they are numbered from 0 to {n_layers - 1}.")
    for layer, head in change.heads:
        n_heads = heads_of(loaded, anatomy.blocks[layer], change.kind).n_heads
        if not 0 <= head < n_heads:
            raise PlaygroundError(f"Layer {layer} has no head {head}: they are numbered from 0 to {n_heads - 1}.")
    for token, other in change.edges:
        if not 0 <= other <= token < n_tokens:
            raise PlaygroundError(
                f"Token {token} does not look at token {other} anyway: write two numbers from 0 to {n_tokens - 1}, the "
                "later one first."
            )
    if (change.edges or (change.heads and change.how == "uniform")) and not is_installed(loaded.model):
        raise PlaygroundError(
            f"{loaded.spec.name} ({loaded.spec.architecture}) computes its attention by a way of its own, which cannot "
            "be changed from outside: heads can be switched off to zero or to their mean, and layers."
        )


def heads_of(loaded: LoadedModel, block: Block, kind: ChangedKind) -> Heads:
    """Return the heads of one kind in a layer. Raises PlaygroundError where there are none."""
    heads = block.heads.get(kind)
    if heads is None:
        raise PlaygroundError(f"A layer of {loaded.spec.name} has no heads of this kind that can be switched off.")
    return heads


def set_changes(
    loaded: LoadedModel, anatomy: Anatomy, hooks: Hooks, change: Change, means: Means
) -> list[AttentionEdit]:
    """Set a change in the copy that `hooks` has; return the edits, each of which must be used.

    means: of the layers whose heads are to pass on their mean
    """
    edits: list[AttentionEdit] = []
    for layer, block in enumerate(anatomy.blocks):
        off = [head for at, head in change.heads if at == layer]
        if layer in change.layers:
            pass_through(hooks, block.module)
        if off and change.how != "uniform":
            heads = heads_of(loaded, block, change.kind)
            set_outputs(hooks, heads, [(None, head) for head in off], means[layer] if change.how == "mean" else None)
        uniform = [(None, head) for head in off] if change.how == "uniform" else []
        for kind, heads in block.heads.items():
            edges = change.edges if kind == "self" else ()
            if edges or (uniform and kind == change.kind):
                edits.append(AttentionEdit(uniform if kind == change.kind else (), edges))
                edit_calls(hooks.twin(heads.attention), edits[-1])
    return edits


def pass_through(hooks: Hooks, module: nn.Module) -> None:
    """Let a layer return what it is given; it runs all the same, for what else it leaves behind."""
    given: list[torch.Tensor] = []
    hooks.before(module, given.append)
    hooks.after(module, lambda _: given.pop())


def set_outputs(
    hooks: Hooks,
    heads: Heads,
    off: Sequence[tuple[int | None, int]],
    means: Float32[torch.Tensor, "head d_value"] | None = None,
) -> None:
    """Let heads pass on nothing, or `means`: (copy of the text or None for all, head)."""

    def change(mixed: torch.Tensor) -> torch.Tensor:
        n_copies = len(mixed) if mixed.dim() == 3 else 1
        outputs = mixed.reshape(n_copies, -1, heads.n_heads, mixed.shape[-1] // heads.n_heads).clone()
        for copy, head in off:
            value = 0.0 if means is None else means[head].to(outputs.dtype)
            outputs[slice(None) if copy is None else copy, ..., head, :] = value
        return outputs.reshape(mixed.shape)

    hooks.before(heads.projection, change)


@torch.inference_mode()
def mean_outputs(
    loaded: LoadedModel, anatomy: Anatomy, layers: Sequence[int], kind: ChangedKind, inputs: dict[str, Any]
) -> Means:
    """Return what each head passes on in the mean over the tokens of a text, in some layers."""
    means: Means = {}
    if not layers:
        return means

    def keep(layer: int, heads: Heads, mixed: torch.Tensor) -> None:
        means[layer] = mixed.reshape(-1, heads.n_heads, mixed.shape[-1] // heads.n_heads).float().mean(0)

    with hooked(loaded.model) as hooks:
        for layer in layers:
            heads = heads_of(loaded, anatomy.blocks[layer], kind)
            hooks.before(heads.projection, lambda mixed, layer=layer, heads=heads: keep(layer, heads, mixed))
        hooks.model(**inputs)
    return means


def check_used(loaded: LoadedModel, edits: Sequence[AttentionEdit]) -> None:
    """Raise PlaygroundError where attention was not computed by what was to be changed."""
    if not all(edit.used for edit in edits):
        raise PlaygroundError(f"The attention of {loaded.spec.architecture} cannot be changed in all its layers.")
