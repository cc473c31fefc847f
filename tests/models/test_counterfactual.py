"""Counterfactual maps and predictions of real models."""

import numpy as np
import pytest
import torch

import playground
from playground.backends import local
from playground.records import PlaygroundError
from tests.models import checkpoints

TEXT = "Once upon a time there was a little girl."


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gpt_oss", "gptj", "bert"])
def test_nothing_hidden_is_what_was(tiny, family):
    found = tiny(family).lm.attention(TEXT).counterfactual(1, 2)
    np.testing.assert_allclose(found.weights, found.original, atol=1e-6)
    assert (found.hidden, found.mask_off) == ((), False)


@pytest.mark.parametrize("family", ["gpt2", "gemma2", "gptj"])
def test_hidden_keys_leave_their_share_to_the_others(tiny, family):
    attention = tiny(family).lm.attention(TEXT)
    found = attention.counterfactual(1, 2, [4, 0, 4])
    assert found.hidden == (0, 4)
    expected = attention.weights(1, 2).copy()
    expected[:, [0, 4]] = 0
    sums = expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(found.weights, np.divide(expected, sums, where=sums > 0, out=expected * 0), atol=1e-5)
    np.testing.assert_array_equal(found.original, attention.weights(1, 2))


def test_the_mask_off_shows_what_it_hid(tiny):
    attention = tiny("llama").lm.attention(TEXT)
    found = attention.counterfactual(0, 1, mask_off=True)
    assert (found.weights > 0).all()
    np.testing.assert_allclose(found.weights[-1], found.original[-1], atol=1e-6)
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=1e-5)


def test_bad_places(tiny):
    lm = tiny("gpt2").lm
    attention = lm.attention(TEXT)
    n_tokens = len(attention.tokens)
    for hidden in ([-1], [n_tokens], [True]):
        with pytest.raises(PlaygroundError, match=f"hidden must be a whole number from 0 to {n_tokens - 1}"):
            attention.counterfactual(0, 0, hidden)
        with pytest.raises(PlaygroundError, match=f"hidden must be a whole number from 0 to {n_tokens - 1}"):
            lm.masked_prediction(TEXT, hidden)
    for ask in (lambda keys: attention.counterfactual(0, 0, keys), lambda keys: lm.masked_prediction(TEXT, keys)):
        with pytest.raises(PlaygroundError, match="At least one token"):
            ask(range(n_tokens))


def losses(logits, ids):
    return -logits[:-1].log_softmax(-1)[torch.arange(len(ids) - 1), ids[1:]]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_hiding_the_beginning_is_reading_the_rest_alone(tiny, family):
    model = tiny(family)
    found = model.lm.masked_prediction(TEXT, [0, 1, 2])
    ids = torch.tensor([token.id for token in found.tokens])
    with torch.no_grad():
        whole = model.reference(input_ids=ids[None]).logits[0]
        places = torch.arange(3, len(ids))[None]
        rest = model.reference(input_ids=ids[None, 3:], position_ids=places).logits[0]
    np.testing.assert_allclose(found.original_loss_nats[1:], losses(whole, ids), atol=1e-3)
    np.testing.assert_allclose(found.loss_nats[4:], losses(rest, ids[3:]), atol=1e-3)
    assert np.isnan(found.loss_nats[0])
    for logits, candidates in ((whole, found.original_candidates), (rest, found.candidates)):
        probabilities, best = logits[-1].softmax(-1).topk(10)
        assert [one.id for one in candidates] == best.tolist()
        np.testing.assert_allclose([one.probability for one in candidates], probabilities, atol=1e-4)
    assert found.candidates != found.original_candidates


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gpt_oss"])
def test_hiding_nothing_changes_nothing(tiny, family):
    found = tiny(family).lm.masked_prediction(TEXT)
    np.testing.assert_allclose(found.loss_nats, found.original_loss_nats, atol=1e-3)
    assert [one.id for one in found.candidates] == [one.id for one in found.original_candidates]


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gpt_oss"])
def test_a_hidden_token_can_be_any(tiny, family):
    """What stands at a hidden place changes no prediction but its own."""
    lm = tiny(family).lm
    ids = [token.id for token in lm.tokenize(TEXT)]
    others = [*ids[:4], 77, *ids[5:]]
    one, other = (lm.masked_prediction(each, [4]) for each in (ids, others))
    kept = [place for place in range(1, len(ids)) if place not in (4, 5)]
    np.testing.assert_allclose(one.loss_nats[kept], other.loss_nats[kept], atol=1e-4)
    assert np.abs(one.original_loss_nats[kept] - other.original_loss_nats[kept]).max() > 0.01


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2"])
def test_without_the_causal_mask_what_comes_later_leaks(tiny, family):
    lm = tiny(family).lm
    ids = [token.id for token in lm.tokenize(TEXT)]
    one, other = (lm.masked_prediction(each, mask_off=True) for each in (ids, [*ids[:-1], 77]))
    np.testing.assert_allclose(one.original_loss_nats[:-1], other.original_loss_nats[:-1], atol=1e-4)
    assert np.abs(one.loss_nats[1:-1] - other.loss_nats[1:-1]).min() > 1e-4
    assert one.mask_off


