"""Rollout and flow by hand, and against definitions that are slow but plain."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.attention import flow
from playground.attention.flow import layer_shares, max_flow, roll_out
from playground.attention.layers import OutputLayers
from playground.records import PlaygroundError

FIRST = [[1.0, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]]
SECOND = [[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0]]
# Half of what is above, half of the token itself
SHARES = np.array([[[1, 0, 0], [0.25, 0.75, 0], [0.125, 0.125, 0.75]], [[1, 0, 0], [0, 1, 0], [0.25, 0.25, 0.5]]])


def layers_of(*layers):
    return OutputLayers([torch.tensor(layer, dtype=torch.float32)[None] for layer in layers])


def test_shares_by_hand():
    other = [[1.0, 0, 0], [0.5, 0.5, 0], [0.75, 0.25, 0]]  # a second head; the mean of both is the first layer's
    mean = (np.array(FIRST) + other) / 2
    np.testing.assert_allclose(list(layer_shares(layers_of([FIRST], [SECOND]))), SHARES)
    np.testing.assert_allclose(next(layer_shares(layers_of([FIRST, other]))), mean / 2 + np.eye(3) / 2)
    # Half of a row went to a sink: what is left of it counts as much as it weighs
    np.testing.assert_allclose(next(layer_shares(layers_of([[[0.5]]]))), [[1.0]])
    np.testing.assert_allclose(next(layer_shares(layers_of([[[0.5, 0], [0.25, 0.25]]])))[1], [1 / 6, 5 / 6])


def test_rollout_by_hand():
    # 0.25 * (1, 0, 0) + 0.25 * (0.25, 0.75, 0) + 0.5 * (0.125, 0.125, 0.75)
    expected = [[0, 0, 1], [0.125, 0.125, 0.75], [0.375, 0.25, 0.375]]
    np.testing.assert_allclose(roll_out(SHARES, 2), expected)
    np.testing.assert_allclose(roll_out(SHARES, 0), [[1, 0, 0]] * 3)


def test_flow_by_hand():
    # To token 0: 0.25 straight, 0.25 by way of token 1, 0.125 by way of token 2
    expected = [[0, 0, 1], [0.125, 0.125, 0.75], [0.625, 0.375, 0.5]]
    np.testing.assert_allclose(max_flow(SHARES, 2), expected)
    np.testing.assert_allclose(max_flow(SHARES, 0), [[1, 0, 0]] * 3)


def random_shares(seed, n_layers, n_tokens, causal):
    weights = np.random.default_rng(seed).dirichlet(np.full(n_tokens, 0.5), (n_layers, n_tokens))
    if causal:
        weights = np.tril(weights) + np.eye(n_tokens) * 1e-9
        weights /= weights.sum(-1, keepdims=True)
    return weights / 2 + np.eye(n_tokens) / 2


def least_cut(shares, token, source):
    """Return the least sum of widths that parts (top, token) from (0, source), over all ways to part the nodes."""
    n_layers, n_tokens, _ = shares.shape
    nodes = list(product(range(n_layers + 1), range(n_tokens)))
    free = [node for node in nodes if node not in ((n_layers, token), (0, source))]
    best = np.inf
    for choice in product([False, True], repeat=len(free)):
        above = {node for node, chosen in zip(free, choice, strict=True) if chosen} | {(n_layers, token)}
        cut = sum(
            shares[layer - 1, to, low]
            for layer, to in above
            if layer > 0
            for low in range(n_tokens)
            if (layer - 1, low) not in above
        )
        best = min(best, cut)
    return best


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([(2, 3), (3, 2), (1, 4)]), st.data())
def test_flow_is_the_least_cut(seed, causal, size, data):
    n_layers, n_tokens = size
    shares = random_shares(seed, n_layers, n_tokens, causal)
    token = data.draw(st.integers(0, n_tokens - 1))
    found = max_flow(shares, token)[-1]
    for source in range(n_tokens):
        assert found[source] == pytest.approx(least_cut(shares, token, source), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(1, 4), st.integers(1, 6))
def test_rollout_sums_to_one_and_is_no_more_than_the_flow(seed, causal, n_layers, n_tokens):
    shares = random_shares(seed, n_layers, n_tokens, causal)
    rollout, flowing = roll_out(shares, n_tokens - 1), max_flow(shares, n_tokens - 1)
    np.testing.assert_allclose(rollout.sum(-1), 1, atol=1e-5)
    assert (flowing <= 1 + 1e-6).all()
    # What rollout brings along all paths is a flow that fits, so the greatest one is at least that
    assert (rollout <= flowing + 1e-6).all()
    assert rollout.dtype == flowing.dtype == np.float32


def test_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(flow, "MAX_FLOW_WORK", 20)
    with pytest.raises(PlaygroundError, match=r"6 maximum flows .* \(2 layers, 3 tokens\), .* times"):
        max_flow(SHARES, 2)
    assert max_flow(SHARES, 0).shape == (3, 3)  # of an early token less is to do


def test_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(flow, "MAX_CELLS", 17)
    with pytest.raises(PlaygroundError, match="too much for 3 tokens"):
        max_flow(SHARES, 2)
    assert roll_out(SHARES, 2).shape == (3, 3)


def test_weights_that_are_no_numbers():
    with pytest.raises(PlaygroundError, match="not numbers"):
        max_flow(SHARES * np.nan, 1)
