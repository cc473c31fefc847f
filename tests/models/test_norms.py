"""What heads carry, summed over the heads, is what the model's attention adds."""

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

import playground
from playground.attention.norms import find_output_projection, transformed_values
from playground.backends import local
from playground.records import PlaygroundError
from tests.models import checkpoints

TEXT = "Once upon a time there was a little girl."
SIZES = {
    "vocab_size": checkpoints.VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
GROUPED = {**SIZES, "num_key_value_heads": 2}
OTHERS = {
    "opt": {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32},
    "gpt_neox": SIZES,
    "phi": SIZES,
    "qwen2": GROUPED,
    "qwen3": {**GROUPED, "head_dim": 16},
    "mistral": GROUPED,
    "stablelm": GROUPED,
    "gemma3_text": {**GROUPED, "head_dim": 8},
    "roberta": SIZES,
    "distilbert": {"vocab_size": checkpoints.VOCABULARY, "dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4},
    "albert": {**SIZES, "embedding_size": 16},
    "modernbert": {**SIZES, "cls_token_id": 0, "sep_token_id": 0},
}

EAGER = {  # with attention code of their own
    "gptj": {**SIZES, "rotary_dim": 4},
    "codegen": {**SIZES, "rotary_dim": 4},
    "gpt_neo": {**SIZES, "num_layers": 2, "attention_types": [[["global", "local"], 1]]},
    "openai-gpt": SIZES,
    "falcon": SIZES,
    "bloom": {**SIZES, "n_layer": 2, "n_head": 4},
    "mpt": {"vocab_size": checkpoints.VOCABULARY, "d_model": 32, "n_layers": 2, "n_heads": 4},
    "gpt_neox_japanese": {**SIZES, "intermediate_multiple_size": 2},
    "xlm": {**SIZES, "emb_dim": 32, "n_layers": 2, "n_heads": 4, "causal": True},
}
ADDS_THE_REST = ("albert", "bloom")  # inside the attention module


def attention_of_other(family):
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **({**OTHERS, **EAGER})[family])
    is_masked = family in ("roberta", "distilbert", "albert", "modernbert")
    model = (AutoModelForMaskedLM if is_masked else AutoModelForCausalLM).from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.25)
    return playground.wrap(model, checkpoints.byte_level_tokenizer(), family)


def check_sum(lm, kind, target=None):
    """Compare the sum over heads with what came out of the projection, and out of the attention module itself."""
    attention = lm.attention(TEXT, target)
    layers = attention._capture.layers[kind]
    model = lm.loaded.model
    calls = [layers.call(layer) for layer in range(layers.n_layers)]
    projections = [find_output_projection(model, call) for call in calls]
    outputs = {}
    watched = {*projections, *(call.module for call in calls)}
    hooks = [
        module.register_forward_hook(lambda module, _, output: outputs.setdefault(module, []).append(output))
        for module in watched
    ]
    try:
        lm.attention(TEXT, target)
    finally:
        for hook in hooks:
            hook.remove()
    of_module = 0
    for layer, (call, projection) in enumerate(zip(calls, projections, strict=True)):
        carried = torch.from_numpy(attention.weights(layer, kind=kind)) @ transformed_values(model, call, slice(None))
        bias = 0 if projection.bias is None else projection.bias.detach()
        total = (carried.sum(0) + bias).numpy()
        expected = outputs[projection][layer if projections.count(projection) > 1 else 0]
        np.testing.assert_allclose(total, expected[0].reshape(total.shape).detach(), rtol=1e-5, atol=1e-5)
        if projection in set(call.module.modules()) and lm.spec.name not in ADDS_THE_REST:
            np.testing.assert_allclose(total, outputs[call.module][0][0][0].detach().reshape(total.shape), atol=1e-5)
            of_module += 1
    return of_module


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gpt_oss", "bert"])
def test_heads_sum_to_the_attention_output(tiny, family):
    assert check_sum(tiny(family).lm, "self") == (0 if family == "bert" else 2)


@pytest.mark.parametrize("family", OTHERS)
def test_heads_of_other_families_sum_to_theirs(family):
    check_sum(attention_of_other(family), "self")


@pytest.mark.parametrize("family", EAGER)
def test_heads_of_families_with_attention_of_their_own(family):
    """Their queries, keys and values are followed through their own code."""
    check_sum(attention_of_other(family), "self")


@pytest.mark.parametrize("family", ["bart", "t5"])
@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
def test_heads_of_encoder_decoders(tiny, family, kind):
    assert check_sum(tiny(family).lm, kind, "une fille") == (3 if family == "bart" and kind != "encoder" else 2)


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert"])
def test_norms_are_weights_times_lengths(tiny, family):
    model = tiny(family).lm
    attention = model.attention(TEXT)
    found = attention.norm_map(1, 2)
    row = attention.query_key(1, 2, 5)
    weight = {
        "gpt2": lambda: model.loaded.model.transformer.h[1].attn.c_proj.weight.T,
        "llama": lambda: model.loaded.model.model.layers[1].self_attn.o_proj.weight,
        "bert": lambda: model.loaded.model.bert.encoder.layer[1].attention.output.dense.weight,
    }[family]()
    carried = row.v @ weight.detach().numpy()[:, 16:24].T  # the third head, of 8
    lengths = np.sqrt((carried**2).sum(-1))
    np.testing.assert_allclose(found.value_norms, lengths, rtol=1e-4)
    np.testing.assert_allclose(found.norms[5], row.weights * lengths, rtol=1e-4)
    np.testing.assert_array_equal(found.weights, attention.weights(1, 2))


def test_what_is_not_known_is_refused(tiny):
    attention = tiny("gpt2").lm.attention(TEXT)
    with pytest.raises(PlaygroundError, match="head must be"):
        attention.norm_map(0, 4)


@pytest.mark.parametrize("change", ["gate", "wide", "gone"])
def test_a_module_that_does_more_is_refused(tiny, change):
    import dataclasses

    lm = tiny("llama").lm
    call = lm.attention(TEXT)._capture.layers["self"].calls[0]
    module = torch.nn.Module()
    module.q_proj = torch.nn.Linear(32, 64 if change == "wide" else 32)
    if change != "gone":
        module.o_proj = torch.nn.Linear(32, 32)
    if change == "gate":
        module.gate_proj = torch.nn.Linear(32, 32)
    with pytest.raises(PlaygroundError, match="parts that are not known here"):
        find_output_projection(lm.loaded.model, dataclasses.replace(call, module=module))


def test_through_the_backend(tiny, monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    backend = local.LocalBackend(["gpt2"])
    text = backend.read("gpt2", TEXT).ids
    assert backend.norm_map("gpt2", text, 0, 1).norms.shape == (len(text.ids), len(text.ids))
