"""What a decoder predicts when tokens are hidden in all layers, or when every token sees what comes after it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from playground.attention.interface import AttentionCall, additive, capture_calls, causal_mask, is_installed
from playground.models.loading import LoadedModel
from playground.records import Candidate, MaskedPrediction, PlaygroundError, Token

# Nats by which a pass with the ordinary mask, given as a matrix, may differ from one without: other kernels round
# otherwise
TOLERANCE_NATS = {torch.float32: 1e-3}
COARSE_TOLERANCE_NATS = 0.25  # bfloat16 and float16

_SCORED_ROWS = 128  # rows of logits in float32 at a time


@dataclass(frozen=True, eq=False)
class _Pass:
    losses: torch.Tensor  # nats, of each token but the first  # (token - 1,)
    log_probs: torch.Tensor  # of the next token  # (vocabulary,)
    calls: list[AttentionCall]


def predict_masked(
    loaded: LoadedModel,
    tokens: tuple[Token, ...],
    hidden: tuple[int, ...] = (),
    *,
    mask_off: bool = False,
    n_candidates: int = 10,
) -> MaskedPrediction:
    """Run a decoder with another mask in all layers, and without, and return what both predict.

    A hidden token is seen by no token but itself. `mask_off` lets every token see every other one, so that each
    token's loss shows how the model does when the answer is before its eyes. The mask is given to the model as
    numbers to add  # (1, 1, query, key). Raises PlaygroundError where the model does not take such a mask in every
    layer, which is looked up in what its layers were called with, or where it changes what an ordinary mask gives.
    """
    spec = loaded.spec
    if spec.kind != "decoder":
        raise PlaygroundError(f"{spec.name} is not a decoder: it predicts no next token from those before it.")
    ids = tuple(token.id for token in tokens)
    if not is_installed(loaded.model):
        raise _unsupported(loaded)
    plain = _run(loaded, ids, None)
    shown = [_visible(loaded, call, len(ids)) for call in plain.calls]
    _check_same(loaded, plain, _run(loaded, ids, _mask_input(loaded, plain.calls, shown)))
    wanted = [_changed(visible, hidden, mask_off=mask_off) for visible in shown]
    changed = _run(loaded, ids, _mask_input(loaded, plain.calls, wanted))
    for call, visible in zip(changed.calls, wanted, strict=True):
        if not torch.equal(_visible(loaded, call, len(ids)), visible):
            raise _unsupported(loaded)
    return MaskedPrediction(
        tokens=tokens,
        hidden=hidden,
        mask_off=mask_off,
        original_candidates=_best(loaded, plain, n_candidates),
        candidates=_best(loaded, changed, n_candidates),
        original_loss_nats=_loss_of_each(plain),
        loss_nats=_loss_of_each(changed),
    )


def _run(loaded: LoadedModel, ids: tuple[int, ...], mask: Any) -> _Pass:
    input_ids = torch.tensor([ids], device=loaded.model.device)  # (1, token)
    mask = torch.ones_like(input_ids) if mask is None else mask
    with torch.inference_mode(), capture_calls() as recorder:
        try:
            logits = loaded.model(input_ids=input_ids, attention_mask=mask, use_cache=False).logits[0]
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            raise _unsupported(loaded) from error
        losses = [
            torch.nn.functional.cross_entropy(
                logits[start : start + _SCORED_ROWS][: len(ids) - 1 - start].float(),
                input_ids[0, start + 1 : start + 1 + _SCORED_ROWS],
                reduction="none",
            )
            for start in range(0, len(ids) - 1, _SCORED_ROWS)
        ]
        last = logits[-1].float().log_softmax(dim=-1).cpu()
    return _Pass(torch.cat(losses).cpu() if losses else torch.empty(0), last, recorder.calls)


def _visible(loaded: LoadedModel, call: AttentionCall, n_tokens: int) -> torch.Tensor:
    """Return where a layer lets a query look, by the mask that its attention was called with  # bool (query, key)."""
    if call.mask is None:
        shape = (n_tokens, n_tokens)
        return causal_mask(*shape, call.query.device) if call.is_causal else call.query.new_ones(shape).bool()
    if call.mask.shape[1] != 1 or call.mask.shape[2] != n_tokens:
        raise _unsupported(loaded)
    mask = call.mask[0, 0, :, :n_tokens]
    if mask.dtype == torch.bool:
        return mask
    visible = mask > torch.finfo(mask.dtype).min / 2
    if (mask[visible] != 0).any():  # position biases hidden in the mask would be lost
        raise _unsupported(loaded)
    return visible


def _changed(visible: torch.Tensor, hidden: tuple[int, ...], *, mask_off: bool) -> torch.Tensor:
    """Return where a query may look with some tokens hidden from all others  # bool (query, key)."""
    changed = torch.ones_like(visible) if mask_off else visible.clone()
    changed[:, list(hidden)] = False
    # A row without a key would become an even spread over all keys, those that come later among them
    changed[list(hidden), list(hidden)] = True
    return changed


def _mask_input(loaded: LoadedModel, calls: list[AttentionCall], visible: list[torch.Tensor]) -> Any:
    """Return what to give the model as attention_mask: one matrix, or one for each type of layer."""
    dtype = loaded.model.dtype
    if all(torch.equal(visible[0], other) for other in visible):
        return additive(visible[0], dtype)[None, None]
    types = getattr(loaded.model.config.get_text_config(), "layer_types", None)
    if types is None or not all(hasattr(call.module, "layer_idx") for call in calls):
        raise _unsupported(loaded)
    modules: list[Any] = [call.module for call in calls]  # torch's types do not know layer_idx, a plain number
    return {
        types[module.layer_idx]: additive(shown, dtype)[None, None]
        for module, shown in zip(modules, visible, strict=True)
    }


def _check_same(loaded: LoadedModel, plain: _Pass, again: _Pass) -> None:
    tolerance = TOLERANCE_NATS.get(loaded.model.dtype, COARSE_TOLERANCE_NATS)
    for found, expected in ((again.losses, plain.losses), (again.log_probs, plain.log_probs)):
        if not torch.allclose(found, expected, rtol=0, atol=tolerance, equal_nan=True):
            raise _unsupported(loaded)


def _best(loaded: LoadedModel, run: _Pass, n_candidates: int) -> tuple[Candidate, ...]:
    log_probs, ids = run.log_probs.topk(min(n_candidates, len(run.log_probs)))
    return tuple(
        Candidate(id, *loaded.codec.candidate_text(id), probability, probability)
        for id, probability in zip(ids.tolist(), log_probs.exp().tolist(), strict=True)
    )


def _loss_of_each(run: _Pass) -> np.ndarray:
    return np.concatenate([[np.nan], run.losses.numpy()]).astype(np.float32)


def _unsupported(loaded: LoadedModel) -> PlaygroundError:
    return PlaygroundError(
        f"{loaded.spec.name} ({loaded.spec.architecture}) does not take a mask of one's own in all its layers, "
        "so its prediction under another mask cannot be computed. The maps of single heads can."
    )
