"""What is computed some queries at a time, or while a pass goes on, is what is computed of all at once."""

import numpy as np
import pytest
import torch

from playground.attention import tiles, weights
from playground.attention.attention import Attention
from playground.attention.layers import CapturedLayers, OutputLayers

FAMILIES = ["gpt2", "llama", "gemma2", "gpt_oss", "falcon", "bert", "t5"]


def ids_of(length=50):
    return [int(id) for id in np.random.default_rng(3).integers(5, 60, length)]


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_of_patterns_are_those_of_the_whole_map(tiny, monkeypatch, family):
    monkeypatch.setattr(weights, "STRIPE", 7)
    target = ids_of(20) if family == "t5" else None
    attention = tiny(family).lm.attention(ids_of(), target)
    for kind in attention.kinds:
        found = attention.patterns(kind)
        layers = attention._layers(kind)
        whole = OutputLayers([layers.weights(layer)[None] for layer in range(layers.n_layers)])
        alone = Attention(attention._capture, attention.tokens, attention.target_tokens)
        alone._layers = lambda _, whole=whole: whole
        expected = alone.patterns(kind)
        assert found.names == expected.names
        np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=2e-6)
        np.testing.assert_allclose(found.even, expected.even, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(found.n_queries, expected.n_queries)


@pytest.mark.parametrize("family", FAMILIES)
def test_tiles_that_were_worked_out_meanwhile_are_the_same(tiny, monkeypatch, family):
    monkeypatch.setattr(tiles, "_WORTH_IT", 2)
    monkeypatch.setattr(tiles, "has_free_core", lambda: True)
    lm, target = tiny(family).lm, ids_of(20) if family == "t5" else None
    ahead, after = lm.attention(ids_of(), target, overview=True), lm.attention(ids_of(), target)
    for kind in after.kinds:
        np.testing.assert_array_equal(ahead.summary(kind).tiles, after.summary(kind).tiles)
        np.testing.assert_array_equal(ahead.summary(kind, 16).tiles, after.summary(kind, 16).tiles)
        layers = ahead._layers(kind)
        if isinstance(layers, CapturedLayers):
            block = tiles.block_of(len(ahead.query_tokens(kind)), len(ahead.key_tokens(kind)))
            known = [layers.tiles.of(call, block) is not None for call in layers.calls]
            assert known == [layers.is_plain(layer) for layer in range(layers.n_layers)]


def test_without_a_free_core_nothing_is_worked_out_ahead(tiny, monkeypatch):
    monkeypatch.setattr(tiles, "_WORTH_IT", 2)
    monkeypatch.setattr(tiles, "has_free_core", lambda: False)
    attention = tiny("gpt2").lm.attention(ids_of(), overview=True)
    layers = attention._layers("self")
    assert isinstance(layers, CapturedLayers)
    assert not any(layers.tiles.of(call, tiles.block_of(50, 50)) is not None for call in layers.calls)
    assert attention.summary().tiles.any()


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gpt_oss", "falcon"])
def test_the_reading_of_a_capture_is_that_of_a_pass_of_its_own(tiny, family):
    lm = tiny(family).lm
    expected = lm.reading(ids_of())
    found = lm.attention(ids_of(), overview=True).reading
    assert lm.attention(ids_of()).reading is None  # it was not asked for
    assert found is not None
    assert found.tokens == expected.tokens
    for name in ("log_probabilities", "entropies_bits", "end_probabilities"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=0, atol=2e-5)
    assert torch.isfinite(torch.tensor(found.entropies_bits[1:])).all()


@pytest.mark.parametrize(("family", "target"), [("bert", None), ("t5", ids_of(20))])
def test_what_predicts_no_text_has_no_reading(tiny, family, target):
    assert tiny(family).lm.attention(ids_of(), target, overview=True).reading is None