def test_without_the_causal_mask_by_the_reference(tiny):
    model = tiny("llama")
    found = model.lm.masked_prediction(TEXT, mask_off=True)
    ids = torch.tensor([token.id for token in found.tokens])
    with torch.no_grad():
        logits = model.reference(input_ids=ids[None], attention_mask=torch.zeros(1, 1, len(ids), len(ids))).logits[0]
    np.testing.assert_allclose(found.loss_nats[1:], losses(logits, ids), atol=1e-3)


@pytest.mark.parametrize(("family", "message"), [("bert", "not a decoder"), ("gptj", "does not take a mask")])
def test_models_that_cannot(tiny, family, message):
    with pytest.raises(PlaygroundError, match=message):
        tiny(family).lm.masked_prediction(TEXT, [1])


def test_a_model_that_reads_its_positions_off_the_mask_is_refused():
    """Of OPT a mask as a matrix would change the positions: no number is better than a wrong one."""
    from transformers import OPTConfig, OPTForCausalLM

    torch.manual_seed(0)
    config = OPTConfig(
        vocab_size=checkpoints.VOCABULARY,
        hidden_size=32,
        ffn_dim=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
        word_embed_proj_dim=32,
    )
    lm = playground.wrap(OPTForCausalLM(config).eval(), checkpoints.byte_level_tokenizer(), "opt")
    with pytest.raises(PlaygroundError, match="does not take a mask"):
        lm.masked_prediction(TEXT, [1])


def test_one_token(tiny):
    found = tiny("gpt2").lm.masked_prediction((5,), mask_off=True)
    assert np.isnan(found.loss_nats).all()
    assert len(found.candidates) == 10


SOURCE, TARGET = "The fox said to the girl", "une petite fille"
PAIRS = ["bart", "marian", "t5"]


def check_pair(model, found, expected, ids):
    """Compare a prediction with what transformers makes of the same masks, made by hand."""
    np.testing.assert_allclose(found.loss_nats[1:], losses(expected, ids), atol=1e-3)
    probabilities, best = expected[-1].softmax(-1).topk(10)
    assert [one.id for one in found.candidates] == best.tolist()
    np.testing.assert_allclose([one.probability for one in found.candidates], probabilities, atol=1e-4)
    assert np.abs(found.loss_nats[1:] - found.original_loss_nats[1:]).max() > 1e-3


def pair_of(model):
    start = model.reference.config.decoder_start_token_id
    read = model.lm.read(SOURCE, TARGET)
    assert read.target_tokens[0].id == start
    source, target = (torch.tensor([[token.id for token in side]]) for side in (read.tokens, read.target_tokens))
    return source, target


