"""Attribution: each method is what it says, computed by hand, and nothing of it stays in the model."""

import threading
from functools import cache

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import playground
from playground.records import METHODS, PlaygroundError, TextIds
from tests.models.families import DECODERS, ENCODER_DECODERS, FAMILIES, IDS, SOURCE_IDS, text_of, tiny_lm

TOKEN = 5
ROUTED = ("gpt_oss",)  # its router jumps from expert to expert, so that no sum of gradients is the difference


def every(lm, family, baseline="mean"):
    return list(lm.attribution(**text_of(family), token=TOKEN, baseline=baseline))


@cache
def measured(family, baseline="mean"):
    """Return the whole attribution of a family, which several tests look at."""
    return every(tiny_lm(family), family, baseline)[-1]


def n_hooks(model):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def by_hand(lm, family, changed=None):
    """Return log-probability and embeddings as anyone gets them: a hook on the model's own embedding.

    changed: what becomes of the embeddings of each text, source first
    """
    model, is_pair = lm.loaded.model, family in ENCODER_DECODERS
    parts = [model.get_encoder(), model.get_decoder()] if is_pair else [model]
    seen = []

    def hook(_, __, output):
        at = len(seen)
        seen.append((output.detach() if changed is None else changed(at, output.detach().clone())).requires_grad_())
        return seen[-1]

    handles = [module.register_forward_hook(hook) for module in {part.get_input_embeddings() for part in parts}]
    try:
        inputs = {"input_ids": torch.tensor([IDS[:TOKEN]])}
        predicted = IDS[TOKEN]
        if is_pair:
            start = lm.attention(list(SOURCE_IDS), list(IDS)).target_tokens[0].id
            seen.clear()
            inputs = {
                "input_ids": torch.tensor([SOURCE_IDS]),
                "decoder_input_ids": torch.tensor([(start, *IDS[: TOKEN - 1])]),
            }
            predicted = IDS[TOKEN - 1]
        log_prob = model(**inputs, use_cache=False).logits[0, -1].float().log_softmax(-1)[predicted]
    finally:
        for handle in handles:
            handle.remove()
    return log_prob, seen


@pytest.mark.parametrize("family", FAMILIES)
def test_the_methods_of_one_pass_and_leave_one_out(family):
    lm = tiny_lm(family)
    log_prob, vectors = by_hand(lm, family)
    gradients = torch.autograd.grad(log_prob, vectors)
    products = torch.cat([(one * gradient).sum(-1)[0] for one, gradient in zip(vectors, gradients, strict=True)])
    found = measured(family)
    n = found.n_inputs
    log_prob = float(log_prob.detach())
    assert found.log_prob == pytest.approx(log_prob, abs=1e-4)
    np.testing.assert_allclose(found.scores["gradient × input"][:n], products.detach(), rtol=1e-2, atol=1e-4)
    assert all(np.isnan(scores[n:]).all() for scores in found.scores.values())
    means = [module_mean(lm, vectors, side) for side in range(len(vectors))]
    for place in (0, n - 2, n - 1):

        def without(side, output, place=place):
            at = place - (len(SOURCE_IDS) if side else 0)
            if 0 <= at < output.shape[1]:
                output[0, at] = means[side]
            return output

        with torch.no_grad():
            changed, _ = by_hand(lm, family, without)
        expected = log_prob - float(changed)
        assert found.scores["leave-one-out"][place] == pytest.approx(expected, rel=1e-2, abs=2e-4)


def module_mean(lm, vectors, side):
    """Return the mean of what the embedding gives for every token there is."""
    model = lm.loaded.model
    part = model if len(vectors) == 1 else (model.get_encoder(), model.get_decoder())[side]
    module = part.get_input_embeddings()
    return module(torch.arange(module.num_embeddings)).detach().mean(0)


