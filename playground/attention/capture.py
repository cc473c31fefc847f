"""One forward pass over a text, of which the attention, and the probability of each token, is kept."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float

from playground.attention.budget import DEFAULT_MAX_BYTES, check_budget
from playground.attention.eager import run_eagerly
from playground.attention.interface import AttentionCall, CallRecorder, capture_calls, is_installed
from playground.attention.layers import CapturedLayers, Layers, part_of
from playground.attention.places import is_cross, kind_of, layer_indices
from playground.attention.tiles import TilesAhead
from playground.attention.weights import ALL
from playground.models.loading import LoadedModel
from playground.records import AttentionKind, PlaygroundError

_SCORED_ROWS = 64  # rows of logits in float32 at a time: 13 MB at a vocabulary of 50,000

# Families whose layers look at summaries of the text as well, which stand behind its own keys and are not shown
_SUMMARISING = ("deepseek_v4",)

Sizes = dict[AttentionKind, tuple[int, int]]  # how many queries and keys each kind of attention has


@dataclass(frozen=True, eq=False)
class Capture:
    """The attention of every kind that the model has, and what scores need of the logits."""

    layers: dict[AttentionKind, Layers]
    # Of each token after the first, given those before it (of an encoder-decoder: of the target); else None
    log_probs: list[float] | None
    ranks: list[int] | None
    # Of the same tokens: log-probability (nats), entropy of the distribution (bits), probability of an end
    reading: tuple[list[float], list[float], list[float]] | None = None


def capture_attention(
    loaded: LoadedModel,
    ids: tuple[int, ...],
    target_ids: tuple[int, ...] | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
    type_ids: tuple[int, ...] = (),
    chosen: tuple[int, ...] | None = None,
    *,
    tiles: TilesAhead | None = None,
    ends: Sequence[int] | None = None,
) -> Capture:
    """Run the model once over `ids` (and `target_ids`, the decoder's input) and keep its attention.

    type_ids: the sentence of each token, for models that are told. chosen: the only layers to keep, counted over those
    with attention. tiles: works out the overview of what is kept meanwhile. ends: the tokens that end a text, where a
    reading is wanted, too. An encoder-decoder without a target runs its encoder only. Raises PlaygroundError where
    there is no attention, where the capture would take more than `max_bytes`, where the model cannot read the text
    (some need a sound with it), and where what it computes is not a number.
    """
    check_budget(loaded, len(ids), len(target_ids or ()), max_bytes, None if chosen is None else len(chosen))
    who = f"{loaded.spec.name} ({loaded.spec.architecture})"
    with torch.inference_mode():
        try:
            run, inputs = _prepare(loaded, ids, target_ids, type_ids)
            sizes = _sizes(loaded, len(ids), None if target_ids is None else len(target_ids))
            output, layers = _run_captured(loaded, run, inputs, sizes, chosen, tiles)
        except (RuntimeError, ValueError, TypeError, LookupError) as error:  # each family fails in its own way
            said = " ".join(str(error).split())[:200]
            raise PlaygroundError(f"{who} cannot read a text of {len(ids)} tokens as it is: {said}") from error
        if not layers:
            which = "" if chosen is None else f" in layer {chosen[0]} of those with attention"
            raise PlaygroundError(f"{who} has no attention to look at{which}.")
        if chosen is not None and (found := max(kept.n_layers for kept in layers.values())) < len(chosen):
            raise PlaygroundError(f"{who} has attention in fewer layers than {chosen[found]}: choose a lower one.")
        _check_numbers(loaded, layers.values(), output)
        predicted = {"decoder": ids, "encoder-decoder": target_ids}.get(loaded.spec.kind)
        is_causal = predicted is not None and not ("self" in layers and _looks_ahead(layers["self"]))
        if not predicted or not is_causal:
            return Capture(layers, None, None)
        return Capture(layers, *_score(output.logits[0], predicted, ends))


def _run_captured(
    loaded: LoadedModel,
    run: Any,
    inputs: dict[str, Any],
    sizes: Sizes,
    chosen: tuple[int, ...] | None,
    tiles: TilesAhead | None,
) -> tuple[Any, dict[AttentionKind, Layers]]:
    output: Any = None
    layers: dict[AttentionKind, Layers] = {}
    if is_installed(loaded.model):
        with capture_calls(chosen, tiles.begin if tiles else None) as recorder:
            output = run(**inputs)
        layers = _by_kind(loaded, recorder.calls, sizes, tiles) if chosen is None else _chosen(loaded, recorder, sizes)
    # Some have attention of their own making in their encoder, and the common one in their decoder
    missing: Sizes = {kind: size for kind, size in sizes.items() if kind not in layers}
    if missing:
        output, found = run_eagerly(loaded.model, run, inputs, missing)
        found |= layers
        layers = {kind: found[kind] for kind in sizes if kind in found}
        if chosen is not None:
            layers = {kind: part_of(found, chosen) for kind, found in layers.items()}
    return output, layers


def _prepare(
    loaded: LoadedModel, ids: tuple[int, ...], target_ids: tuple[int, ...] | None, type_ids: tuple[int, ...]
) -> tuple[Any, dict[str, Any]]:
    """Return what to call, and with what."""
    model = loaded.model
    inputs: dict[str, Any] = {"input_ids": torch.tensor([ids], device=model.device)}  # (1, token)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if type_ids:
        inputs["token_type_ids"] = torch.tensor([type_ids], device=model.device)
    if loaded.spec.kind == "encoder-decoder" and target_ids is None:
        return model.get_encoder(), inputs
    if target_ids is not None:
        inputs["decoder_input_ids"] = torch.tensor([target_ids], device=model.device)
    if loaded.spec.kind != "encoder":
        inputs["use_cache"] = False
    return model, inputs


def _sizes(loaded: LoadedModel, n_tokens: int, n_target: int | None) -> Sizes:
    if loaded.spec.kind != "encoder-decoder":
        return {"self": (n_tokens, n_tokens)}
    if n_target is None:
        return {"encoder": (n_tokens, n_tokens)}
    return {"encoder": (n_tokens, n_tokens), "decoder": (n_target, n_target), "cross": (n_target, n_tokens)}


def _by_kind(
    loaded: LoadedModel, calls: list[AttentionCall], sizes: Sizes, tiles: TilesAhead | None
) -> dict[AttentionKind, Layers]:
    """Sort the calls of one forward pass by what attends to what; their order is that of the layers."""
    found: defaultdict[AttentionKind, list[AttentionCall]] = defaultdict(list)
    names = {module: name for name, module in loaded.model.named_modules()}
    for call in calls:
        name = names[call.module]
        if "encoder" in sizes:
            found[kind_of(call.module, name)].append(call)
        else:
            found["cross" if is_cross(call.module, name) else "self"].append(call)  # BLT looks at its patches, too
    layers: dict[AttentionKind, Layers] = {}
    for kind, (n_queries, n_keys) in sizes.items():
        may_have_more = loaded.model.config.model_type in _SUMMARISING
        fitting = [
            call
            for call in found[kind]
            if call.query.shape[2] == n_queries
            and (call.key.shape[2] == n_keys or (may_have_more and call.key.shape[2] > n_keys))
        ]
        if fitting:
            layers[kind] = _captured(loaded, fitting, slice(n_keys) if may_have_more else ALL, tiles)
    if "cross" in sizes and not found["cross"]:  # one softmax over what was written and what was read (T5Gemma 2)
        n_target, n_tokens = sizes["cross"]
        merged = [call for call in found["decoder"] if call.key.shape[2] == n_target + n_tokens]
        if merged:
            layers["decoder"] = _captured(loaded, merged, slice(n_target))
            layers["cross"] = _captured(loaded, merged, slice(n_target, None))
    return layers


def _chosen(loaded: LoadedModel, recorder: CallRecorder, sizes: Sizes) -> dict[AttentionKind, Layers]:
    """Return the layers that were kept, of a model whose attention is of one kind."""
    ((kind, (n_queries, n_keys)),) = sizes.items()
    numbers = layer_indices(loaded.model, recorder.modules)
    kept = [
        (call, numbers[place])
        for call, place in zip(recorder.calls, recorder.places, strict=True)
        if call.query.shape[2] == n_queries and call.key.shape[2] == n_keys
    ]
    return {kind: CapturedLayers([call for call, _ in kept], [number for _, number in kept])} if kept else {}


def _captured(
    loaded: LoadedModel, calls: list[AttentionCall], keys: slice = ALL, tiles: TilesAhead | None = None
) -> CapturedLayers:
    return CapturedLayers(calls, layer_indices(loaded.model, [call.module for call in calls]), keys, tiles)


def _check_numbers(loaded: LoadedModel, layers: Iterable[Layers], output: Any) -> None:
    """Raise PlaygroundError where NaN came about, in the attention or after it.

    Torch's fused attention makes 0 of a row of NaN, so that the output alone does not tell.
    """
    result = output.get("logits")
    result = output.last_hidden_state if result is None else result
    # Once in a hidden state, NaN is in every number that is made of it: the first of a row is enough
    if bool(result[..., 0].isnan().any()) or not all(of_kind.are_numbers() for of_kind in layers):
        raise PlaygroundError(
            f"The attention of {loaded.spec.name} is not a number: its weights are damaged, or {loaded.spec.dtype} "
            "is too narrow for it. Load the weights again, or try --dtype float32."
        )


def _looks_ahead(layers: Layers) -> bool:
    """Whether the first token looks at later ones, as in XLNet and CPM-Ant: then the logits have seen what follows."""
    return bool(layers.weights(0, queries=slice(0, 1))[..., 1:].any())


def _score(
    logits: Float[torch.Tensor, "token vocabulary"], ids: tuple[int, ...], ends: Sequence[int] | None
) -> tuple[list[float], list[int], tuple[list[float], list[float], list[float]] | None]:
    """Return of each token but the first, given those before it: log-probability (nats), rank, what a reading says."""
    log_probs: list[float] = []
    ranks: list[int] = []
    entropies: list[float] = []
    end_probs: list[float] = []
    following = torch.tensor(ids[1:], device=logits.device)
    known_ends = [id for id in ends or () if id < logits.shape[-1]]
    for start in range(0, len(ids) - 1, _SCORED_ROWS):
        chosen = following[start : start + _SCORED_ROWS, None]  # (row, 1)
        rows = logits[start : start + len(chosen)].float()  # (row, vocabulary)
        all_log_probs = rows.log_softmax(dim=-1)
        log_probs += all_log_probs.gather(1, chosen)[:, 0].tolist()
        # As floats: torch counts booleans ten times as slowly
        is_likelier = torch.gt(rows, rows.gather(1, chosen), out=torch.empty_like(rows))
        ranks += (is_likelier.sum(dim=-1) + 1).int().tolist()
        if ends is None:
            continue
        probs = all_log_probs.exp()
        end_probs += probs[:, known_ends].sum(dim=-1).tolist()
        # Of probability 0 times minus infinity nothing is left
        nats = -probs.mul_(all_log_probs.clamp_min_(torch.finfo(torch.float32).min)).sum(dim=-1)
        entropies += (nats / math.log(2)).tolist()
    return log_probs, ranks, None if ends is None else (log_probs, entropies, end_probs)
