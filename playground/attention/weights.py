"""From queries and keys to weights: softmax(q . k * scaling + bias + mask), in float32."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Shaped

from playground.attention.interface import AttentionCall, additive, causal_mask, eager_weights

ALL = slice(None)
COARSE = 2e-2  # how far weights may lie apart of which one has been rounded to bfloat16 or float16
STRIPE = 128  # queries whose weights are computed at a time, where those of a whole layer are gone through once


@dataclass(frozen=True, eq=False)
class Scores:
    """The stages on the way to the weights."""

    raw: Float32[torch.Tensor, "head query key"]
    scaled: Float32[torch.Tensor, "head query key"]
    # The lowest float32 where a query may not look, as transformers adds it
    masked: Float32[torch.Tensor, "head query key"]


def compute_scores(call: AttentionCall, heads: slice = ALL, queries: slice = ALL) -> Scores:
    """Return the scores of some heads and queries of one attention call."""
    raw = _dot_products(call, heads, queries)
    scaled = raw * call.scaling
    if call.softcap is not None:
        scaled = call.softcap * torch.tanh(scaled / call.softcap)
    if call.position_bias is not None:
        scaled = scaled + _cut(call.position_bias, heads, queries, raw.shape[-1]).float()
    mask = _added_mask(call, heads, queries)
    return Scores(raw, scaled, scaled if mask is None else scaled + mask)


def compute_weights(
    call: AttentionCall, heads: slice = ALL, queries: slice = ALL
) -> Float32[torch.Tensor, "head query key"]:
    """Return the weights of some heads and queries of one attention call.

    Rows sum to 1, but for models with attention sinks: what goes to the sink is not among the keys. The stages of
    compute_scores, in one place of memory: of a whole layer each takes as much as its weights.
    """
    scores = _dot_products(call, heads, queries).mul_(call.scaling)
    if call.softcap is not None:
        scores.div_(call.softcap).tanh_().mul_(call.softcap)
    if call.position_bias is not None:
        scores.add_(_cut(call.position_bias, heads, queries, scores.shape[-1]))
    if (mask := _added_mask(call, heads, queries)) is not None:
        scores.add_(mask)
    return weights_of(call, scores, heads, queries)


def weight_stripes(
    call: AttentionCall, n_rows: int | None = None
) -> Iterator[tuple[slice, Float32[torch.Tensor, "head query key"]]]:
    """Give the weights of `n_rows` (STRIPE) queries at a time, and which these are.

    So they stay in the processor's cache. Of a causal call the keys end at the last query: none of them sees more.
    At 1,024 tokens that takes a third of the time of all weights at once.
    """
    n_rows = n_rows or STRIPE
    n_queries, n_keys = call.query.shape[2], call.key.shape[2]
    is_causal = call.mask is None and call.is_causal and n_queries == n_keys
    is_bare = is_causal and call.softcap is None and call.position_bias is None and call.sinks is None
    keys = per_query_head(call.key, call.query.shape[1]).float().contiguous() if is_bare else call.key
    for first in range(0, n_queries, n_rows):
        queries = slice(first, min(first + n_rows, n_queries))
        yield queries, _bare_weights(call, keys, queries) if is_bare else compute_weights(call, ALL, queries)


def block_maxima(call: AttentionCall, block: tuple[int, int]) -> Float32[torch.Tensor, "head row column"]:
    """Return the largest weight of each block of queries by keys."""
    n_columns = -(-call.key.shape[2] // block[1])
    stripes = []
    for _, weights in weight_stripes(call, max(1, STRIPE // block[0]) * block[0]):  # whole blocks
        rows = _maxima_along(weights, 1, block[0])  # first along the rows: that reads memory in its order
        maxima = _maxima_along(rows, 2, block[1])
        stripes.append(torch.nn.functional.pad(maxima, (0, n_columns - maxima.shape[-1])))
    return torch.cat(stripes, dim=1)


def _maxima_along(
    weights: Float32[torch.Tensor, "head row column"], dim: int, size: int
) -> Float32[torch.Tensor, "head _row _column"]:
    """Return the maxima of so many neighbours of a tensor that is nowhere negative."""
    if missing := -weights.shape[dim] % size:
        weights = torch.nn.functional.pad(weights, (0, missing) if dim == 2 else (0, 0, 0, missing))
    return weights.unflatten(dim, (-1, size)).amax(dim + 1)


def _bare_weights(
    call: AttentionCall, keys: Float32[torch.Tensor, "query_head key d_head"], queries: slice
) -> Float32[torch.Tensor, "query_head query seen_key"]:
    """Return softmax(q . k * scaling) of a causal call for the keys up to the last query, computed in place."""
    query = call.query[0, :, queries].float()
    scores = (query @ keys[:, : queries.stop].mT).mul_(call.scaling)  # (head, query, key)
    among = causal_mask(query.shape[1], query.shape[1], scores.device)
    scores[..., queries.start :].add_(additive(among, torch.float32))
    return torch.softmax(scores, dim=-1, out=scores)


def weights_of(
    call: AttentionCall, masked: Float32[torch.Tensor, "head query key"], heads: slice, queries: slice
) -> Float32[torch.Tensor, "head query key"]:
    """Return the weights that masked scores become."""
    if call.sinks is None:
        return masked.softmax(dim=-1)
    n_heads, n_queries = call.query.shape[1:3]
    sinks = call.sinks.float().reshape(n_heads, -1, 1).expand(-1, n_queries, -1)[heads, queries]  # (head, query, 1)
    return torch.cat([masked, sinks], dim=-1).softmax(dim=-1)[..., :-1]


def is_plain(call: AttentionCall) -> bool:
    """Return whether the formula above is the family's own: both give the same weights to one query.

    The last query is asked, which sees the most keys; it costs next to nothing.
    """
    last = slice(call.query.shape[2] - 1, None)
    try:
        theirs = eager_weights(call, last).float()
    except LookupError:
        return True
    ours = compute_weights(call, ALL, last)
    return agree(ours, theirs, 1e-4 if call.query.dtype == torch.float32 else COARSE)


def agree(
    ours: Float32[torch.Tensor, "head query key"],
    theirs: Float32[torch.Tensor, "their_head their_query their_key"],
    tolerance: float,
) -> bool:
    """Return whether two tables of weights are the same."""
    return theirs.shape == ours.shape and torch.allclose(theirs, ours, rtol=0.0, atol=tolerance, equal_nan=True)


def passes_on(call: AttentionCall, weights: Float32[torch.Tensor, "query_head query key"], tolerance: float) -> bool:
    """Return whether weights times the values are what the heads passed on."""
    if call.output is None:
        return False
    ours = weights @ per_query_head(call.value, call.query.shape[1]).float()  # (head, query, d_value)
    theirs = call.output[0].transpose(0, 1).float()
    size = float(theirs.abs().max()) if theirs.numel() else 0.0
    return theirs.shape == ours.shape and torch.allclose(theirs, ours, rtol=0.0, atol=tolerance * max(1.0, size))


def per_query_head(
    states: Float[torch.Tensor, "1 key_head key d_state"], n_query_heads: int
) -> Float[torch.Tensor, "query_head key d_state"]:
    """Return keys or values once for each query head: grouped-query attention shares each among several."""
    n_sharing = n_query_heads // states.shape[1]
    return states[0] if n_sharing == 1 else states[0].repeat_interleave(n_sharing, dim=0)


def bias_row(call: AttentionCall, head: int, query: int) -> Float32[np.ndarray, " key"]:
    """Return the position bias that one query's scores get."""
    assert call.position_bias is not None
    part = _cut(call.position_bias, slice(head, head + 1), slice(query, query + 1), call.key.shape[2])
    return part[0, 0].float().cpu().numpy()