@pytest.mark.parametrize(
    ("family", "baseline"),
    [*((family, "mean") for family in FAMILIES), ("gpt2", "zero"), ("gptj", "zero"), ("bart", "zero")],
)
def test_integrated_gradients_sum_to_the_difference_of_the_outputs(family, baseline):
    lm = tiny_lm(family)
    found = measured(family, baseline)
    complete = found.completeness
    if baseline == "zero":
        with torch.no_grad():
            at_baseline = float(by_hand(lm, family, lambda _, output: output * 0)[0])
        assert complete.baseline_log_prob == pytest.approx(at_baseline, abs=1e-3)
    scores = found.scores["integrated gradients"]
    assert complete.sum_nats == pytest.approx(float(np.nansum(scores)), abs=1e-3)
    assert complete.difference_nats == pytest.approx(found.log_prob - complete.baseline_log_prob, abs=1e-5)
    if family not in ROUTED:
        assert complete.error_nats <= max(0.005, 0.005 * abs(complete.difference_nats))


@pytest.mark.parametrize("family", ["gpt2", "llama", "gptj"])
def test_attention_times_gradient_is_what_hiding_a_token_would_change_to_the_first_order(family):
    """Weights a little larger, by hand: the output moves by their gradients times that."""
    lm = tiny_lm(family)
    model = lm.loaded.model
    found = lm.gradient_attribution(list(IDS), TOKEN)
    before = model.config._attn_implementation_internal
    model.config._attn_implementation_internal = "eager"
    try:
        output = model(input_ids=torch.tensor([IDS[:TOKEN]]), output_attentions=True, use_cache=False)
        log_prob = output.logits[0, -1].log_softmax(-1)[IDS[TOKEN]]
        gradients = torch.autograd.grad(log_prob, output.attentions)
    finally:
        model.config._attn_implementation_internal = before
    expected = sum((one * gradient).sum((0, 1, 2)) for one, gradient in zip(output.attentions, gradients, strict=True))
    np.testing.assert_allclose(
        found.scores["attention × gradient"][:TOKEN], expected.detach().numpy(), rtol=1e-2, atol=1e-5
    )


def test_of_a_source_both_texts_count():
    lm = tiny_lm("bart")
    found = lm.gradient_attribution(list(SOURCE_IDS), TOKEN, target=list(IDS))
    assert found.predicted_at == len(SOURCE_IDS) + TOKEN
    assert found.n_inputs == len(SOURCE_IDS) + TOKEN
    assert [token.id for token in found.tokens[: len(SOURCE_IDS)]] == list(SOURCE_IDS)
    assert np.abs(found.scores["attention × gradient"][: len(SOURCE_IDS)]).max() > 0


def test_an_encoder_predicts_under_its_mask(tiny):
    lm = tiny("bert").lm
    text = lm.read("a small cat")
    found = list(lm.attribution(text.ids, 2))[-1]
    ids = [token.id for token in text.tokens]
    predicted, ids[2] = ids[2], lm.loaded.tokenizer.mask_token_id
    with torch.no_grad():
        inputs = {"input_ids": torch.tensor([ids])}
        if text.type_ids:
            inputs["token_type_ids"] = torch.tensor([text.type_ids])
        expected = lm.loaded.model(**inputs).logits[0, 2].log_softmax(-1)[predicted]
    assert found.log_prob == pytest.approx(float(expected), abs=1e-4)
    assert found.n_inputs == len(ids)
    assert found.tokens[2].label == lm.loaded.tokenizer.mask_token
    assert not any(np.isnan(scores).any() for scores in found.scores.values())
    assert found.completeness.error_nats < 0.01


@pytest.mark.parametrize("name", ["stories", "translator"])
def test_of_the_bundled_models(name):
    lm = playground.load(name)
    texts = {"stories": ("Once upon a time there was a little girl.", None), "translator": ("the cat.", "le chat.")}
    found = list(lm.attribution(texts[name][0], 3, target=texts[name][1]))[-1]
    assert found.is_complete
    assert found.absent == {}
    assert found.agreement.methods == METHODS
    complete = found.completeness
    assert complete.error_nats <= max(0.005, 0.01 * abs(complete.difference_nats))
    first, second = (found.scores[method][: found.n_inputs] for method in METHODS[:2])
    if len(first) > 2:
        expected = spearmanr(first, second).statistic
        assert found.agreement.correlations[0, 1] == pytest.approx(expected)


