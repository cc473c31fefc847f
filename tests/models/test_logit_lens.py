"""The lens after the last layer is the model's own distribution, and each stage is what the residual stream holds."""

import numpy as np
import pytest
import torch

import playground
from playground.backends import local
from playground.records import LensStage, PlaygroundError, TextIds
from playground.records.logit_lens import N_POSITIONS, first_shown
from tests.models.families import ENCODER_DECODERS, FAMILIES, IDS, reference_inputs, text_of, tiny_lm

HAVE_PARTS = ("gpt2", "llama", "gemma2", "gptj", "falcon", "opt", "cohere", "bloom", "qwen3", "gpt_neox")


def own_distribution(lm, family):
    with torch.inference_mode():
        return lm.loaded.model(**reference_inputs(lm, family)).logits[0].float().softmax(-1)  # (token, vocabulary)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_stage_is_the_models_own_prediction(family):
    lm = tiny_lm(family)
    lens = lm.logit_lens(lm.residuals(**text_of(family)), 3)
    expected = own_distribution(lm, family)
    assert lens.stages[-1] == LensStage("layer", lm.spec.n_layers - 1)
    assert lens.n_positions == len(expected) == len(lens.tokens)
    best = expected.topk(lens.probabilities.shape[-1])
    np.testing.assert_allclose(lens.probabilities[-1], best.values, rtol=1e-4, atol=1e-6)
    found = [[token.id for token in cell] for cell in lens.candidates[-1]]
    assert [cell[0] for cell in found] == best.indices[:, 0].tolist()
    entropies = -(expected * expected.log2()).nan_to_num(0).sum(-1)
    np.testing.assert_allclose(lens.entropies_bits[-1], entropies, rtol=1e-3, atol=1e-4)
    assert (lens.answer_ranks[-1] == 1).all()
    following = [*IDS[1:]] if family not in ENCODER_DECODERS else [*IDS]
    own = expected[range(len(following)), following]
    np.testing.assert_allclose(lens.following_probabilities[-1, : len(following)], own, rtol=1e-3, atol=1e-6)
    assert np.isnan(lens.following_probabilities[:, -1]).all()


@pytest.mark.parametrize("family", HAVE_PARTS)
def test_behind_attention_and_mlp(family):
    lm = tiny_lm(family)
    stream = lm.residuals(list(IDS))
    parts = lm.logit_lens(stream, 0, parts=True)
    whole = lm.logit_lens(stream, 0)
    assert [stage.part for stage in parts.stages] == ["input", *["attention", "layer"] * lm.spec.n_layers]
    assert [stage for stage in parts.stages if stage.part != "attention"] == list(whole.stages)
    np.testing.assert_allclose(parts.probabilities[-1], whole.probabilities[-1], rtol=1e-4)
    assert not np.allclose(parts.probabilities[1], parts.probabilities[2])
    assert parts.parts_absent == ""


def test_the_stages_of_gpt2_by_hand():
    """As anyone would compute it with transformers: hidden states, the final norm, the unembedding."""
    lm = tiny_lm("gpt2")
    model = lm.loaded.model
    stream = lm.residuals(list(IDS))
    lens = lm.logit_lens(stream, 0, parts=True)
    with torch.inference_mode():
        states = model(input_ids=torch.tensor([IDS]), output_hidden_states=True).hidden_states
        block = model.transformer.h[0]
        behind = states[0] + block.attn(block.ln_1(states[0]))[0]
        for stage, state in ((0, states[0]), (1, behind), (2, states[1])):
            probs = model.lm_head(model.transformer.ln_f(state))[0].softmax(-1)
            np.testing.assert_allclose(lens.probabilities[stage, :, 0], probs.max(-1).values, rtol=1e-4)
            answer = probs[:, [token.id for token in lens.answers]].diagonal()
            np.testing.assert_allclose(lens.answer_probabilities[stage], answer, rtol=1e-3, atol=1e-7)
            np.testing.assert_array_equal(lens.answer_ranks[stage], (probs > answer[:, None]).sum(-1) + 1)


def test_post_norm_models_say_why_there_is_nothing_behind_attention():
    lm = tiny_lm("bart")
    lens = lm.logit_lens(lm.residuals(**text_of("bart")), 0, parts=True)
    assert "do not simply add" in lens.parts_absent
    assert all(stage.part != "attention" for stage in lens.stages)


@pytest.mark.parametrize("name", ["stories", "translator"])
def test_of_the_bundled_models(name):
    lm = playground.load(name)
    if name == "stories":
        stream = lm.residuals("Once upon a time there was a little girl.")
        ids = [token.id for token in stream.written]
        logits = lm.loaded.model(input_ids=torch.tensor([ids])).logits
    else:
        stream = lm.residuals("the cat sees the dog.", "le chat voit le chien.")
        source = [token.id for token in lm.tokenize("the cat sees the dog.")]
        ids = [token.id for token in stream.written]
        logits = lm.loaded.model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([ids])).logits
    lens = lm.logit_lens(stream, 0)
    best = logits[0].detach().float().softmax(-1).max(-1).values
    np.testing.assert_allclose(lens.probabilities[-1, :, 0], best, rtol=1e-4)


def test_a_long_text_is_shown_in_part():
    lm = tiny_lm("gpt2")
    ids = [id % 400 for id in range(7, 67)]
    stream = lm.residuals(ids)
    for position, start in ((0, 0), (30, 18), (59, 36)):
        lens = lm.logit_lens(stream, position)
        assert (lens.start, lens.n_positions) == (start, N_POSITIONS)
        assert first_shown(position, 60) == start
    whole = lm.logit_lens(lm.residuals(ids[:42]), 41)
    np.testing.assert_allclose(
        lm.logit_lens(stream, 30).probabilities[:, :24], whole.probabilities[:, :24], rtol=1e-3, atol=1e-6
    )


def test_one_token():
    lm = tiny_lm("llama")
    lens = lm.logit_lens(lm.residuals([5]), 0)
    assert lens.probabilities.shape == (3, 1, 8)


def test_what_cannot_be_is_refused(tiny, damaged):
    lm = tiny_lm("gpt2")
    with pytest.raises(PlaygroundError, match="position must be a whole number from 0 to 8"):
        lm.logit_lens(lm.residuals(list(IDS)), 9)
    with pytest.raises(PlaygroundError, match="is an encoder"):
        tiny("bert").lm.residuals([1, 2, 3])
    with pytest.raises(PlaygroundError, match="is not a number"):
        damaged.residuals([5, 6, 7])


def test_through_the_backend_the_model_runs_once(monkeypatch):
    lm = tiny_lm("gpt2")
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: lm)
    backend = local.LocalBackend(["gpt2"])
    runs = []
    monkeypatch.setattr(lm, "residuals", lambda text: runs.append(text) or type(lm).residuals(lm, text))
    for position in (2, 5):
        assert backend.logit_lens("gpt2", TextIds(IDS), position, parts=True).n_positions == len(IDS)
    assert len(runs) == 1
