"""Words of real tokenizers."""

import numpy as np
import pytest

from playground.backends import local

TEXT = "The little girl didn't stop, she ran.\nOnce 中文 é!"


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert"])
def test_words_are_those_of_the_text(tiny, family):
    attention = tiny(family).lm.attention(TEXT)
    found = attention.word_map(1, 2)
    words = [word.text.strip() for word in found.query_words if not word.special]
    assert words[:10] == ["The", "little", "girl", "didn't", "stop", ",", "she", "ran", ".", "Once"]
    if family != "bert":  # it has no such characters: special tokens stand for them
        assert words[10:] == ["中文", "é", "!"]
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=1e-5)
    assert found.key_words == found.query_words


def test_cross_attention_has_words_of_both(tiny):
    attention = tiny("t5").lm.attention(TEXT, "une petite fille")
    found = attention.word_map(0, 1, "cross")
    assert found.weights.shape == (len(found.query_words), len(found.key_words))
    assert [word.text.strip() for word in found.query_words if not word.special] == ["une", "petite", "fille"]


def test_through_the_backend(tiny, monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    backend = local.LocalBackend(["gpt2"])
    text = backend.read("gpt2", TEXT).ids
    assert len(backend.word_map("gpt2", text, 0, 1).key_words) == 13
