"""Queries, keys and values of models with attention code of their own: followed, and compared with what makes them.

For which architectures that works, test_architectures.py holds against all that transformers registers.
"""

import threading

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForMaskedLM

import playground
from playground.attention.layers import OutputLayers
from playground.attention.trace import Tracer
from playground.attention.traced_calls import call_of
from playground.attention.weights import compute_scores, compute_weights
from playground.records import PlaygroundError
from tests.models import checkpoints
from tests.models.test_norms import SIZES, TEXT, attention_of_other


def outputs_of(modules, lm):
    """Return what each module gave while the text was read  # (token, size)."""
    found = []
    hooks = [module.register_forward_hook(lambda _, __, output: found.append(output[0].numpy())) for module in modules]
    try:
        lm.attention(TEXT)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def test_gpt_neo_has_the_vectors_of_its_projections():
    """It turns nothing, so that each vector is a part of what its projection gives."""
    lm = attention_of_other("gpt_neo")
    inner = lm.loaded.model.transformer.h[1].attn.attention
    queries, keys, values = outputs_of([inner.q_proj, inner.k_proj, inner.v_proj], lm)
    row = lm.attention(TEXT).query_key(1, 2, 7)
    head = slice(16, 24)  # the third, of 8
    np.testing.assert_allclose(row.q, queries[7, head], atol=1e-6)
    np.testing.assert_allclose(row.k, keys[:, head], atol=1e-6)
    np.testing.assert_allclose(row.v, values[:, head], atol=1e-6)
    assert row.scaling == 1.0  # as this family has it
    assert np.isneginf(row.masked[8:]).all()


@pytest.mark.parametrize("family", ["gptj", "codegen", "falcon", "bloom", "openai-gpt", "mpt"])
def test_what_a_head_passes_on_is_what_the_projection_reads(family):
    lm = attention_of_other(family)
    model = lm.loaded.model
    ends = ("attn.out_proj", "self_attention.dense", "attn.c_proj")
    projection = [module for name, module in model.named_modules() if name.endswith(ends)][1]
    read = []
    hook = projection.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0][0].numpy()))
    try:
        attention = lm.attention(TEXT)
    finally:
        hook.remove()
    for head in range(4):
        row = attention.query_key(1, head, 7)
        np.testing.assert_allclose(row.output, read[0][7, 8 * head : 8 * head + 8], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(row.weights, attention.weights(1, head)[7], atol=1e-5)
        assert row.scaling == pytest.approx(8**-0.5)


def test_alibi_is_a_bias():
    lm = attention_of_other("bloom")
    row = lm.attention(TEXT).query_key(0, 1, 9)
    slope = 2.0 ** (-8 * 2 / 4)
    steps = np.arange(len(row.raw)) * slope
    np.testing.assert_allclose(row.position_bias, steps, rtol=1e-5)
    np.testing.assert_allclose(row.scaled, row.raw * row.scaling + steps, rtol=1e-4, atol=1e-5)


def test_relations_of_deberta_are_a_bias():
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "deberta-v2",
        **SIZES,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_buckets=8,
        type_vocab_size=0,
    )
    model = AutoModelForMaskedLM.from_config(config).eval()
    attention = playground.wrap(model, checkpoints.byte_level_tokenizer(), "deberta").attention(TEXT)
    row = attention.query_key(1, 3, 5)
    assert np.abs(row.position_bias).max() > 1e-4
    np.testing.assert_allclose(row.weights, attention.weights(1, 3)[5], atol=1e-5)


def test_the_mask_off_shows_what_a_mask_of_their_own_hid(tiny):
    attention = tiny("gptj").lm.attention(TEXT)
    found = attention.counterfactual(0, 1, mask_off=True)
    row = attention.query_key(0, 1, 3)
    expected = np.exp(row.scaled - row.scaled.max())
    np.testing.assert_allclose(found.weights[3], expected / expected.sum(), atol=1e-5)
    np.testing.assert_allclose(found.weights[-1], found.original[-1], atol=1e-5)


def test_half_precision():
    lm = attention_of_other("bloom")
    lm.loaded.model.to(torch.bfloat16)
    attention = lm.attention(TEXT)
    row = attention.query_key(1, 2, 7)
    np.testing.assert_allclose(row.weights, attention.weights(1, 2)[7], atol=2e-2)


def test_one_that_is_not_what_it_seems_is_refused(tiny):
    """Weights that were changed behind the softmax are not those of the formula."""
    layers = tiny("gptj").lm.attention(TEXT)._capture.layers["self"]
    changed = OutputLayers([layers.outputs[0].roll(1, dims=1)], [0], [layers.traces[0]])
    with pytest.raises(LookupError, match="makes other weights"):
        changed.call(0)
    attention = tiny("gptj").lm.attention(TEXT)
    attention._capture.layers["self"] = changed
    with pytest.raises(PlaygroundError, match=r"a way of its own .*: there are weights only"):
        attention.query_key(0, 0, 0)
    with pytest.raises(PlaygroundError, match="finished attention weights only"):
        attention.counterfactual(0, 0, mask_off=True)
    with pytest.raises(LookupError, match="could not be followed"):
        OutputLayers(layers.outputs).call(0)