@pytest.mark.parametrize("family", PAIRS)
@pytest.mark.parametrize("mask_off", [False, True])
def test_the_decoder_of_a_pair_under_another_mask(tiny, family, mask_off):
    model = tiny(family)
    source, target = pair_of(model)
    n_tokens = target.shape[1]
    seen = torch.ones(n_tokens, n_tokens) if mask_off else torch.ones(n_tokens, n_tokens).tril()
    seen[:, 1] = 0
    seen[1, 1] = 1
    mask = torch.zeros(1, 1, n_tokens, n_tokens).masked_fill(seen == 0, torch.finfo(torch.float32).min)
    found = model.lm.masked_prediction(SOURCE, [1], mask_off=mask_off, target=TARGET)
    with torch.no_grad():
        plain = model.reference(input_ids=source, decoder_input_ids=target).logits[0]
        logits = model.reference(input_ids=source, decoder_input_ids=target, decoder_attention_mask=mask).logits[0]
    np.testing.assert_allclose(found.original_loss_nats[1:], losses(plain, target[0]), atol=1e-3)
    check_pair(model, found, logits, target[0])
    assert (found.kind, found.mask_off, found.hidden) == ("decoder", mask_off, (1,))
    assert found.hidden_tokens == (found.tokens[1],)


@pytest.mark.parametrize("family", PAIRS)
@pytest.mark.parametrize("kind", ["encoder", "cross"])
def test_the_source_of_a_pair_hidden(tiny, family, kind):
    model = tiny(family)
    source, target = pair_of(model)
    mask = torch.ones_like(source)
    mask[0, [1, 3]] = 0
    found = model.lm.masked_prediction(SOURCE, [3, 1], target=TARGET, kind=kind)
    with torch.no_grad():
        read = model.reference.get_encoder()(source, attention_mask=mask if kind == "encoder" else None)
        logits = model.reference(encoder_outputs=read, attention_mask=mask, decoder_input_ids=target).logits[0]
    check_pair(model, found, logits, target[0])
    assert (found.kind, found.hidden) == (kind, (1, 3))
    assert [token.id for token in found.hidden_tokens] == source[0, [1, 3]].tolist()


def test_the_first_word_of_a_pair(tiny):
    """Without a target the decoder has read its start token alone."""
    model = tiny("bart")
    found = model.lm.masked_prediction(SOURCE, [2], kind="cross")
    assert len(found.tokens) == 1
    assert np.isnan(found.loss_nats).all()
    assert found.candidates != found.original_candidates


def test_what_a_pair_has_not(tiny):
    lm = tiny("bart").lm
    with pytest.raises(PlaygroundError, match="no causal mask to take off"):
        lm.masked_prediction(SOURCE, mask_off=True, target=TARGET, kind="cross")
    with pytest.raises(PlaygroundError, match="kind must be decoder or encoder or cross for bart, not 'self'"):
        lm.masked_prediction(SOURCE, target=TARGET, kind="self")
    with pytest.raises(PlaygroundError, match="kind must be self"):
        tiny("gpt2").lm.masked_prediction(TEXT, kind="cross")
    n_tokens = len(lm.tokenize(SOURCE))
    with pytest.raises(PlaygroundError, match="At least one token"):
        lm.masked_prediction(SOURCE, range(n_tokens), target=TARGET, kind="encoder")
    with pytest.raises(PlaygroundError, match="hidden must be a whole number from 0 to"):
        lm.masked_prediction(SOURCE, [n_tokens], target=TARGET, kind="cross")


def test_a_pair_through_the_backend(tiny, monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    backend = local.LocalBackend(["bart"])
    text = backend.read("bart", SOURCE, TARGET).ids
    for kind in ("encoder", "decoder", "cross"):
        assert backend.masked_prediction("bart", text, [1], kind=kind).kind == kind


def test_through_the_backend(tiny, monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    backend = local.LocalBackend(["gpt2"])
    text = backend.read("gpt2", TEXT).ids
    assert backend.counterfactual_map("gpt2", text, 0, 1, [0]).hidden == (0,)
    assert backend.masked_prediction("gpt2", text, [0], mask_off=True).mask_off
