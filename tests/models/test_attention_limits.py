"""What a capture refuses, and what holds for all attention."""

import copy
import inspect
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BigBirdConfig, BigBirdForMaskedLM, LongT5Config, LongT5ForConditionalGeneration

import playground
from playground.attention.budget import estimator
from playground.attention.interface import capture_calls
from playground.attention.weights import compute_weights
from playground.records import PlaygroundError
from tests.models import checkpoints
from tests.models.checkpoints import CONTEXT, VOCABULARY

TEXT = "Once upon a time there was a little girl."
FAMILIES = ["gpt2", "llama", "gemma2", "gpt_oss", "gptj", "falcon", "bert"]
IDS = st.lists(st.integers(5, VOCABULARY - 1), min_size=1, max_size=CONTEXT).map(tuple)
PADDED = tuple(range(20, 31))


def wrapped(family, change):
    model = checkpoints.build_model(family)
    with torch.no_grad():
        change(model)
    return playground.wrap(model, checkpoints.TOKENIZERS[family](), family)


def spoil(model):
    """Damage one number of what the first layer's queries are made with, as a cut file does."""
    name = next(name for name, _ in model.named_parameters() if any(part in name for part in ("q_", "query", "c_attn")))
    model.get_parameter(name).view(-1)[7] = float("nan")


@pytest.mark.parametrize("family", ["gpt2", "llama", "gptj", "falcon", "bert"])
def test_damaged_weights_are_told(family):
    with pytest.raises(PlaygroundError, match=f"The attention of {family} is not a number: its weights are damaged"):
        wrapped(family, spoil).attention(TEXT)


@pytest.mark.parametrize("target", [None, "une petite fille"])
def test_damaged_weights_of_an_encoder_decoder_are_told(target):
    with pytest.raises(PlaygroundError, match=r"not a number: .*, or float32 is too narrow for it"):
        wrapped("bart", spoil).attention(TEXT, target)


def test_weights_that_are_too_large_for_their_dtype_are_told():
    def enlarge(model):
        model.half()
        model.model.layers[0].self_attn.v_proj.weight.fill_(6e4)

    with pytest.raises(PlaygroundError, match=r"not a number: .*, or float16 is too narrow for it"):
        wrapped("llama", enlarge).attention(TEXT)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gptj", "bert", "bart", "t5"])
def test_a_capture_beyond_the_budget_says_what_fits(tiny, family):
    lm = tiny(family).lm
    target = (20,) * 11 if lm.spec.kind == "encoder-decoder" else None
    budget = estimator(lm.loaded, 3 if target else 1)(20)
    with pytest.raises(PlaygroundError, match=r"The attention of 33 tokens would take .*: 20 tokens would fit\.$"):
        lm.attention((20,) * 33, target, max_bytes=budget)
    lm.attention((20,) * 20, target, max_bytes=budget)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_tokens", [8, 60])
def test_the_estimate_is_near_what_is_held(tiny, family, n_tokens):
    lm = tiny(family).lm
    held = lm.attention((20,) * n_tokens).n_bytes
    assert 0.7 * held <= estimator(lm.loaded)(n_tokens) <= 1.6 * held  # the masks differ


@pytest.mark.parametrize("family", FAMILIES)
def test_one_token_looks_at_itself(tiny, family):
    attention = tiny(family).lm.attention((20,))
    for layer in range(2):
        weights = attention.weights(layer)
        assert weights.shape == (4, 1, 1)
        if family == "gpt_oss":  # where it may look at nothing
            assert 0.0 < weights.min() <= weights.max() < 1.0
        else:
            np.testing.assert_array_equal(weights, 1.0)
    assert attention.rows(0).weights.shape == (2, 4, 1)


@settings(max_examples=15, deadline=None)
@given(ids=IDS)
def test_rows_are_shares_and_no_decoder_looks_ahead(tiny, ids):
    for family in FAMILIES:
        attention = tiny(family).lm.attention(ids)
        for layer in range(attention.n_layers):
            weights = attention.weights(layer)
            assert weights.min() >= 0.0
            if family == "gpt_oss":
                assert weights.sum(-1).max() < 1.0
            else:
                np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=0, atol=1e-5)
            if family != "bert":
                assert np.triu(weights, 1).max() == 0.0


@settings(max_examples=15, deadline=None)
@given(ids=IDS, data=st.data())
def test_what_comes_after_changes_nothing_before(tiny, ids, data):
    """As padding behind a text does not change what a decoder's tokens saw."""
    n_first = data.draw(st.integers(1, len(ids)))
    for family in set(FAMILIES) - {"bert"}:
        lm = tiny(family).lm
        whole, first = lm.attention(ids).weights(1), lm.attention(ids[:n_first]).weights(1)
        np.testing.assert_allclose(whole[:, :n_first, :n_first], first, rtol=0, atol=1e-5)


