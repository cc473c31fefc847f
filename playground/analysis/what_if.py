"""What a model predicts, loses and writes with a part of it switched off."""

import threading
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from playground.analysis.changes import check_change, check_used, mean_outputs, set_changes
from playground.analysis.token_loss import losses_of, not_a_number, written_tokens
from playground.decoding.plan import eos_ids
from playground.models.anatomy import anatomy_of
from playground.models.hooks import hooked
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.records import Candidate, Change, ChangedText, ReadText, Token, WhatIf

N_CANDIDATES = 8
MOST_WRITTEN = 60


@torch.inference_mode()
def what_if(loaded: LoadedModel, read: ReadText, token: int, change: Change) -> WhatIf:
    """Return the prediction of one token, and the losses of all, as they are and under a change.

    token: counted on the side that writes; the first has no prediction, that behind it is shown. Raises PlaygroundError
    for what there is not to switch off.
    """
    written = written_tokens(loaded, read)
    ids = [one.id for one in written]
    row = max(0, token - 1)
    before, after = (_logits(loaded, read, ids, wanted) for wanted in (Change(), change))
    original, changed = before[row].float().log_softmax(-1), after[row].float().log_softmax(-1)
    if bool(original.isnan().any()) or bool(changed.isnan().any()):
        raise not_a_number(loaded)
    best = [log_probs.topk(min(N_CANDIDATES, len(log_probs))).indices.tolist() for log_probs in (original, changed)]
    candidates = tuple(
        Candidate(id, *loaded.codec.candidate_text(id), float(original[id].exp()), float(changed[id].exp()))
        for id in dict.fromkeys([*best[0], *best[1]])
    )
    divergence = (original.exp() * (original - changed)).nan_to_num(0.0).sum()
    losses = []
    for logits in (before, after):
        own, sums = losses_of(logits, ids)
        losses.append(np.concatenate([[np.nan], (sums - own).cpu().numpy()]).astype(np.float32))
    return WhatIf(written, token, change, candidates, max(0.0, float(divergence)), losses[0], losses[1])


@torch.inference_mode()
def write_changed(
    loaded: LoadedModel, read: ReadText, token: int, change: Change, n_tokens: int, cancel: threading.Event
) -> ChangedText:
    """Return what the model writes greedily from the tokens before `token`, as it is and under a change.

    Setting `cancel` ends it within one token. Raises PlaygroundError as what_if does.
    """
    written = written_tokens(loaded, read)
    start = written[: max(1, token)]
    texts = [_write(loaded, read, [one.id for one in start], wanted, n_tokens, cancel) for wanted in (Change(), change)]
    decoded = [_named(loaded, [one.id for one in start], ids) for ids in texts]
    return ChangedText(start, decoded[0], decoded[1], not cancel.is_set())


def _write(
    loaded: LoadedModel, read: ReadText, ids: list[int], change: Change, n_tokens: int, cancel: threading.Event
) -> list[int]:
    """Return the ids that are written; the whole text is read anew for each, so that any change holds in all of it."""
    context, ends = loaded.spec.context_length, eos_ids(loaded)
    new: list[int] = []
    while len(new) < n_tokens and not cancel.is_set() and (context is None or len(ids) + len(new) < context):
        logits = _logits(loaded, read, [*ids, *new], change, checked=len(ids))[-1]
        new.append(int(logits.argmax()))
        if new[-1] in ends:
            break
    return new


def _named(loaded: LoadedModel, before: list[int], ids: list[int]) -> tuple[Token, ...]:
    return loaded.codec.tokens([*before, *ids])[len(before) :] if ids else ()


def _logits(
    loaded: LoadedModel, read: ReadText, ids: list[int], change: Change, *, checked: int | None = None
) -> Float[torch.Tensor, "token vocabulary"]:
    """Return the logits of a text under a change."""
    anatomy = anatomy_of(loaded)
    if loaded.spec.kind == "encoder-decoder":
        inputs = model_inputs(loaded, [token.id for token in read.tokens], ids)
    else:
        inputs = model_inputs(loaded, ids)
    n_tokens = len(ids) if checked is None else checked
    edges = tuple(edge for edge in change.edges if checked is None or max(edge) < n_tokens)
    change = replace(change, edges=edges)
    check_change(loaded, anatomy, change, n_tokens)
    layers = sorted({layer for layer, _ in change.heads}) if change.how == "mean" else []
    means = mean_outputs(loaded, anatomy, layers, change.kind, inputs)
    with hooked(loaded.model) as hooks:
        edits = set_changes(loaded, anatomy, hooks, change, means)
        logits = hooks.model(**inputs).logits[0]
        check_used(loaded, edits)
    return logits
