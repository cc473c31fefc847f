"""Attention through several layers (Abnar & Zuidema 2020, arXiv 2005.00928).

A layer passes on half of what a token holds (the residual connection) and half of what its heads gather, on
average over them. Rollout multiplies these shares along every path; flow takes them as the widths of pipes and asks
for the greatest flow. Values, feed-forward layers and cross-attention do not enter.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from playground.attention.layers import Layers
from playground.records import PlaygroundError

# Connections of the network times maximum flows through it: 3 s on one core (measured), 128 tokens in 10 layers
MAX_FLOW_WORK = 50_000_000
MAX_CELLS = 25_000_000  # weights of all layers, averaged over heads: 200 MB
# Capacities as whole numbers: with floats a flow algorithm need not end. What flows to the top is 1 at most, so that
# it fits int32; 2^-30 is below float32's precision
_UNIT = 2**30


def layer_shares(layers: Layers) -> Iterator[Float64[np.ndarray, "token token"]]:
    """Yield what each layer passes to each token (row) from each (column), the lowest first; rows sum to 1.

    That is (mean over heads + identity), each row divided by its sum: half of each where a row of weights sums to 1.
    """
    for layer in range(layers.n_layers):  # one layer's weights in memory at a time
        mean = layers.weights(layer).mean(dim=0).double().numpy()  # (query, key)
        with_residual = mean + np.eye(len(mean))
        yield with_residual / with_residual.sum(axis=-1, keepdims=True)


def roll_out(shares: Iterable[Float64[np.ndarray, "token token"]], token: int) -> Float32[np.ndarray, "stage token"]:
    """Return how much of each input token is in `token` at first and after each layer."""
    mixture: Float64[np.ndarray, "token token"] | None = None  # of input tokens (columns)
    rows: list[Float64[np.ndarray, " token"]] = []
    for shared in shares:
        if mixture is None:
            mixture = np.eye(len(shared))
            rows.append(mixture[token])
        mixture = shared @ mixture
        rows.append(mixture[token])
    return np.stack(rows).astype(np.float32)


def max_flow(shares: Iterable[Float64[np.ndarray, "token token"]], token: int) -> Float32[np.ndarray, "stage token"]:
    """Return the greatest flow from each input token to `token`, at first and after each layer.

    Raises PlaygroundError, with the numbers, where that would take too long, or weights are not numbers.
    """
    return _max_flow(_stack(shares), token)


def _stack(shares: Iterable[Float64[np.ndarray, "token token"]]) -> Float64[np.ndarray, "layer token token"]:
    """Return all layers at once."""
    found: list[Float64[np.ndarray, "token token"]] = []
    for shared in shares:
        found.append(shared)
        if len(found) * shared.size > MAX_CELLS:
            raise PlaygroundError(
                f"Attention flow needs the weights of all layers at once, too much for {len(shared):,} tokens: choose "
                "a shorter text, or take rollout, which has no limit."
            )
    return np.stack(found)


def _max_flow(shares: Float64[np.ndarray, "layer token token"], token: int) -> Float32[np.ndarray, "stage token"]:
    n_layers, n_tokens, _ = shares.shape
    if not np.isfinite(shares).all():
        raise PlaygroundError("The attention weights of this model are not numbers (NaN): nothing flows.")
    tops = range(1, n_layers + 1)
    used = [_used(shares[:top], token) for top in tops]
    check_work(used)
    relevance = np.zeros((n_layers + 1, n_tokens), dtype=np.float32)
    relevance[0, token] = 1.0
    for top in tops:
        network = _network(shares[:top], used[top - 1])
        for source in np.flatnonzero(used[top - 1][0].any(axis=0)).tolist():
            relevance[top, source] = maximum_flow(network, top * n_tokens + token, source).flow_value / _UNIT
    return relevance


def check_work(used: list[Bool[np.ndarray, "_layer token token"]]) -> None:
    """Raise PlaygroundError where the flows would take too long; `used` as of _used, for each layer as the top."""
    n_flows = [int(layers[0].any(axis=0).sum()) for layers in used]
    n_edges = [int(layers.sum()) for layers in used]
    work = sum(flows * edges for flows, edges in zip(n_flows, n_edges, strict=True))
    if work > MAX_FLOW_WORK:
        raise PlaygroundError(
            f"Attention flow would take {sum(n_flows):,} maximum flows through up to {n_edges[-1]:,} connections "
            f"({len(used)} layers, {used[0].shape[-1]} tokens), {work / MAX_FLOW_WORK:.1f} times what is computed "
            "here: choose an earlier token or a shorter text, or take rollout, which has no limit."
        )


def _used(shares: Float64[np.ndarray, "layer token token"], token: int) -> Bool[np.ndarray, "layer token token"]:
    """Return the connections that lead up to `token` at the top."""
    used = shares > 0
    reached = np.arange(shares.shape[1]) == token  # (token,)
    for layer in reversed(range(len(shares))):
        used[layer] &= reached[:, None]
        reached = used[layer].any(axis=0)
    return used


def _network(
    shares: Float64[np.ndarray, "layer token token"], used: Bool[np.ndarray, "layer token token"]
) -> csr_array:
    """Return the used connections as capacities; node (layer, token) has the number layer * n_tokens + token."""
    n_layers, n_tokens, _ = shares.shape
    layer, to, source = np.nonzero(used)
    capacity = np.rint(shares[used] * _UNIT).astype(np.int32)
    n_nodes = (n_layers + 1) * n_tokens
    return csr_array((capacity, ((layer + 1) * n_tokens + to, layer * n_tokens + source)), shape=(n_nodes, n_nodes))
