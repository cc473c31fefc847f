"""Weights by their definition, one number after the other."""

import math

import pytest
import torch

from playground.attention.interface import AttentionCall
from playground.attention.weights import ALL, compute_scores, compute_weights, is_plain, weights_of


def a_call(**changes):
    generator = torch.Generator().manual_seed(3)
    parts = {
        "module": torch.nn.Identity(),
        "query": torch.randn(1, 4, 5, 8, generator=generator),
        "key": torch.randn(1, 2, 5, 8, generator=generator),
        "value": torch.randn(1, 2, 5, 8, generator=generator),
        "mask": None,
        "scaling": 0.3,
        "is_causal": False,
        "softcap": None,
        "sinks": None,
        "position_bias": None,
    }
    return AttentionCall(**{**parts, **changes})


def by_hand(call, head, query):
    """Return one row of weights; None stands for a key that may not be looked at."""
    exponents = []
    for key in range(call.key.shape[2]):
        score = float(call.query[0, head, query] @ call.key[0, head // 2, key]) * call.scaling
        if call.softcap:
            score = call.softcap * math.tanh(score / call.softcap)
        if call.position_bias is not None:
            score += float(call.position_bias[0, head, query, key])
        hidden = call.is_causal and key > query
        if call.mask is not None:
            hidden = not call.mask[0, 0, query, key]
        exponents.append(0.0 if hidden else math.exp(score))
    sink = 0.0
    if call.sinks is not None:
        sink = math.exp(float(call.sinks[head] if call.sinks.dim() == 1 else call.sinks[0, head, query, 0]))
    return [one / (sum(exponents) + sink) for one in exponents]


@pytest.mark.parametrize(
    "call",
    [
        a_call(),
        a_call(is_causal=True),
        a_call(mask=torch.ones(1, 1, 5, 5, dtype=torch.bool).triu(-1).tril(1)),
        a_call(softcap=0.5, is_causal=True),
        a_call(sinks=torch.tensor([0.0, 1.0, 2.0, -1.0]), is_causal=True),
        a_call(sinks=torch.linspace(-1, 2, 20).reshape(1, 4, 5, 1)),
        a_call(position_bias=torch.linspace(-2, 2, 100).reshape(1, 4, 5, 5)),
    ],
    ids=["all", "causal", "window", "softcap", "sinks", "sinks of queries", "bias"],
)
def test_weights_by_hand(call):
    weights = compute_weights(call)
    assert weights.shape == (4, 5, 5)
    for head in range(4):
        for query in range(5):
            assert weights[head, query].tolist() == pytest.approx(by_hand(call, head, query), abs=1e-6)
    # In one place of memory, and stage after stage: the same to the last bit
    assert torch.equal(weights, weights_of(call, compute_scores(call).masked, ALL, ALL))
    part = compute_weights(call, slice(2, 3), slice(1, 4))
    torch.testing.assert_close(part, weights[2:3, 1:4], atol=1e-6, rtol=1e-5)


def test_a_mask_that_is_added():
    allowed = torch.ones(1, 1, 5, 5, dtype=torch.bool).tril()
    added = torch.where(allowed, 0.0, torch.finfo(torch.float32).min)
    assert torch.equal(compute_weights(a_call(mask=added)), compute_weights(a_call(is_causal=True)))


def test_a_mask_longer_than_the_keys():
    longer = torch.ones(1, 1, 5, 9, dtype=torch.bool).tril()
    assert torch.equal(compute_weights(a_call(mask=longer)), compute_weights(a_call(is_causal=True)))


def test_a_formula_of_a_family_of_its_own_is_found_out(monkeypatch):
    call = a_call(is_causal=True)
    monkeypatch.setattr("playground.attention.weights.eager_weights", lambda call, queries: ours[:, queries])
    ours = compute_weights(call)
    assert is_plain(call)
    ours = ours * 0.9
    assert not is_plain(call)


def test_a_module_without_an_eager_function_of_its_own_is_taken_by_the_formula():
    assert is_plain(a_call())
