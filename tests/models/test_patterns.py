"""Pattern scores of real models, and the text of repeated random tokens."""

import numpy as np
import pytest

from playground.backends import local
from playground.records import PlaygroundError

TEXT = "Once upon a time there was a little girl. Once upon a time there was a fox."


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gptj", "bert"])
def test_scores_are_those_of_the_weights(tiny, family):
    attention = tiny(family).lm.attention(TEXT)
    patterns = attention.patterns()
    for layer in range(2):
        for head in range(4):
            weights = attention.weights(layer, head)
            found = patterns.of(layer, head)
            start = 0 if family == "bert" else 1
            assert found["previous"].score == pytest.approx(weights.diagonal(-1).mean(), abs=1e-5)
            assert found["same"].score == pytest.approx(weights.diagonal()[start:].mean(), abs=1e-5)
            assert 0 < found["uniform"].score < 1
            assert found["duplicate"].n_queries >= 4
    assert ("next" in patterns.names) == (family == "bert")


def test_sinks_that_are_no_keys(tiny):
    patterns = tiny("gpt_oss").lm.attention(TEXT).patterns()
    assert (patterns.scores[patterns.names.index("uniform")] <= 1 + 1e-5).all()


def test_kinds_of_an_encoder_decoder(tiny):
    attention = tiny("t5").lm.attention(TEXT, "une petite fille")
    assert attention.patterns("cross").names == ("first", "uniform")
    assert "next" in attention.patterns("encoder").names
    assert "next" not in attention.patterns("decoder").names
    with pytest.raises(PlaygroundError, match="no attention of the kind 'self'"):
        attention.patterns()


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert", "t5"])
def test_repeated_tokens(tiny, family):
    lm = tiny(family).lm
    ids = lm.repeated_ids()
    assert ids == lm.repeated_ids(7) != lm.repeated_ids(8)
    assert len(ids) <= (lm.spec.context_length or 101)
    block = 25 if family == "t5" else 15
    assert len(ids) == 4 * block + 1  # a start token
    assert ids[-block:] * 3 == ids[-3 * block :]
    assert len(set(ids[-block:])) == block
    assert not set(ids[-block:]) & lm.loaded.codec.special_ids
    attention = lm.attention(ids)
    patterns = attention.patterns(attention.kinds[0])
    two_way = "next" in patterns.names
    of_duplicate, of_induction = (patterns.n_queries[patterns.names.index(name)] for name in ("duplicate", "induction"))
    assert (of_duplicate == (4 if two_way else 3) * block).all()
    assert (of_induction == (4 if two_way else 3) * block).all()


def test_a_context_that_is_too_short(tiny, monkeypatch):
    from dataclasses import replace

    lm = tiny("gpt2").lm
    short = replace(lm.loaded, spec=replace(lm.spec, context_length=12))
    monkeypatch.setattr(lm, "loaded", short)
    with pytest.raises(PlaygroundError, match="reads 12 tokens"):
        lm.repeated_ids()


def test_through_the_backend(tiny, monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    backend = local.LocalBackend(["gpt2", "t5"])
    text = backend.read("gpt2", TEXT).ids
    patterns = backend.head_patterns("gpt2", text)
    np.testing.assert_array_equal(patterns.scores, tiny("gpt2").lm.attention(text).patterns().scores)
    assert backend.repeated_patterns("gpt2").kind == "self"
    assert backend.repeated_patterns("t5").kind == "encoder"