def test_it_ends_when_it_is_stopped():
    lm, switch, found = tiny_lm("gpt2"), threading.Event(), []
    for one in lm.attribution(list(IDS), TOKEN, cancel=switch):
        found.append(one)
        switch.set()
    assert len(found) == 1
    assert set(found[0].scores) == {"gradient × input", "attention × gradient"}
    assert not found[0].is_complete


@pytest.mark.parametrize("family", ["gpt2", "gptj", "t5"])
def test_nothing_stays_in_the_model(family):
    lm = tiny_lm(family)
    model = lm.loaded.model
    before = [parameter.requires_grad for parameter in model.parameters()], n_hooks(model)
    with torch.no_grad():
        expected = by_hand(lm, family)[0]
    every(lm, family)
    generator = lm.attribution(**text_of(family), token=TOKEN)
    next(generator)
    generator.close()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert ([parameter.requires_grad for parameter in model.parameters()], n_hooks(model)) == before
    with torch.no_grad():
        assert torch.equal(by_hand(lm, family)[0], expected)


class NoGradient(torch.autograd.Function):
    """What is a number forwards, and none backwards."""

    @staticmethod
    def forward(_, given):
        return given.clone()

    @staticmethod
    def backward(_, gradient):
        return gradient * float("nan")


def test_gradients_that_are_not_numbers(monkeypatch):
    lm = tiny_lm("gpt2")
    norm = lm.loaded.model.transformer.ln_f
    handle = norm.register_forward_hook(lambda _, __, output: NoGradient.apply(output))
    try:
        with pytest.raises(PlaygroundError, match="are not numbers here"):
            lm.gradient_attribution(list(IDS), TOKEN)
    finally:
        handle.remove()


def test_bad_input(tiny):
    lm = tiny_lm("gpt2")
    with pytest.raises(PlaygroundError, match="Nothing stands before the first token"):
        lm.gradient_attribution([5], 0)
    with pytest.raises(PlaygroundError, match="of the target"):
        list(tiny_lm("bart").attribution(list(SOURCE_IDS), 0, target=list(IDS)))
    with pytest.raises(PlaygroundError, match="no target yet"):
        tiny_lm("bart").gradient_attribution(TextIds(SOURCE_IDS), 0)
    with pytest.raises(PlaygroundError, match="token must be a whole number"):
        lm.gradient_attribution(list(IDS), 99)
    short = lm.gradient_attribution(list(IDS[:2]), 1)
    assert short.n_inputs == 1
    assert np.isnan(short.agreement.correlations).all()


def test_what_would_take_too_much_memory(monkeypatch):
    from playground.analysis import attributed_input

    lm = tiny_lm("gpt2")
    monkeypatch.setattr(attributed_input, "_ATTENTION_BYTES", 100)
    found = lm.gradient_attribution(list(IDS), TOKEN)
    assert "would take about" in found.absent["attention × gradient"]
    monkeypatch.setattr(attributed_input, "_BATCH_BYTES", 1)  # a copy at a time
    slow = every(lm, "gpt2")
    assert slow[-1].is_complete
    monkeypatch.undo()
    for method in METHODS[:3]:
        np.testing.assert_allclose(slow[-1].scores[method], every(lm, "gpt2")[-1].scores[method], rtol=1e-3, atol=1e-4)
    monkeypatch.setattr(attributed_input, "_MOST_BYTES", 100)
    with pytest.raises(PlaygroundError, match="select an earlier token"):
        lm.gradient_attribution(list(IDS), TOKEN)


@pytest.mark.parametrize("family", DECODERS)
def test_a_token_is_predicted_from_those_before_it_alone(family):
    """What follows changes nothing."""
    lm = tiny_lm(family)
    one, other = (lm.gradient_attribution([*IDS[: TOKEN + 1], *rest], TOKEN) for rest in ([1, 2], [3, 4]))
    np.testing.assert_array_equal(one.scores["gradient × input"], other.scores["gradient × input"])
