"""What a decoder predicts when tokens are hidden in all layers, or when every token sees what comes after it.

The decoder of an encoder-decoder too, from whose source tokens can be hidden besides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32

from playground.attention.interface import AttentionCall, additive, capture_calls, causal_mask, is_installed
from playground.attention.places import kind_of
from playground.attention.ranges import check_places
from playground.decoding.plan import check_context
from playground.models.loading import LoadedModel
from playground.models.reading import start_tokens
from playground.records import AttentionKind, Candidate, MaskedPrediction, PlaygroundError, ReadText, Token

# Nats by which a pass with the ordinary mask, given as a matrix, may differ from one without: other kernels round
# otherwise
TOLERANCE_NATS = {torch.float32: 1e-3}
COARSE_TOLERANCE_NATS = 0.25  # bfloat16 and float16

_SCORED_ROWS = 128  # rows of logits in float32 at a time


@dataclass(frozen=True, eq=False)
class _Pass:
    losses: Float32[torch.Tensor, " following"]  # nats, of each token but the first
    log_probs: Float32[torch.Tensor, " vocabulary"]  # of the next token
    calls: list[AttentionCall]


def predict_masked(
    loaded: LoadedModel,
    read: ReadText,
    hidden: Sequence[int] = (),
    *,
    mask_off: bool = False,
    kind: AttentionKind | None = None,
    n_candidates: int = 10,
) -> MaskedPrediction:
    """Run a model that predicts the next token with tokens hidden, and without, and return what both predict.

    kind: where its tokens are hidden: of a decoder "self"; of an encoder-decoder in the "decoder" (the default), or
    those of the source, from its encoder and decoder ("encoder") or from its decoder only ("cross"). `mask_off` lets
    every token of a causal text see every other one. Raises PlaygroundError where a text is too long, no token is left
    in sight, there is no causal mask to take off, or the model predicts no next token or does not take such a mask.
    """
    is_pair = loaded.spec.kind == "encoder-decoder"
    kinds: tuple[AttentionKind, ...] = ("decoder", "encoder", "cross") if is_pair else ("self",)
    kind = kind or kinds[0]
    if kind not in kinds:
        raise PlaygroundError(f"kind must be {' or '.join(kinds)} for {loaded.spec.name}, not {str(kind)[:40]!r}.")
    written = (read.target_tokens or start_tokens(loaded)) if is_pair else read.tokens
    check_context(loaded, len(read.tokens))
    check_context(loaded, len(written), what="target")
    hidden_of = written if kind in ("decoder", "self") else read.tokens
    places = check_places("hidden", hidden, len(hidden_of))
    if len(places) == len(hidden_of):
        raise PlaygroundError("At least one token must stay in sight.")
    _check_decodes(loaded)
    if kind in ("decoder", "self"):
        plain, changed = _without_looks(loaded, written, places, mask_off, read.tokens if is_pair else ())
    elif mask_off:
        raise PlaygroundError("The source is read at once: there is no causal mask to take off. Hide tokens of it.")
    else:
        plain, changed = _without_source(loaded, read.tokens, written, places, kind)
    return MaskedPrediction(
        tokens=written,
        hidden=places,
        mask_off=mask_off,
        kind=kind,
        hidden_tokens=tuple(hidden_of[place] for place in places),
        original_candidates=_best(loaded, plain, n_candidates),
        candidates=_best(loaded, changed, n_candidates),
        original_loss_nats=_loss_of_each(plain),
        loss_nats=_loss_of_each(changed),
    )


def _without_looks(
    loaded: LoadedModel, tokens: tuple[Token, ...], hidden: tuple[int, ...], mask_off: bool, source: tuple[Token, ...]
) -> tuple[_Pass, _Pass]:
    """Run a decoder as it is, and with another mask in all layers.

    A hidden token is seen by no token but itself. With the mask off each token's loss shows how the model does when
    the answer is before its eyes. The mask is given to the model as numbers to add  # (1, 1, query, key). Of an
    encoder-decoder with its `source` it is the mask of the decoder's look at its own text. Raises PlaygroundError
    where the model does not take such a mask in every layer, which is looked up in what its layers were called with,
    or where it changes what an ordinary mask gives.
    """
    kind: AttentionKind = "decoder" if source else "self"
    name = "decoder_attention_mask" if source else "attention_mask"
    inputs = _inputs(loaded, tokens, source)
    plain = _run(loaded, tokens, inputs)
    shown = [_visible(loaded, call, len(tokens), len(tokens)) for call in _of_kind(loaded, plain, kind)]
    again = _run(loaded, tokens, inputs | {name: _mask_input(loaded, _of_kind(loaded, plain, kind), shown)})
    _check_same(loaded, plain, again)
    wanted = [_changed(visible, hidden, mask_off=mask_off) for visible in shown]
    changed = _run(loaded, tokens, inputs | {name: _mask_input(loaded, _of_kind(loaded, plain, kind), wanted)})
    for call, visible in zip(_of_kind(loaded, changed, kind), wanted, strict=True):
        if not torch.equal(_visible(loaded, call, *visible.shape), visible):
            raise _unsupported(loaded)
    return plain, changed


def _without_source(
    loaded: LoadedModel,
    source: tuple[Token, ...],
    target: tuple[Token, ...],
    hidden: tuple[int, ...],
    kind: AttentionKind,
) -> tuple[_Pass, _Pass]:
    """Run an encoder-decoder as it is, and with tokens of its source hidden.

    kind "encoder": from its encoder and its decoder, as padding is; "cross": from its decoder only, so that the
    other tokens still know of them. The target begins with the start token. Raises PlaygroundError as _without_looks.
    """
    inputs = _inputs(loaded, target, source)
    plain = _run(loaded, target, inputs)
    mask = torch.ones_like(inputs["attention_mask"])  # (1, key)
    mask[:, list(hidden)] = 0
    inputs = inputs | {"attention_mask": mask}
    if kind == "cross":
        with torch.inference_mode():
            read = loaded.model.get_encoder()(input_ids=inputs["input_ids"], attention_mask=torch.ones_like(mask))
        inputs = {name: given for name, given in inputs.items() if name != "input_ids"} | {"encoder_outputs": read}
    changed = _run(loaded, target, inputs)
    kinds: list[AttentionKind] = ["encoder", "cross"] if kind == "encoder" else ["cross"]
    for of_kind in kinds:
        calls = zip(_of_kind(loaded, plain, of_kind), _of_kind(loaded, changed, of_kind), strict=True)
        for before, after in calls:
            size = len(target) if of_kind == "cross" else len(source), len(source)
            seen, sees = (_visible(loaded, call, *size) for call in (before, after))
            if not torch.equal(sees, seen & mask[0].bool()):
                raise _unsupported(loaded)
    return plain, changed


def _check_decodes(loaded: LoadedModel) -> None:
    if loaded.spec.kind == "encoder":
        raise PlaygroundError(f"{loaded.spec.name} is not a decoder: it predicts no next token from those before it.")
    if not is_installed(loaded.model):
        raise _unsupported(loaded)


def _inputs(loaded: LoadedModel, tokens: tuple[Token, ...], source: tuple[Token, ...]) -> dict[str, Any]:
    read, written = (
        torch.tensor([[token.id for token in side]], device=loaded.model.device) for side in (source or tokens, tokens)
    )
    inputs: dict[str, Any] = {"input_ids": read, "attention_mask": torch.ones_like(read), "use_cache": False}
    return inputs | {"decoder_input_ids": written} if source else inputs


def _of_kind(loaded: LoadedModel, run: _Pass, kind: AttentionKind) -> list[AttentionCall]:
    """Return the calls of one kind, all those of a decoder. Raises PlaygroundError where there are none."""
    if kind == "self":
        return run.calls
    names = {module: name for name, module in loaded.model.named_modules()}
    found = [call for call in run.calls if kind_of(call.module, names[call.module]) == kind]
    if not found:
        raise _unsupported(loaded)
    return found


def _run(loaded: LoadedModel, tokens: tuple[Token, ...], inputs: dict[str, Any]) -> _Pass:
    following = torch.tensor([token.id for token in tokens[1:]], device=loaded.model.device)  # (token - 1,)
    with torch.inference_mode(), capture_calls() as recorder:
        try:
            logits = loaded.model(**inputs).logits[0]  # (token, vocabulary)
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            raise _unsupported(loaded) from error
        losses = [
            torch.nn.functional.cross_entropy(
                logits[start : start + _SCORED_ROWS][: len(following) - start].float(),
                following[start : start + _SCORED_ROWS],
                reduction="none",
            )
            for start in range(0, len(following), _SCORED_ROWS)
        ]
        last = logits[-1].float().log_softmax(dim=-1).cpu()
    return _Pass(torch.cat(losses).cpu() if losses else torch.empty(0), last, recorder.calls)


def _visible(loaded: LoadedModel, call: AttentionCall, n_queries: int, n_keys: int) -> Bool[torch.Tensor, "query key"]:
    """Return where a layer lets a query look, by the mask that its attention was called with."""
    if call.query.shape[2] != n_queries or call.key.shape[2] != n_keys:
        raise _unsupported(loaded)
    if call.mask is None:
        shape = (n_queries, n_keys)
        return causal_mask(*shape, call.query.device) if call.is_causal else call.query.new_ones(shape).bool()
    if call.mask.shape[1] != 1 or call.mask.shape[2] not in (1, n_queries):
        raise _unsupported(loaded)
    mask = call.mask[0, 0, :, :n_keys].expand(n_queries, -1)
    if mask.dtype == torch.bool:
        return mask
    visible = mask > torch.finfo(mask.dtype).min / 2
    if (mask[visible] != 0).any():  # position biases hidden in the mask would be lost
        raise _unsupported(loaded)
    return visible


def _changed(
    visible: Bool[torch.Tensor, "query key"], hidden: tuple[int, ...], *, mask_off: bool
) -> Bool[torch.Tensor, "query key"]:
    """Return where a query may look with some tokens hidden from all others."""
    changed = torch.ones_like(visible) if mask_off else visible.clone()
    changed[:, list(hidden)] = False
    # A row without a key would become an even spread over all keys, those that come later among them
    changed[list(hidden), list(hidden)] = True
    return changed


def _mask_input(loaded: LoadedModel, calls: list[AttentionCall], visible: list[Bool[torch.Tensor, "query key"]]) -> Any:
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


def _loss_of_each(run: _Pass) -> Float32[np.ndarray, " token"]:
    return np.concatenate([[np.nan], run.losses.numpy()]).astype(np.float32)


def _unsupported(loaded: LoadedModel) -> PlaygroundError:
    return PlaygroundError(
        f"{loaded.spec.name} ({loaded.spec.architecture}) does not take a mask of one's own in all its layers, "
        "so its prediction under another mask cannot be computed. The maps of single heads can."
    )