def test_memory_counts_what_is_kept_once(tiny):
    layers = tiny("gptj").lm.attention(TEXT)._capture.layers["self"]
    n_tokens = layers.outputs[0].shape[-1]
    weights = 2 * 4 * n_tokens * n_tokens * 4
    vectors = 2 * 4 * 4 * n_tokens * 8 * 4  # query, key, value and output of both layers
    mask = n_tokens * n_tokens * 4
    assert weights + vectors <= layers.n_bytes <= weights + 2 * vectors + mask + 64


class Head(nn.Module):
    """One head over three tokens of two numbers, with scores that a test changes."""

    def __init__(self, change):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.change = change

    def forward(self, query, key, value):
        scores = self.change(query @ key.transpose(-1, -2))
        weights = nn.Softmax(dim=-1)(scores)
        return weights @ value, weights


QUERY = torch.tensor([[[[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]]])
KEY = torch.tensor([[[[2.0, 1.0], [0.0, 1.0], [1.0, 3.0]]]])
VALUE = torch.tensor([[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]])
RAW = [[2, 0, 1], [2, 2, 6], [3, 1, 4]]
SEEN = torch.ones(3, 3, dtype=torch.bool).tril()
LOWEST = torch.finfo(torch.float32).min
BIAS = torch.tensor([[0.0, 1.0, 2.0]])

CHANGES = {
    "divided": (lambda raw: raw / 2, 0.5, None, False),
    "in place": (lambda raw: raw.mul_(4).div_(2), 2.0, None, False),
    "bias before": (lambda raw: (raw + BIAS) * 0.5, 0.5, BIAS / 2, False),
    "bias behind": (lambda raw: BIAS + 0.5 * raw, 0.5, BIAS, False),
    "masked": (lambda raw: raw.masked_fill(~SEEN, -torch.inf) / 4, 0.25, None, True),
    "where": (lambda raw: torch.where(SEEN, raw, LOWEST), 1.0, None, True),
    "added": (lambda raw: raw + torch.where(SEEN, 0.0, LOWEST), 1.0, None, True),
    "taken": (lambda raw: raw - 1e4 * (~SEEN).float(), 1.0, None, True),
    "times": (lambda raw: raw * SEEN.float() + -1e4 * (1 - SEEN.float()), 1.0, None, True),
    "at least": (lambda raw: torch.max(raw / 2, torch.tensor(LOWEST)), 0.5, None, False),
}


def follow(change):
    with torch.inference_mode(), Tracer([(3, 3)]) as tracer:
        output, weights = Head(change)(QUERY, KEY, VALUE)
    return tracer.trace_of(weights), output, weights


@pytest.mark.parametrize("name", CHANGES)
def test_by_hand(name):
    change, scaling, bias, is_masked = CHANGES[name]
    trace, output, weights = follow(change)
    with torch.inference_mode():
        call = call_of(trace)
        scores, found = compute_scores(call), compute_weights(call)
    assert scores.raw[0].tolist() == RAW
    assert call.scaling == pytest.approx(scaling)
    assert (call.position_bias is None) == (bias is None)
    if bias is not None:
        assert call.position_bias.tolist() == [[bias.tolist()]]
    assert (call.mask is None) == (not is_masked)
    if is_masked:
        assert call.mask.tolist() == [[SEEN.tolist()]]
    torch.testing.assert_close(found, weights[0])
    torch.testing.assert_close(call.output[0, :, 0], output[0, 0])
    assert call.value.tolist() == VALUE.tolist()
    assert isinstance(call.module, Head)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (torch.tanh, "go through tanh"),
        (lambda raw: raw * torch.tensor([1.0, 2.0, 3.0]), "changed in a way that is not known"),
        (lambda raw: raw.masked_fill(~SEEN, 0.0), "changed in a way that is not known"),
        (lambda raw: 1 - raw, "go through rsub"),
        (lambda raw: raw + torch.where(SEEN, 1.0, LOWEST), "one and the same"),
    ],
)
def test_what_is_not_known_is_refused(change, why):
    trace, _, _ = follow(change)
    with pytest.raises(LookupError, match=why), torch.inference_mode():
        call_of(trace)


def test_products_written_as_einsum():
    with torch.inference_mode(), Tracer([(3, 3)]) as tracer:
        scores = torch.einsum("ibnd,jbnd->bnij", QUERY.permute(2, 0, 1, 3), KEY.permute(2, 0, 1, 3)) * 0.5
        weights = nn.functional.softmax(scores, dim=3)
        output = torch.einsum("bnij,jbnd->ibnd", weights, VALUE.permute(2, 0, 1, 3))
    trace = tracer.trace_of(weights)
    assert trace.scores.product.query.tolist() == QUERY[0].tolist()
    assert trace.scores.product.key.tolist() == KEY[0].tolist()
    assert trace.value.tolist() == VALUE[0].tolist()
    torch.testing.assert_close(trace.output[0], output[:, 0, 0])


def test_other_threads_are_not_followed():
    with Tracer([(3, 3)]) as tracer:
        thread = threading.Thread(target=Head(lambda raw: raw), args=(QUERY, KEY, VALUE))
        thread.start()
        thread.join()
    assert tracer.softmaxes == []
