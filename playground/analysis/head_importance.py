"""Which heads matter here: each switched off alone, many copies of the text at a time."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from playground.analysis.changes import check_used, set_outputs
from playground.analysis.original import Original
from playground.analysis.token_loss import written_tokens
from playground.attention.edits import AttentionEdit
from playground.attention.interface import edit_calls, is_installed
from playground.models.anatomy import Anatomy, anatomy_of
from playground.models.hooks import hooked
from playground.models.loading import LoadedModel
from playground.records import (
    AttentionExplains,
    ChangedKind,
    HeadImportance,
    HeadRows,
    HeadsOff,
    PlaygroundError,
    ReadText,
)


def head_importance(
    loaded: LoadedModel, read: ReadText, token: int, how: HeadsOff, kind: ChangedKind, cancel: threading.Event
) -> Iterator[HeadImportance]:
    """Yield how each head changes the log-probability of a token when it is off, more heads each time, top layer first.

    The heads of a layer run as copies of the text; what the layers below computed is the same for all and is not
    computed again. Setting `cancel` ends it after the copies that run. Raises PlaygroundError for the first token,
    which is not predicted, and where the model's heads cannot be switched off.
    """
    anatomy = anatomy_of(loaded)
    written = written_tokens(loaded, read)
    if not 0 < token < len(written):
        raise PlaygroundError("Nothing stands before the first token, so no head chose it: select a later one.")
    if how == "uniform" and not is_installed(loaded.model):
        raise PlaygroundError(f"The attention of {loaded.spec.architecture} cannot be made uniform: take zero or mean.")
    layers = [layer for layer, block in enumerate(anatomy.blocks) if kind in block.heads]
    n_heads = sum(anatomy.blocks[layer].heads[kind].n_heads for layer in layers)
    if not layers:
        raise PlaygroundError(f"{loaded.spec.name} has no heads of this kind that can be switched off.")
    with torch.inference_mode():  # not around the whole: between two maps the caller runs
        original = Original(loaded, read, token, kind)
    widest = max(anatomy.blocks[layer].heads[kind].n_heads for layer in layers)
    changes = np.full((len(anatomy.blocks), widest), np.nan, np.float32)
    n_done = 0
    for layer in reversed(layers):
        heads = list(range(anatomy.blocks[layer].heads[kind].n_heads))
        for start in range(0, len(heads), original.n_copies):
            if cancel.is_set():
                return
            off = heads[start : start + original.n_copies]
            changes[layer, off] = _changes_of(original, anatomy, layer, off, how, checked=not n_done)
            n_done += len(off)
            yield HeadImportance(written, token, how, kind, original.log_prob, changes.copy(), n_done, n_heads)


@torch.inference_mode()
def _changes_of(
    original: Original, anatomy: Anatomy, layer: int, off: list[int], how: HeadsOff, *, checked: bool
) -> Float32[np.ndarray, " head"]:
    """Return the change for each of some heads of one layer.

    checked: a copy with all heads runs with them, which must give what the model gives.
    """
    loaded, n_copies = original.loaded, len(off) + checked
    block = anatomy.blocks[layer]
    heads = block.heads[original.kind]
    with hooked(loaded.model) as hooks:
        original.start_at(hooks, layer, n_copies)
        original.narrow(hooks)
        edits = []
        if how == "uniform":
            edits.append(AttentionEdit(list(enumerate(off))))
            edit_calls(hooks.twin(heads.attention), edits[0])
        else:
            original.attend(hooks, layer, n_copies)
            set_outputs(hooks, heads, list(enumerate(off)), original.mean_outputs(layer) if how == "mean" else None)
        log_probs = original.log_probs(hooks.model, n_copies)
        check_used(loaded, edits)
    if checked:
        original.check_same(float(log_probs[-1]))
    return (log_probs[: len(off)] - original.log_prob).cpu().numpy()


def compare_with_attention(importance: HeadImportance, rows: HeadRows) -> AttentionExplains:
    """Return how strongly each head looks from where a token is predicted, and whether those heads matter.

    rows: where the heads look from there. The first token, on which heads rest that have nothing to look for (Xiao et
    al. 2023, arXiv 2309.17453), is left out. Attention need not explain: Jain & Wallace 2019, arXiv 1902.10186.
    """
    weights = np.full(importance.changes.shape, np.nan, np.float32)
    n_heads = importance.changes.shape[1]
    for place, layer in enumerate(rows.layers):
        if layer < len(weights):
            looked = rows.weights[place, :n_heads, 1:]
            weights[layer, : len(looked)] = looked.max(axis=-1, initial=0.0)
    known = ~np.isnan(weights) & ~np.isnan(importance.changes)
    sizes = np.abs(importance.changes[known])
    if known.sum() < 3 or np.ptp(sizes) == 0 or np.ptp(weights[known]) == 0:
        return AttentionExplains(importance, weights, float("nan"), float("nan"))
    from scipy.stats import spearmanr  # the page need not wait for it when it starts

    found: Any = spearmanr(weights[known], sizes)
    return AttentionExplains(importance, weights, float(found.statistic), float(found.pvalue))
