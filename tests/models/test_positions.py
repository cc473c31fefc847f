"""The positional signal of each family, against what the model itself computes; and shuffled words."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

import playground
from playground.analysis.positions import read_positions
from playground.backends import local
from playground.records import PlaygroundError
from tests.models import checkpoints
from tests.models.test_norms import SIZES

TEXT = "Once upon a time there was a little girl."


def build(family, auto=AutoModelForCausalLM, **changes):
    torch.manual_seed(0)
    model = auto.from_config(AutoConfig.for_model(family, **{**SIZES, **changes})).eval()
    return playground.wrap(model, checkpoints.byte_level_tokenizer(), family)


def rows_looked_up(lm, table):
    """Return the rows of the table that stand for the places of a text, by what the model adds to its embeddings."""
    found = []
    hook = table.register_forward_hook(lambda module, inputs, output: found.append(output))
    try:
        lm.attention(TEXT)
    finally:
        hook.remove()
    return found[0].detach().reshape(-1, found[0].shape[-1]).numpy()


LEARNED = {
    "opt": (AutoModelForCausalLM, {"ffn_dim": 48, "word_embed_proj_dim": 32}),
    "gpt2": (AutoModelForCausalLM, {}),
    "bert": (AutoModelForMaskedLM, {}),
    "roberta": (AutoModelForMaskedLM, {}),
    "bart": (AutoModelForSeq2SeqLM, {"d_model": 32, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}),
}
SINUSOIDAL = {
    "marian": {"d_model": 32, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "decoder_start_token_id": 0},
    "m2m_100": {"d_model": 32, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48},
}
BASES = {**{name: (*what, "learned") for name, what in LEARNED.items()}} | {
    name: (AutoModelForSeq2SeqLM, changes, "sinusoidal") for name, changes in SINUSOIDAL.items()
}


@pytest.mark.parametrize("family", BASES)
def test_tables_are_what_the_model_adds(family):
    auto, changes, kind = BASES[family]
    lm = build(family, auto, **changes)
    n_tokens = len(lm.tokenize(TEXT))
    found = lm.positions(n_tokens)
    assert found.kind == kind
    base = lm.loaded.model.get_encoder() if lm.spec.kind == "encoder-decoder" else lm.loaded.model
    ends = ("wpe", "embed_positions", "position_embeddings")
    table = next(module for name, module in base.named_modules() if name.rpartition(".")[2] in ends)
    np.testing.assert_allclose(found.table, rows_looked_up(lm, table), atol=1e-6)
    unit = found.table / np.linalg.norm(found.table, axis=1, keepdims=True)
    np.testing.assert_allclose(found.similarities, unit @ unit.T, atol=1e-5)
    if kind == "sinusoidal":
        expected = [math.sin(3 / 10000 ** (i / (16 - (family == "m2m_100")))) for i in range(16)]
        np.testing.assert_allclose(found.table[3 - (2 if family == "m2m_100" else 0), :16], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("family", "share", "d_turned"), [("llama", 1.0, 8), ("gemma2", 1.0, 8), ("gptj", 0.5, 4), ("falcon", 1.0, 8)]
)
def test_rotary_angles(tiny, family, share, d_turned):
    found = tiny(family).lm.positions(10)
    assert (found.kind, found.rotary_share) == ("rotary", share)
    expected = [[place / 10000 ** (2 * i / d_turned) for i in range(d_turned // 2)] for place in range(10)]
    np.testing.assert_allclose(found.rotary[0].angles, expected, rtol=1e-5)
    np.testing.assert_allclose(found.rotary[0].inverse_frequencies, expected[1], rtol=1e-5)


def test_a_part_of_each_head_may_be_turned():
    found = build("gpt_neox", rope_parameters={"rope_type": "default", "partial_rotary_factor": 0.25}).positions()
    assert found.rotary_share == 0.25
    assert found.rotary[0].angles.shape == (64, 1)


def test_layers_may_turn_differently():
    types = ["sliding_attention", "full_attention"]
    found = build("gemma3_text", num_key_value_heads=2, head_dim=8, layer_types=types).positions(5)
    assert {one.name for one in found.rotary} == {*types}
    first, second = (one.inverse_frequencies for one in found.rotary)
    assert not np.allclose(first, second)


@pytest.mark.parametrize("family", ["bloom", "mpt", "falcon"])
def test_alibi_slopes(family):
    changes = {"bloom": {"n_layer": 2, "n_head": 4}, "mpt": {"n_layers": 2, "n_heads": 4, "d_model": 32}}
    lm = build(family, **changes.get(family, {"alibi": True}))
    found = lm.positions()
    assert found.kind == "alibi"
    np.testing.assert_allclose(found.slopes, [2.0 ** (-8 * (head + 1) / 4) for head in range(4)], rtol=1e-5)


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_buckets_of_t5(tiny, side):
    lm = tiny("t5").lm
    found = lm.positions(20, side)
    assert found.kind == "relative-buckets"
    assert found.bias.shape == (4, 20, 20)
    stack = lm.loaded.model.get_encoder() if side == "encoder" else lm.loaded.model.get_decoder()
    table = stack.block[0].layer[0].SelfAttention.relative_attention_bias.weight.detach().numpy()  # (bucket, head)
    np.testing.assert_allclose(found.bias, table[found.buckets].transpose(2, 0, 1), atol=1e-6)
    assert found.buckets[5].tolist()[:6] == [5, 4, 3, 2, 1, 0]
    assert found.buckets[5, 6] == (17 if side == "encoder" else 0)  # 16 and more: behind; a decoder does not look there
    call = lm.attention(TEXT, TEXT)._capture.layers[side].calls[0]
    n_tokens = call.query.shape[2]
    bias = call.position_bias if call.position_bias is not None else call.mask
    tril = np.tril(np.ones((n_tokens, n_tokens), dtype=bool)) if side == "decoder" else np.ones((n_tokens,) * 2, bool)
    n_seen = min(20, n_tokens)
    seen = bias[0, :, :n_seen, :n_seen].detach().numpy()
    np.testing.assert_allclose(
        seen[:, tril[:n_seen, :n_seen]], found.bias[:, :n_seen, :n_seen][:, tril[:n_seen, :n_seen]], atol=1e-5
    )


def test_what_is_not_there_is_refused(tiny):
    lm = tiny("gpt2").lm
    for n_positions in (0, 65, -1, True):
        with pytest.raises(PlaygroundError, match="must be from 1 to 64"):
            lm.positions(n_positions)
    with pytest.raises(PlaygroundError, match="side must be"):
        lm.positions(5, "both")


def test_a_model_without_positions_and_one_with_others(tiny):
    lm = tiny("gpt2").lm
    model = copy.deepcopy(lm.loaded.model)
    del model.transformer.wpe
    bare = replace(lm.loaded, model=model)
    assert read_positions(bare, 5).kind == "none"
    model.transformer.rel_embeddings = torch.nn.Embedding(3, 3)
    with pytest.raises(PlaygroundError, match=r"not known here \(transformer.rel_embeddings\)"):
        read_positions(bare, 5)


def test_without_positions_two_way_attention_ignores_the_order(tiny, monkeypatch):
    """Bags of words: with its position embeddings zeroed, BERT gives every pair of tokens the same weight."""
    lm = tiny("bert").lm
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: lm)
    text = lm.read(TEXT).ids
    table = lm.loaded.model.bert.embeddings.position_embeddings.weight
    backend = local.LocalBackend(["bert"], cache_bytes=0)
    with_positions = backend.shuffle_comparison("bert", text)
    before = table.detach().clone()
    try:
        with torch.no_grad():
            table.zero_()
        without = backend.shuffle_comparison("bert", text)
        mapped = backend.shuffled_map("bert", text, 1, 2)
    finally:
        with torch.no_grad():
            table.copy_(before)
    assert without.changes.shape == with_positions.changes.shape == (2, 4)
    np.testing.assert_allclose(without.changes, 0, atol=1e-4)
    np.testing.assert_allclose(mapped.shuffled, mapped.original, atol=1e-4)
    assert (with_positions.changes > 0.01).all()
    assert (with_positions.changes <= 1).all()
    assert tuple(token.id for token in with_positions.shuffled_tokens) == tuple(
        text.ids[place] for place in with_positions.order
    )


def test_changes_are_those_of_the_maps(tiny, monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    backend = local.LocalBackend(["gpt2", "t5"])
    text = backend.read("gpt2", TEXT).ids
    found, mapped = backend.shuffle_comparison("gpt2", text, 3), backend.shuffled_map("gpt2", text, 1, 2, 3)
    expected = np.abs(mapped.original - mapped.shuffled).sum(-1).mean() / 2
    assert found.changes[1, 2] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(mapped.shuffled.sum(-1), 1, atol=1e-5)
    assert backend.positions("gpt2", 5).kind == "learned"
    text = backend.read("t5", TEXT).ids
    assert backend.shuffle_comparison("t5", text).kind == "encoder"
    assert backend.positions("t5", 5, "decoder").kind == "relative-buckets"


@pytest.mark.parametrize("family", ["bart", "marian", "t5"])
@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
def test_shuffled_words_of_a_pair_are_those_of_transformers(tiny, monkeypatch, family, kind):
    """The reference reads the same tokens in the other order; each weight is followed with its tokens."""
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    backend = local.LocalBackend([family])
    text = backend.read(family, "The fox said to the girl", "une petite fille").ids
    found = backend.shuffled_map(family, text, 1, 1, kind=kind)
    compared = backend.shuffle_comparison(family, text, kind=kind)
    start = tiny(family).reference.config.decoder_start_token_id
    source, target = list(text.ids), [start, *text.target_ids]
    looked_at = target if kind == "decoder" else source
    assert [token.id for token in compared.tokens] == [token.id for token in found.key_tokens] == looked_at
    assert compared.order[0] == 0
    shuffled = [looked_at[place] for place in compared.order]
    assert [token.id for token in compared.shuffled_tokens] == shuffled != looked_at
    source, target = (source, shuffled) if kind == "decoder" else (shuffled, target)
    with torch.no_grad():
        output = tiny(family).reference(
            input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([target]), output_attentions=True
        )
    weights = output[f"{kind}_attentions"][1][0, 1].numpy()
    for query, key in np.ndindex(found.shuffled.shape):
        row = query if kind == "cross" else compared.order.index(query)
        assert found.shuffled[query, key] == pytest.approx(weights[row, compared.order.index(key)], abs=1e-5)
    change = np.abs(found.original - found.shuffled).sum(-1).mean() / 2
    assert compared.changes[1, 1] == pytest.approx(change, abs=1e-6)
    assert compared.changes.shape == (len(output[f"{kind}_attentions"]), output[f"{kind}_attentions"][1].shape[1])
