"""The arithmetic inside a head, every step by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from playground.attention.attention import Attention
from playground.attention.capture import Capture
from playground.attention.interface import AttentionCall
from playground.attention.layers import CapturedLayers
from playground.records import Token

QUERY, KEY, VALUE = [[1.0, 0.0], [2.0, 1.0]], [[1.0, 3.0], [2.0, 0.0]], [[10.0, 0.0, 1.0], [0.0, 4.0, 1.0]]


def row_of(query=1, **changes):
    """Return the row of a head over two tokens, whose vectors have two numbers, its values three."""
    states = [torch.tensor([[rows]]) for rows in (QUERY, KEY, VALUE)]
    given = {"mask": None, "scaling": 0.5, "is_causal": True, "softcap": None, "sinks": None, "position_bias": None}
    call = AttentionCall(nn.Identity(), *states, **{**given, **changes})
    tokens = tuple(Token(id, text, text) for id, text in enumerate("ab"))
    return Attention(Capture({"self": CapturedLayers([call])}, None, None), tokens).query_key(0, 0, query)


def shares(*scores):
    exponentials = [math.exp(score) for score in scores]
    return [part / sum(exponentials) for part in exponentials]


def test_every_step():
    row = row_of()
    assert row.q.tolist() == [2, 1]
    assert row.k.tolist() == KEY
    assert row.raw.tolist() == [2 * 1 + 1 * 3, 2 * 2 + 1 * 0] == [5, 4]
    assert row.scaled.tolist() == row.masked.tolist() == [2.5, 2]
    first, second = shares(2.5, 2)
    np.testing.assert_allclose(row.weights, [first, second], rtol=1e-6)
    assert row.v.tolist() == VALUE
    np.testing.assert_allclose(row.output, [10 * first, 4 * second, 1], rtol=1e-6)
    assert (row.query_token.text, [token.text for token in row.key_tokens]) == ("b", ["a", "b"])


def test_what_comes_later_is_masked():
    row = row_of(query=0)
    assert row.scaled.tolist() == [0.5, 1]
    assert row.masked.tolist() == [0.5, -math.inf]
    assert row.weights.tolist() == [1, 0]
    assert row.output.tolist() == VALUE[0]


def test_a_softcap_squeezes():
    row = row_of(softcap=2.0)
    np.testing.assert_allclose(row.scaled, [2 * math.tanh(1.25), 2 * math.tanh(1)], rtol=1e-6)
    assert row.softcap == 2.0


def test_a_position_bias_is_added():
    row = row_of(position_bias=torch.tensor([[[[0.0, 0.0], [-1.0, 0.25]]]]))
    assert row.scaled.tolist() == [1.5, 2.25]
    assert row.position_bias.tolist() == [-1, 0.25]
    np.testing.assert_allclose(row.weights, shares(1.5, 2.25), rtol=1e-6)


def test_a_sink_takes_its_share():
    row = row_of(sinks=torch.tensor([1.0]))
    np.testing.assert_allclose(row.weights, shares(2.5, 2, 1)[:2], rtol=1e-6)
    assert row.weights.sum() < 1


@pytest.mark.parametrize(
    "mask", [torch.tensor([[[[True, False], [False, True]]]]), torch.tensor([[[[0, -1e38], [-3.4e38, 0]]]])]
)
def test_a_mask_of_its_own(mask):
    row = row_of(mask=mask, is_causal=False)
    assert row.masked.tolist() == [-math.inf, 2]
    assert row.weights.tolist() == [0, 1]