# Of BART on the right only: it has no way to be told that its learned positions begin behind the padding
@pytest.mark.parametrize(
    ("family", "side"),
    [*product(["gpt2", "llama", "gemma2", "gpt_oss", "bert", "t5"], ["left", "right"]), ("bart", "right")],
)
def test_padding_changes_nothing(tiny, family, side):
    """A text beside a longer one in a batch has the weights that it has alone, and nothing looks at the padding."""
    lm = tiny(family).lm
    n_tokens, n_padding = len(PADDED), 3
    attention = lm.attention(PADDED)
    kind = attention.kinds[0]
    real = slice(n_padding, None) if side == "left" else slice(n_tokens)
    ids, mask = torch.zeros(2, 1, n_tokens + n_padding, dtype=torch.long)
    ids[:, real], mask[:, real] = torch.tensor(PADDED), 1
    inputs = {"input_ids": ids, "attention_mask": mask}
    run = lm.loaded.model.get_encoder() if kind == "encoder" else lm.loaded.model
    if "position_ids" in inspect.signature(run.forward).parameters:
        inputs["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.inference_mode(), capture_calls() as recorder:
        run(**inputs)
    for layer, call in enumerate(recorder.calls):
        weights = compute_weights(call)[:, real]  # (head, query, key)
        torch.testing.assert_close(
            weights[..., real], torch.from_numpy(attention.weights(layer, kind=kind)), rtol=0, atol=1e-5
        )
        assert weights[..., mask[0] == 0].max() == 0.0


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(4)))
@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_permuted_heads_give_permuted_maps(tiny, family, order):
    rows = torch.cat([torch.arange(8) + 8 * head for head in order])  # of four heads of eight dimensions each

    def permute_gpt2(model):
        attention = model.transformer.h[0].attn
        for parameter in (attention.c_attn.weight, attention.c_attn.bias):
            parameter.copy_(torch.cat([part[..., rows] for part in parameter.split(32, dim=-1)], dim=-1))
        attention.c_proj.weight.copy_(attention.c_proj.weight[rows])

    def permute_bert(model):
        attention = model.bert.encoder.layer[0].attention
        for linear in (attention.self.query, attention.self.key, attention.self.value):
            linear.weight.copy_(linear.weight[rows])
            linear.bias.copy_(linear.bias[rows])
        attention.output.dense.weight.copy_(attention.output.dense.weight[:, rows])

    permuted = wrapped(family, {"gpt2": permute_gpt2, "bert": permute_bert}[family]).attention(TEXT)
    straight = tiny(family).lm.attention(TEXT)
    np.testing.assert_allclose(permuted.weights(0), straight.weights(0)[list(order)], rtol=0, atol=1e-6)
    np.testing.assert_allclose(permuted.weights(1), straight.weights(1), rtol=0, atol=1e-5)


SMALL = {"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4}


def test_blocks_that_are_dropped_for_a_short_text():
    """BigBird then exchanges its modules during the pass, and with them goes what would give its weights."""
    torch.manual_seed(0)
    config = BigBirdConfig(**SMALL, num_hidden_layers=2, max_position_embeddings=CONTEXT, attention_type="block_sparse")
    model = BigBirdForMaskedLM(config).eval()
    reference = copy.deepcopy(model)
    reference.bert.set_attention_type("original_full")
    ids = torch.arange(20, 40)[None]
    with torch.no_grad():
        expected = reference(ids, output_attentions=True).attentions
    attention = playground.wrap(model, checkpoints.wordpiece_tokenizer()).attention(tuple(range(20, 40)))
    assert attention.n_layers == len(expected) == 2
    for layer, weights in enumerate(expected):
        np.testing.assert_allclose(attention.weights(layer), weights[0].numpy(), rtol=0, atol=1e-6)


def test_what_goes_to_tokens_that_are_made_up_is_not_shown():
    """LongT5 with global attention: each block sees its neighbours, and one summary for every few tokens."""
    torch.manual_seed(0)
    config = LongT5Config(
        vocab_size=VOCABULARY,
        d_model=32,
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_heads=4,
        local_radius=3,
        global_block_size=4,
        encoder_attention_type="transient-global",
        decoder_start_token_id=1,
    )
    model = LongT5ForConditionalGeneration(config).eval()
    lm = playground.wrap(model, checkpoints.sentencepiece_tokenizer())
    ids = tuple(range(270, 292))
    with torch.no_grad():
        given = model.get_encoder()(torch.tensor([ids]), output_attentions=True).attentions
    attention = lm.attention(ids)
    for layer, blocks in enumerate(given):  # (1, block of 4 queries, head, query, 12 keys and the summaries)
        weights = attention.weights(layer, kind="encoder")
        assert weights.sum(-1).max() < 1.0
        for query in range(len(ids)):
            for key in range(len(ids)):
                place = key - (query // 4 - 1) * 4
                expected = blocks[0, query // 4, :, query % 4, place].numpy() if 0 <= place < 12 else np.zeros(4)
                np.testing.assert_array_equal(weights[:, query, key], expected)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gptj", "bert"])
def test_some_layers_only(tiny, family):
    lm = tiny(family).lm
    every, second = lm.attention(PADDED), lm.attention(PADDED, layers=[1])
    assert second.n_layers == 1
    assert second.layer_indices() == (1,)
    np.testing.assert_array_equal(second.weights(0), every.weights(1))
    assert second.scores == every.scores
    assert second.n_bytes < every.n_bytes
    with pytest.raises(PlaygroundError, match="layer must be a whole number from 0 to 0"):
        second.weights(1)
    with pytest.raises(PlaygroundError, match="layer must be a whole number from 0 to 1"):
        lm.attention(PADDED, layers=[2])
    with pytest.raises(PlaygroundError, match="at least one layer"):
        lm.attention(PADDED, layers=[])


def test_some_layers_of_two_kinds_are_refused(tiny):
    with pytest.raises(PlaygroundError, match="of one kind"):
        tiny("t5").lm.attention(PADDED, PADDED, layers=[0])