def own_output(call: AttentionCall, head: int, query: int) -> Float32[np.ndarray, " d_value"] | None:
    """Return what the model's own attention gave for one query of one head.

    None where a family hands its output on in another shape than (1, query, head, d_value).
    """
    wanted = (1, call.query.shape[2], call.query.shape[1], call.value.shape[-1])
    if call.output is None or call.output.shape != wanted:
        return None
    return call.output[0, query, head].float().cpu().numpy()


def _dot_products(call: AttentionCall, heads: slice, queries: slice) -> Float32[torch.Tensor, "head query key"]:
    """Return q . k."""
    query = call.query[0, heads, queries].float()  # (head, query, d_head)
    key = per_query_head(call.key, call.query.shape[1])[heads].float()  # (head, key, d_head)
    return query @ key.transpose(-1, -2)


def _added_mask(call: AttentionCall, heads: slice, queries: slice) -> Float[torch.Tensor, "#head #query key"] | None:
    """Return what is added to the scores where a query may not look."""
    mask, n_keys = call.mask, call.key.shape[2]
    if mask is None and call.is_causal:
        mask = causal_mask(call.query.shape[2], n_keys, call.query.device)[None, None]
    return None if mask is None else additive(_cut(mask, heads, queries, n_keys), torch.float32)


def _cut(
    mask: Shaped[torch.Tensor, "1 call_head call_query call_key"], heads: slice, queries: slice, n_keys: int
) -> Shaped[torch.Tensor, "#head #query key"]:
    """Return the part of a mask or bias that concerns some heads and queries."""
    part = mask[0, ..., :n_keys]  # a mask may be as long as a cache that is not full
    part = part[heads] if part.shape[0] > 1 else part
    return part[:, queries] if part.shape[1] > 1 else part
