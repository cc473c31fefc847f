"""Pattern scores by hand, and by an independent loop over every cell."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.attention.layers import OutputLayers
from playground.attention.patterns import score_patterns


def finished(*layers):
    """Return layers with given weights, each [head, query, key]."""
    return OutputLayers([torch.as_tensor(np.array(layer), dtype=torch.float32)[None] for layer in layers])


def scores_of(patterns, layer=0, head=0):
    return {name: found.score for name, found in patterns.of(layer, head).items()}


def test_by_hand():
    # Token 7 stands at 0 and 2, so place 2 has an induction key (1); its duplicate is place 0, which does not count.
    weights = [[[1, 0, 0], [0.25, 0.75, 0], [0.5, 0.25, 0.25]]]
    patterns = score_patterns(finished(weights), [7, 8, 7], [7, 8, 7], "self")
    assert patterns.names == ("previous", "first", "same", "duplicate", "induction", "local", "uniform")
    found = scores_of(patterns)
    assert found["previous"] == pytest.approx((0.25 + 0.25) / 2)
    assert found["first"] == pytest.approx((0.25 + 0.5) / 2)
    assert found["same"] == pytest.approx((0.75 + 0.25) / 2)  # the first row has no choice
    assert found["induction"] == pytest.approx(0.25)
    assert math.isnan(found["duplicate"])
    assert math.isnan(found["local"])
    entropies = [-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)), -(0.5 * math.log(0.5) + 0.5 * math.log(0.25))]
    assert found["uniform"] == pytest.approx((entropies[0] / math.log(2) + entropies[1] / math.log(3)) / 2)
    assert {name: one.n_queries for name, one in patterns.of(0, 0).items()} == {
        "previous": 2,
        "first": 2,
        "same": 2,
        "duplicate": 0,
        "induction": 1,
        "local": 0,
        "uniform": 2,
    }
    assert patterns.of(0, 0)["previous"].even == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert patterns.of(0, 0)["induction"].even == pytest.approx(1 / 3)


def test_duplicate_and_local_by_hand():
    ids = [1, 2, 3, 2, 4, 5, 2]
    weights = np.tril(np.ones((7, 7))) / np.arange(1, 8)[:, None]
    found = scores_of(score_patterns(finished([weights]), ids, ids, "self"))
    assert found["duplicate"] == pytest.approx((1 / 4 + 2 / 7) / 2)
    assert found["induction"] == pytest.approx((1 / 4 + 2 / 7) / 2)  # places 2; 2 and 4
    # Places 3 to 6 have 1, 2, 3, 4 keys at a distance of 2 to 5 that are not the first
    assert found["local"] == pytest.approx((1 / 4 + 2 / 5 + 3 / 6 + 4 / 7) / 4)
    assert found["uniform"] == pytest.approx(1)


def test_one_token_has_no_choice():
    patterns = score_patterns(finished([[[1.0]]]), [3], [3], "self")
    assert np.isnan(patterns.scores).all()
    assert not patterns.n_queries.any()


def test_two_way_attention_looks_ahead():
    weights = np.full((1, 3, 3), 1 / 3)
    patterns = score_patterns(finished(weights), [5, 6, 5], [5, 6, 5], "encoder")
    assert "next" in patterns.names
    found = patterns.of(0, 0)
    assert found["next"].n_queries == found["previous"].n_queries == 2
    assert found["first"].n_queries == 2
    assert found["duplicate"].n_queries == 1  # place 0 looks at 2; 2 not at the first place
    assert found["induction"].n_queries == 1  # place 2 at 1: behind place 2 stands nothing
    assert found["same"].score == pytest.approx(1 / 3)


def test_cross_attention_has_no_places_in_common():
    weights = np.array([[[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]]])
    patterns = score_patterns(finished(weights), [1, 2, 3], [1, 2], "cross")
    assert patterns.names == ("first", "uniform")
    assert patterns.of(0, 0)["first"].score == pytest.approx(0.5)
    assert patterns.of(0, 0)["first"].n_queries == 3


def test_a_window_hides_what_is_far():
    mask = np.tril(np.ones((6, 6))) * np.triu(np.ones((6, 6)), -1)  # itself and the one before
    weights = mask / mask.sum(1, keepdims=True)
    patterns = score_patterns(finished([weights]), list(range(6)), list(range(6)), "self")
    found = patterns.of(0, 0)
    assert found["first"].n_queries == 1
    assert found["local"].n_queries == 0
    assert found["uniform"].score == pytest.approx(1)


def test_layers_may_differ_in_heads():
    weights = np.full((2, 2), 0.5)
    patterns = score_patterns(finished([weights] * 3, [weights]), [1, 2], [1, 2], "encoder")
    assert patterns.scores.shape[1:] == (2, 3)
    assert np.isnan(patterns.scores[:, 1, 1:]).all()
    assert patterns.of(1, 0)["next"].score == pytest.approx(0.5)


def by_loop(weights, ids, causal):
    """Return the scores of one head, from its definition."""
    n_tokens = len(ids)
    sums = {}
    for i in range(n_tokens):
        keys = [j for j in range(n_tokens) if j <= i or not causal]
        if len(keys) < 2:
            continue
        of = {
            "previous": [j for j in keys if j == i - 1],
            "next": [j for j in keys if j == i + 1],
            "first": [j for j in keys if j == 0 and i > 0],
            "same": [i],
            "duplicate": [j for j in keys if ids[j] == ids[i] and j not in (0, i)],
            "induction": [j for j in keys if j > 0 and j - 1 != i and ids[j - 1] == ids[i] and j != i],
            "local": [j for j in keys if 2 <= abs(i - j) <= 5 and j > 0],
        }
        for name, columns in of.items():
            if columns:
                sums.setdefault(name, []).append(sum(weights[i][j] for j in columns))
        entropy = -sum(weights[i][j] * math.log(weights[i][j]) for j in keys if weights[i][j] > 0)
        sums.setdefault("uniform", []).append(entropy / math.log(len(keys)))
    return {name: sum(found) / len(found) for name, found in sums.items()}


@settings(max_examples=60, deadline=None)
@given(ids=st.lists(st.integers(0, 3), min_size=1, max_size=12), causal=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_against_a_loop(ids, causal, seed):
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.ones(len(ids)), (2, len(ids)))  # (head, query, key)
    if causal:
        weights = np.tril(weights)
        weights /= weights.sum(-1, keepdims=True)
    patterns = score_patterns(finished(weights), ids, ids, "self")
    for head in range(2):
        expected = by_loop(weights[head], ids, causal)
        found = {name: score for name, score in scores_of(patterns, head=head).items() if not math.isnan(score)}
        assert found == pytest.approx(expected, abs=1e-5)
    # Weights that are even score what is said of them
    even = (weights[:1] > 0) / (weights[:1] > 0).sum(-1, keepdims=True)
    for one in score_patterns(finished(even), ids, ids, "self").of(0, 0).values():
        assert math.isnan(one.score) or one.score == pytest.approx(one.even, abs=1e-5)
