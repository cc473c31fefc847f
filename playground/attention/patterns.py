"""Scores of every head for the patterns that the literature names, in one text.

Olsson et al. 2022 (arXiv 2209.11895) describe induction heads and previous-token heads, Wang et al. 2022
(arXiv 2211.00593) duplicate-token heads, Xiao et al. 2023 (arXiv 2309.17453) the rest on the first token, and
Clark et al. 2019 (arXiv 1906.04341) the others.
"""

from collections.abc import Sequence

import numpy as np
import torch

from playground.attention.layers import Layers
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
    scores = np.full((len(names), layers.n_layers, layers.n_heads), np.nan, dtype=np.float32)
    even = np.full((len(names), layers.n_layers), np.nan, dtype=np.float32)
    n_queries = np.zeros((len(names), layers.n_layers), dtype=np.int64)
    sees_ahead = False
    for layer in range(layers.n_layers):  # one layer's weights in memory at a time
        weights = layers.weights(layer)  # (head, query, key)
        # Hidden keys have a weight of exactly 0 in all heads; one that may be seen has not, in all of them
        visible = (weights != 0).any(dim=0)  # (query, key)
        n_visible = visible.sum(dim=-1)  # (query,)
        visible &= (n_visible > 1)[:, None]
        sees_ahead |= bool(visible.triu(1).any())
        for place, keys in enumerate(pairs.values()):
            queries, columns = (keys & visible).nonzero(as_tuple=True)
            found = queries.unique()
            if not len(found):
                continue
            put = weights.new_zeros(weights.shape[:2]).index_add_(1, queries, weights[:, queries, columns])
            evenly = n_visible.new_zeros(len(n_visible), dtype=torch.float32)
            evenly.index_add_(0, queries, 1 / n_visible[queries].float())
            scores[place, layer, : len(weights)] = put[:, found].mean(dim=1).numpy()
            even[place, layer] = float(evenly[found].mean())
            n_queries[place, layer] = len(found)
        choosing = n_visible > 1
        if choosing.any():
            scores[-1, layer, : len(weights)] = _uniformity(weights[:, choosing], n_visible[choosing]).numpy()
            even[-1, layer] = 1.0
            n_queries[-1, layer] = int(choosing.sum())
    kept = [place for place, name in enumerate(names) if name != "next" or sees_ahead]
    return HeadPatterns(
        kind, tuple(names[place] for place in kept), scores[kept], even[kept], n_queries[kept], layers.indices
    )


def self_keys(ids: Sequence[int]) -> dict[PatternName, torch.Tensor]:
    """Return the keys of each pattern of a text that looks at itself  # bool (query, key)."""
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


def cross_keys(n_queries: int, n_keys: int) -> dict[PatternName, torch.Tensor]:
    """Return the keys of each pattern of a text that looks at another  # bool (query, key)."""
    return {"first": (torch.arange(n_keys) == 0).expand(n_queries, n_keys)}


def _uniformity(weights: torch.Tensor, n_visible: torch.Tensor) -> torch.Tensor:
    """Return the mean over queries of entropy / log(keys that may be seen)  # (head,)."""
    shares = weights / weights.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
    entropy = torch.special.entr(shares).sum(dim=-1)  # (head, query), nats
    return (entropy / n_visible.log()).mean(dim=1)
