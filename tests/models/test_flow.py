"""Rollout and flow of real models."""

import numpy as np
import pytest

from playground.backends import local
from playground.records import PlaygroundError

TEXT = "Once upon a time."


@pytest.mark.parametrize(("family", "kind"), [("gpt2", "self"), ("gptj", "self"), ("bert", "self"), ("t5", "encoder")])
def test_rollout_by_its_definition(tiny, family, kind):
    attention = tiny(family).lm.attention(TEXT)
    found = attention.flow(3, "rollout", kind)
    mixture = np.eye(len(attention.tokens))
    np.testing.assert_allclose(found.relevance[0], mixture[3])
    for layer in range(2):
        shares = attention.weights(layer, kind=kind).mean(0) / 2 + np.eye(len(mixture)) / 2
        mixture = shares @ mixture
        np.testing.assert_allclose(found.relevance[layer + 1], mixture[3], atol=1e-5)
    flowing = attention.flow(3, "flow", kind)
    np.testing.assert_allclose(flowing.relevance[1], found.relevance[1], atol=1e-5)  # one layer: one path each
    assert (flowing.relevance >= found.relevance - 1e-5).all()
    if family.startswith("gpt"):
        assert not flowing.relevance[:, 4:].any()
        assert not found.relevance[:, 4:].any()


def test_what_cannot_be_followed(tiny):
    attention = tiny("t5").lm.attention(TEXT, "une fille")
    assert attention.flow(1, "flow", "decoder").relevance.shape == (3, len(attention.target_tokens))
    with pytest.raises(PlaygroundError, match="within one text"):
        attention.flow(0, kind="cross")
    with pytest.raises(PlaygroundError, match="token must be a whole number"):
        attention.flow(len(attention.tokens), kind="encoder")


def test_through_the_backend(tiny, monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    backend = local.LocalBackend(["gpt2"])
    text = backend.read("gpt2", TEXT).ids
    assert backend.token_flow("gpt2", text, 2).method == "rollout"
    assert backend.token_flow("gpt2", text, 2, "flow").relevance.shape == (3, len(text.ids))
