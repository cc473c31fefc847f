"""The positional signal of a model, read off its modules."""

import re
import sys
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float32
from torch import nn

from playground.models.loading import LoadedModel
from playground.records import PlaygroundError, PositionalSignal, RotaryAngles

MAX_POSITIONS = 1024  # similarities and biases grow with the square
_SIDES = ("encoder", "decoder")
_HINT = re.compile(r"pos_|posit|rel_|relative|rotary|alibi|r_emb", re.IGNORECASE)


def read_positions(loaded: LoadedModel, n_positions: int = 64, side: str = "encoder") -> PositionalSignal:
    """Return what tells the model the order of tokens, for the first `n_positions` places.

    side: "encoder" or "decoder" of an encoder-decoder; other models have one. Raises PlaygroundError where there are
    fewer positions, and where the model tells places in a way that is not known here.
    """
    context = loaded.spec.context_length
    most = MAX_POSITIONS if context is None else min(MAX_POSITIONS, context)
    if isinstance(n_positions, bool) or not 1 <= n_positions <= most:
        raise PlaygroundError(f"The number of positions must be from 1 to {most}, not {str(n_positions)[:40]}.")
    if side not in _SIDES:
        raise PlaygroundError(f"side must be encoder or decoder, not {str(side)[:40]!r}.")
    base = loaded.model
    if loaded.spec.kind == "encoder-decoder":
        base = base.get_encoder() if side == "encoder" else base.get_decoder()
    with torch.inference_mode():
        for read in (_read_buckets, _read_alibi, _read_rotary, _read_table):
            if (found := read(base, n_positions)) is not None:
                return found
    names = [name for name, _ in (*base.named_modules(), *base.named_parameters()) if _HINT.search(name)]
    if names:
        raise PlaygroundError(f"{loaded.spec.architecture} tells places in a way that is not known here ({names[0]}).")
    return PositionalSignal("none", n_positions)


def _read_buckets(base: nn.Module, n_positions: int) -> PositionalSignal | None:
    for module in base.modules():
        bias_of, bucket_of = (getattr(module, name, None) for name in ("compute_bias", "_relative_position_bucket"))
        if not isinstance(getattr(module, "relative_attention_bias", None), nn.Embedding) or not (
            bias_of and bucket_of
        ):
            continue
        place = torch.arange(n_positions)
        buckets = bucket_of(
            place - place[:, None],  # key - query  # (query, key)
            bidirectional=not module.is_decoder,
            num_buckets=module.relative_attention_num_buckets,
            max_distance=module.relative_attention_max_distance,
        )
        bias = bias_of(n_positions, n_positions)[0]  # (head, query, key)
        return PositionalSignal(
            "relative-buckets", n_positions, buckets=buckets.numpy(), bias=bias.float().cpu().numpy()
        )
    return None


def _read_alibi(base: nn.Module, n_positions: int) -> PositionalSignal | None:
    alibi = _alibi_of(base)
    if alibi is None:
        return None
    steps = alibi.float().reshape(-1, 2)  # (head, position)
    return PositionalSignal("alibi", n_positions, slopes=(steps[:, 1] - steps[:, 0]).cpu().numpy())


def _alibi_of(base: Any) -> torch.Tensor | None:
    """Return the biases of two positions, by the function with which the model makes them, if it has one."""
    config = base.config.get_text_config()
    for module in base.modules():
        if (build := getattr(module, "build_mpt_alibi_tensor", None)) is not None:  # MPT
            return build(config.num_attention_heads, 2)
        build = getattr(module, "build_alibi_tensor", None)  # BLOOM
        if build is None and getattr(config, "alibi", False) is True:  # Falcon may have it or not
            build = getattr(sys.modules[type(module).__module__], "build_alibi_tensor", None)
        if isinstance(build, Callable):
            return build(torch.ones(1, 2, dtype=torch.long), config.num_attention_heads, torch.float32)
    return None


def _read_rotary(base: Any, n_positions: int) -> PositionalSignal | None:
    found: dict[str, Float32[torch.Tensor, " frequency"]] = {}
    for module in base.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name.endswith("inv_freq") and "original" not in name:
                found.setdefault(name.removesuffix("inv_freq").strip("_"), buffer.float().cpu())
        table = getattr(module, "embed_positions", None)
        if isinstance(table, torch.Tensor) and hasattr(module, "rotary_dim"):  # GPT-J: sines, then cosines
            sines, cosines = table[1].float().cpu().chunk(2)
            found.setdefault("", torch.atan2(sines, cosines))  # the angles at position 1; they are at most 1
    if not found:
        return None
    place = torch.arange(n_positions, dtype=torch.float32)
    rotary = tuple(
        RotaryAngles(name, frequencies.numpy(), torch.outer(place, frequencies).numpy())
        for name, frequencies in found.items()
    )
    config = base.config.get_text_config()
    d_head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    # Multi-head latent attention turns a part of its own
    d_head = getattr(config, "qk_head_dim", None) or d_head
    share = 2 * len(rotary[0].inverse_frequencies) / d_head
    return PositionalSignal("rotary", n_positions, rotary=rotary, rotary_share=share)


def _read_table(base: Any, n_positions: int) -> PositionalSignal | None:
    for name, module in base.named_modules():
        is_sinusoidal = "Sinusoidal" in type(module).__name__
        weight = getattr(module, "weight", None)
        if is_sinusoidal and not isinstance(weight, torch.Tensor):
            weight = getattr(module, "weights", None)  # a buffer: M2M100
        is_named = name.rpartition(".")[2] in ("wpe", "embed_positions", "position_embeddings", "position_embedding")
        if not isinstance(weight, torch.Tensor) or not (
            is_sinusoidal or (is_named and isinstance(module, nn.Embedding))
        ):
            continue
        start = _first_row(base, name, module)
        table = weight[start : start + n_positions].float().cpu()  # (position, d_model)
        if len(table) < n_positions:
            raise PlaygroundError(f"The model has a table of {len(table)} positions: ask for no more.")
        similarities = nn.functional.cosine_similarity(table[:, None], table, dim=-1)
        return PositionalSignal(
            "sinusoidal" if is_sinusoidal else "learned",
            n_positions,
            table=table.numpy(),
            similarities=similarities.numpy(),
        )
    return None


def _first_row(base: nn.Module, name: str, module: nn.Module) -> int:
    """Return the row of the table that belongs to the first token."""
    parent = base.get_submodule(name.rpartition(".")[0])
    counts_from_padding = hasattr(parent, "create_position_ids_from_input_ids")  # RoBERTa
    if counts_from_padding or not isinstance(module, nn.Embedding):  # M2M100 does so, too
        padding: Any = getattr(module, "padding_idx", None)
        return 0 if padding is None else int(padding) + 1
    return int(getattr(module, "offset", 0))  # OPT and BART: 2
