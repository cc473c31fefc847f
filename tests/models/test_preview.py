"""What could come next, what a text's tokens were worth, and the funnel and the draw that are recorded of a run."""

import math

import numpy as np
import pytest
import torch

from playground.decoding.processors import build_filters
from playground.records import GenerationSettings, PlaygroundError
from tests.models.test_decoding import PROMPT


@pytest.mark.parametrize("family", ["gpt2", "llama", "bart", "t5"])
def test_next_token_is_what_the_first_step_had(tiny, family):
    lm = tiny(family).lm
    record = lm.generate(PROMPT, temperature=0.7, max_new_tokens=4)
    ids = [token.id for token in lm.tokenize(PROMPT)]
    for step in record.steps:
        found = lm.next_token(ids, record.token_ids[: step.index])
        probs = np.exp(found.logits - found.logits.max())
        probs /= probs.sum()
        expected = [candidate.raw_probability for candidate in step.candidates]
        assert probs[[candidate.id for candidate in step.candidates]] == pytest.approx(expected, abs=1e-6)
        assert found.seen_ids[-step.index or len(found.seen_ids) :] == record.token_ids[: step.index]
        assert found.likely[0].id == int(found.logits.argmax())


def test_words_are_rules_of_the_next_token(tiny):
    lm = tiny("gpt2").lm
    word_id = lm.tokenize(" little")[-1].id
    found = lm.next_token(PROMPT, settings=GenerationSettings(bad_words=(" little",), force_words=("fire",)))
    effects = {rule.name: rule for rule in found.rules}
    if len(lm.tokenize(" little")) == 1:
        assert word_id in effects["forbidden words"].ids
        assert not effects["forbidden words"].keeps
    assert effects["forced words"].ids == (0,)  # the end of the text
    found = lm.next_token(PROMPT, settings=GenerationSettings(force_words=("fire",), max_new_tokens=1))
    assert effects["forced words"].keeps is False
    assert all(rule.keeps and len(rule.ids) == 1 for rule in found.rules)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_reading_is_what_the_model_computes(tiny, family):
    model = tiny(family)
    text = "Once upon a time there was a little girl"
    reading = model.lm.reading(text)
    ids = torch.tensor([[token.id for token in model.lm.tokenize(text)]])
    with torch.no_grad():
        log_probs = model.reference(ids).logits[0].log_softmax(-1)
    expected = log_probs[:-1].gather(1, ids[0, 1:, None])[:, 0]
    assert reading.log_probabilities[1:] == pytest.approx(expected.numpy(), abs=1e-4)
    assert np.isnan(reading.log_probabilities[0])
    entropies = -(log_probs.exp() * log_probs).sum(-1)[:-1] / math.log(2)
    assert reading.entropies_bits[1:] == pytest.approx(entropies.numpy(), abs=1e-4)
    assert reading.perplexity == pytest.approx(float((-expected.mean()).exp()), rel=1e-4)
    assert [score.probability for score in model.lm.score(text)][1:] == pytest.approx(
        np.exp(reading.log_probabilities[1:]).tolist(), rel=1e-3, abs=1e-6
    )


def test_encoders_and_pairs_do_not_read_so(tiny):
    with pytest.raises(PlaygroundError, match="cannot write on"):
        tiny("bert").lm.next_token(PROMPT)
    with pytest.raises(PlaygroundError, match="no decoder"):
        tiny("bart").lm.reading(PROMPT)


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_a_funnel_is_what_the_processors_leave(tiny, family):
    lm = tiny(family).lm
    settings = GenerationSettings(
        temperature=0.7, top_k=50, top_p=0.9, min_p=0.01, typical_p=0.9, repetition_penalty=1.2, no_repeat_ngram_size=2
    )
    record = lm.generate(PROMPT, settings, max_new_tokens=6)
    for step in record.steps:
        found = lm.next_token(record.prompt_ids, record.token_ids[: step.index])
        ids, scores = torch.tensor([found.seen_ids]), torch.tensor(found.logits)[None]
        counts, shares, probs = [scores.shape[1]], [1.0], [scores.softmax(-1)[0]]
        for one in build_filters(settings):
            scores = one.process(ids, scores)
            kept = scores[0] > -math.inf
            counts.append(int(kept.sum()))
            shares.append(float(probs[-1][kept].sum()))
            probs.append(scores.softmax(-1)[0])
        of = [candidate.id for candidate in step.candidates]
        assert step.funnel.names == (
            "model", "repetition penalty", "no repeats", "temperature", "top-k", "top-p", "min-p", "typical-p",
        )  # fmt: skip
        assert step.funnel.n_kept == tuple(counts)
        assert step.funnel.survived == pytest.approx(shares, abs=1e-4)
        for row, expected in zip(step.funnel.probabilities, probs, strict=True):
            assert row == pytest.approx(expected[of].numpy(), abs=1e-5)
        assert step.n_kept == counts[-1]


def test_a_draw_is_the_race_that_multinomial_ran(tiny):
    record = tiny("gpt2").lm.generate(PROMPT, temperature=1.5, top_k=20, seed=11, max_new_tokens=10)
    generator = torch.Generator().manual_seed(11)
    for step in record.steps:
        exponentials = torch.empty(1, 400).exponential_(1, generator=generator)[0]
        for candidate, time in zip(step.candidates, step.draw.times, strict=True):
            if candidate.probability == 0:
                assert time == math.inf
            else:
                assert time == pytest.approx(float(exponentials[candidate.id]) / candidate.probability, rel=1e-4)
        assert step.draw.time == pytest.approx(min(step.draw.times), rel=1e-5)
        assert step.draw.time <= step.draw.second_time
        assert 0 <= step.draw.place < 1
    assert all(step.draw is None for step in tiny("gpt2").lm.generate(PROMPT, strategy="greedy").steps)


def test_perplexity_of_a_run(tiny):
    record = tiny("gpt2").lm.generate(PROMPT, max_new_tokens=8)
    mean = sum(math.log(step.chosen.raw_probability) for step in record.steps) / 8
    assert record.perplexity == pytest.approx(math.exp(-mean))


def test_a_source_beyond_the_context_is_refused(tiny):
    with pytest.raises(PlaygroundError, match="The prompt has 70 tokens, the model reads 64"):
        tiny("bart").lm.next_token((5,) * 70)
