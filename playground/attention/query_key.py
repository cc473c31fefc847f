"""How one row of weights comes about, from query and keys to what the head passes on."""

from typing import Any

import torch

from playground.attention.interface import AttentionCall
from playground.attention.weights import ALL, bias_row, compute_scores, own_output, per_query_head, weights_of
from playground.records import QueryKeyRow


def query_key_row(call: AttentionCall, shown: slice, head: int, query: int, **place: Any) -> QueryKeyRow:
    """Return the arithmetic of one query of one head of a call.

    shown: the keys of the kind that is looked at, where one softmax runs over two kinds
    place: what the record says of where it is: kind, layer, query_token, key_tokens
    """
    n_heads = call.query.shape[1]
    heads, queries = slice(head, head + 1), slice(query, query + 1)
    with torch.inference_mode():
        scores = compute_scores(call, heads, queries)
        weights = weights_of(call, scores.masked, heads, queries)[0, 0]  # (key,)
        keys, values = (per_query_head(states, n_heads)[head].float() for states in (call.key, call.value))
        hidden = scores.masked <= torch.finfo(torch.float32).min / 2
        masked = scores.masked.masked_fill(hidden, -torch.inf)
        stages = [scores.raw[0, 0], scores.scaled[0, 0], masked[0, 0], weights]  # each (key,)
        keys, values, *stages = (part[shown] for part in (keys, values, *stages))
        arrays = [call.query[0, head, query].float(), keys, *stages, values, stages[-1] @ values]
        q, k, raw, scaled, masked_row, row, v, output = (array.cpu().numpy() for array in arrays)
    return QueryKeyRow(
        **place,
        head=head,
        query=query,
        q=q,
        k=k,
        raw=raw,
        scaled=scaled,
        masked=masked_row,
        weights=row,
        v=v,
        output=output,
        scaling=call.scaling,
        softcap=call.softcap,
        position_bias=None if call.position_bias is None else bias_row(call, head, query),
        model_output=own_output(call, head, query) if shown == ALL else None,
    )
