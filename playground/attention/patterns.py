"""Scores of every head for the patterns that the literature names, in one text.

Olsson et al. 2022 (arXiv 2209.11895) describe induction heads and previous-token heads, Wang et al. 2022
(arXiv 2211.00593) duplicate-token heads, Xiao et al. 2023 (arXiv 2309.17453) the rest on the first token, and
Clark et al. 2019 (arXiv 1906.04341) the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64

from playground.attention.layers import Layers
from playground.models.cores import on_all_cores
from playground.records import AttentionKind, HeadPatterns, PatternName

LOCAL_DISTANCES = range(2, 6)  # the place before (1) and the token itself (0) have scores of their own


def score_patterns(
    layers: Layers, query_ids: Sequence[int], key_ids: Sequence[int], kind: AttentionKind
) -> HeadPatterns:
    """Return how much of its weight every head puts where a pattern says, as a mean over queries.

    The keys of a pattern, for a query at place i:
    previous, next: i - 1, i + 1. first: 0, for queries after it (in cross-attention for all). same: i.
    duplicate: other places of the query's token; not place 0, where heads rest whatever token stands there.
    induction: places after an earlier place of the query's token (in two-way attention: another place); not i.
    local: 2 to 5 places before (in two-way attention: on either side); not place 0.
    uniform: no keys, but the entropy of the row over the logarithm of the number of keys that it may see.

    Only keys that a query may see count, so a query without such a key does not enter the mean; nor does one that
    may see a single key, since its weight is 1 whatever the head does. Where weights go to a sink that is no key
    (gpt-oss), the entropy is that of the rest. Cross-attention has "first" and "uniform" only, and "next" is
    there only if some query may look ahead.
    """
    pairs = cross_keys(len(query_ids), len(key_ids)) if kind == "cross" else self_keys(query_ids)
    names: tuple[PatternName, ...] = (*pairs, "uniform")
    cells = [keys.nonzero(as_tuple=True) for keys in pairs.values()]
    found = on_all_cores(lambda layer: _score_layer(layers.stripes(layer), cells), range(layers.n_layers))
    scores = np.full((len(names), layers.n_layers, layers.n_heads), np.nan, dtype=np.float32)
    even = np.full((len(names), layers.n_layers), np.nan, dtype=np.float32)
    n_queries = np.zeros((len(names), layers.n_layers), dtype=np.int64)
    for layer, of_layer in enumerate(found):
        has = of_layer.n_queries > 0
        scores[has, layer, : of_layer.put.shape[1]] = of_layer.put[has] / of_layer.n_queries[has, None]
        even[has, layer] = of_layer.even[has] / of_layer.n_queries[has]
        n_queries[:, layer] = of_layer.n_queries
    sees_ahead = any(of_layer.sees_ahead for of_layer in found)
    kept = [place for place, name in enumerate(names) if name != "next" or sees_ahead]
    return HeadPatterns(
        kind, tuple(names[place] for place in kept), scores[kept], even[kept], n_queries[kept], layers.indices
    )


@dataclass
class _LayerSums:
    """What the scores of a layer are means of: sums over queries, the patterns in their order and "uniform" last."""

    put: Float64[np.ndarray, "pattern head"]  # weight on the pattern's keys
    even: Float64[np.ndarray, " pattern"]  # what a head would put there that looks at all keys alike
    n_queries: Int64[np.ndarray, " pattern"]
    sees_ahead: bool = False


@torch.inference_mode()
def _score_layer(
    stripes: Iterable[tuple[slice, Float32[torch.Tensor, "head query key"]]],
    cells: Sequence[tuple[Int64[torch.Tensor, " _cell"], ...]],
) -> _LayerSums:
    """Return the sums of one layer.

    cells: of each pattern the query and the key of each of its cells, in the order of the queries
    """
    sums: _LayerSums | None = None
    for queries, weights in stripes:  # (head, query, key)
        n_heads, n_rows, n_keys = weights.shape
        if sums is None:
            n_names = len(cells) + 1
            sums = _LayerSums(np.zeros((n_names, n_heads)), np.zeros(n_names), np.zeros(n_names, np.int64))
        first = queries.start or 0
        # Hidden keys have a weight of exactly 0 in all heads; one that may be seen has not, in all of them
        visible = weights.amax(dim=0) > 0  # (query, key)
        n_visible = visible.sum(dim=-1)  # (query,)
        choosing = n_visible > 1
        visible &= choosing[:, None]
        sums.sees_ahead |= bool(visible.triu(first + 1).any())
        flat, flat_visible = weights.flatten(1), visible.flatten()
        for place, (of_query, of_key) in enumerate(cells):
            begin, end = torch.searchsorted(of_query, torch.tensor([first, first + n_rows])).tolist()
            rows, columns = of_query[begin:end] - first, of_key[begin:end]
            there = columns < n_keys
            rows, columns = rows[there], columns[there]
            seen = flat_visible[rows * n_keys + columns]
            rows, columns = rows[seen], columns[seen]
            if not len(rows):
                continue
            put = flat.gather(1, (rows * n_keys + columns).expand(n_heads, -1))  # (head, cell)
            sums.put[place] += put.sum(dim=1, dtype=torch.float64).numpy()
            sums.even[place] += float((1 / n_visible[rows].double()).sum())
            sums.n_queries[place] += int((rows.bincount(minlength=n_rows) > 0).sum())
        if choosing.any():
            sums.put[-1] += _uniformity(weights, n_visible).numpy()
            sums.even[-1] += float(choosing.sum())
            sums.n_queries[-1] += int(choosing.sum())
    assert sums is not None
    return sums


def self_keys(ids: Sequence[int]) -> dict[PatternName, Bool[torch.Tensor, "query key"]]:
    """Return the keys of each pattern of a text that looks at itself."""
    n_tokens = len(ids)
    token = torch.tensor(ids)
    place = torch.arange(n_tokens)
    distance = place[:, None] - place  # (query, key), above 0 where the key stands before the query
    not_first = place > 0
    same_id = token[:, None] == token
    follows = torch.zeros(n_tokens, n_tokens, dtype=torch.bool)
    follows[:, 1:] = (same_id & (distance != 0))[:, :-1]  # the token before the key is the query's, elsewhere
    near = (distance.abs() >= LOCAL_DISTANCES.start) & (distance.abs() < LOCAL_DISTANCES.stop)
    return {
        "previous": distance == 1,
        "next": distance == -1,
        "first": (place == 0) & not_first[:, None],
        "same": distance == 0,
        "duplicate": same_id & (distance != 0) & not_first,
        "induction": follows & (distance != 0),
        "local": near & not_first,
    }


def cross_keys(n_queries: int, n_keys: int) -> dict[PatternName, Bool[torch.Tensor, "query key"]]:
    """Return the keys of each pattern of a text that looks at another."""
    return {"first": (torch.arange(n_keys) == 0).expand(n_queries, n_keys)}


def _uniformity(
    weights: Float32[torch.Tensor, "head query key"], n_visible: Int64[torch.Tensor, " query"]
) -> Float64[torch.Tensor, " head"]:
    """Return the sum over queries of entropy / log(keys that may be seen), where those are several.

    Of weights w with a sum s, below 1 where a part goes to a sink that is no key, it is -sum(w log w) / s + log s.
    """
    tiny = torch.finfo(weights.dtype).tiny
    totals = weights.sum(dim=-1)  # (head, query)
    surprisal = -weights.clamp_min(tiny).log_().mul_(weights).sum(dim=-1)
    entropy = surprisal / totals.clamp_min(tiny) + totals.clamp_min(tiny).log()  # nats
    counts = (n_visible > 1) & (totals > 0)
    return torch.where(counts, entropy / n_visible.clamp_min(2).log(), 0.0).sum(dim=1, dtype=torch.float64)
