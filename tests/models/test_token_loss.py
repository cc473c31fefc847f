"""The loss of each token is what transformers trains on."""

import math

import numpy as np
import pytest
import torch

import playground
from playground.backends import local
from playground.records import PlaygroundError, TextIds
from tests.models.families import DECODERS, ENCODER_DECODERS, IDS, SOURCE_IDS, text_of, tiny_lm


@pytest.mark.parametrize("family", DECODERS)
def test_the_mean_is_the_loss_of_labels(family):
    lm = tiny_lm(family)
    loss = lm.token_loss(list(IDS))
    ids = torch.tensor([IDS])
    with torch.inference_mode():
        output = lm.loaded.model(input_ids=ids, labels=ids)
    assert loss.mean_nats == pytest.approx(float(output.loss), rel=1e-5)
    expected = torch.nn.functional.cross_entropy(output.logits[0, :-1].float(), ids[0, 1:], reduction="none")
    np.testing.assert_allclose(loss.losses_nats[1:], expected, rtol=1e-4, atol=1e-5)
    assert np.isnan(loss.losses_nats[0])
    np.testing.assert_allclose(loss.log_sums - loss.logits, loss.losses_nats)
    assert loss.perplexity == pytest.approx(math.exp(float(output.loss)), rel=1e-4)


@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_an_encoder_decoder_loses_at_its_target(family):
    lm = tiny_lm(family)
    loss = lm.token_loss(**text_of(family))
    with torch.inference_mode():
        output = lm.loaded.model(
            input_ids=torch.tensor([SOURCE_IDS]),
            decoder_input_ids=torch.tensor([[loss.tokens[0].id, *IDS[:-1]]]),
            labels=torch.tensor([IDS]),
        )
    assert loss.mean_nats == pytest.approx(float(output.loss), rel=1e-5)
    assert [token.id for token in loss.tokens[1:]] == list(IDS)


@pytest.mark.parametrize("name", ["stories", "translator"])
def test_of_the_bundled_models(name):
    lm = playground.load(name)
    if name == "stories":
        loss = lm.token_loss("Once upon a time there was a little girl.")
        ids = torch.tensor([[token.id for token in loss.tokens]])
        expected = lm.loaded.model(input_ids=ids, labels=ids).loss
        assert loss.bits_per_character == pytest.approx(
            loss.total_nats / math.log(2) / sum(len(token.text) for token in loss.tokens[1:])
        )
    else:
        loss = lm.token_loss("the cat sees the dog.", "le chat voit le chien.")
        ids = [token.id for token in loss.tokens]
        expected = lm.loaded.model(
            input_ids=torch.tensor([[token.id for token in lm.tokenize("the cat sees the dog.")]]),
            decoder_input_ids=torch.tensor([ids[:-1]]),
            labels=torch.tensor([ids[1:]]),
        ).loss
    assert loss.mean_nats == pytest.approx(float(expected.detach()), rel=1e-4)


def test_one_token_has_no_loss():
    loss = tiny_lm("gpt2").token_loss([5])
    assert loss.n_predicted == 0
    assert math.isnan(loss.mean_nats)
    assert math.isnan(loss.perplexity)
    assert loss.total_nats == 0


def test_what_cannot_be_is_refused(tiny):
    with pytest.raises(PlaygroundError, match="is an encoder"):
        tiny("bert").lm.token_loss([5, 6, 7])
    with pytest.raises(PlaygroundError, match="no target yet"):
        tiny_lm("bart").token_loss([5, 6, 7])
    with pytest.raises(PlaygroundError, match="shorten it"):
        tiny_lm("gpt2").token_loss([5] * 65)
    with pytest.raises(PlaygroundError, match="must be whole numbers"):
        tiny_lm("gpt2").token_loss([5, 100_000])
    with pytest.raises(PlaygroundError, match="sees a token before it predicts it"):
        tiny_lm("xlnet").token_loss([5, 6, 7])


def test_numbers_that_are_none_are_said(damaged):
    with pytest.raises(PlaygroundError, match="is not a number"):
        damaged.token_loss([5, 6, 7])


def test_through_the_backend(monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny_lm("gpt2"))
    backend = local.LocalBackend(["gpt2"])
    np.testing.assert_array_equal(
        backend.token_loss("gpt2", TextIds(IDS)).losses_nats, tiny_lm("gpt2").token_loss(list(IDS)).losses_nats
    )
