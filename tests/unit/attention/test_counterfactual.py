"""Rows under another mask, by their definition."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.attention.counterfactual import counterfactual_weights
from playground.attention.interface import AttentionCall
from playground.attention.layers import CapturedLayers, OutputLayers
from playground.records import PlaygroundError


def layers_of(scores, *, is_causal=True, sinks=None):
    """Return one layer of one head whose scores are `scores`: queries are its rows, keys are unit vectors."""
    scores = torch.tensor(scores, dtype=torch.float32)
    call = AttentionCall(
        module=torch.nn.Identity(),
        query=scores[None, None],
        key=torch.eye(len(scores))[None, None],
        value=torch.eye(len(scores))[None, None],
        mask=None,
        scaling=1.0,
        is_causal=is_causal,
        softcap=None,
        sinks=sinks,
        position_bias=None,
    )
    return CapturedLayers([call])


LOG2 = math.log(2)
SCORES = [[0.0, LOG2, 0.0], [LOG2, 0.0, 0.0], [LOG2, 0.0, LOG2]]  # weights in proportion 1 : 2


def test_as_it_was():
    expected = [[1, 0, 0], [2 / 3, 1 / 3, 0], [2 / 5, 1 / 5, 2 / 5]]
    np.testing.assert_allclose(counterfactual_weights(layers_of(SCORES), 0, 0), expected, atol=1e-6)


def test_the_first_token_hidden():
    expected = [[0, 0, 0], [0, 1, 0], [0, 1 / 3, 2 / 3]]  # nothing is left for the first query
    np.testing.assert_allclose(counterfactual_weights(layers_of(SCORES), 0, 0, [0]), expected, atol=1e-6)


def test_the_mask_off():
    expected = [[1 / 4, 1 / 2, 1 / 4], [1 / 2, 1 / 4, 1 / 4], [2 / 5, 1 / 5, 2 / 5]]
    np.testing.assert_allclose(counterfactual_weights(layers_of(SCORES), 0, 0, mask_off=True), expected, atol=1e-6)
    expected = [[1 / 2, 0, 1 / 2], [2 / 3, 0, 1 / 3], [1 / 2, 0, 1 / 2]]
    found = counterfactual_weights(layers_of(SCORES), 0, 0, [1], mask_off=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_sink_that_is_no_key_stays():
    layers = layers_of(SCORES, sinks=torch.tensor([0.0]))  # as much as a score of 0: one part more
    expected = [[0, 0, 0], [0, 1 / 2, 0], [0, 1 / 4, 2 / 4]]
    np.testing.assert_allclose(counterfactual_weights(layers, 0, 0, [0]), expected, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    hidden=st.sets(st.integers(0, 5), max_size=5),
    is_causal=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_finished_weights_renormalise_to_the_same(hidden, is_causal, seed):
    scores = np.random.default_rng(seed).normal(0, 2, (6, 6)).tolist()
    layers = layers_of(scores, is_causal=is_causal)
    found = counterfactual_weights(layers, 0, 0, sorted(hidden))
    finished = OutputLayers([layers.weights(0)[None]])
    torch.testing.assert_close(counterfactual_weights(finished, 0, 0, sorted(hidden)), found, atol=1e-5, rtol=1e-5)
    sums = found.sum(-1)
    assert ((sums - 1).abs() < 1e-5).logical_or(sums == 0).all()
    assert not found[:, sorted(hidden)].any()


def test_what_finished_weights_cannot_tell():
    with pytest.raises(PlaygroundError, match="finished attention weights only"):
        counterfactual_weights(OutputLayers([torch.ones(1, 1, 1, 1)]), 0, 0, mask_off=True)
