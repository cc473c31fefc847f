"""Compressed copies are what they are said to be, and leave the model as it was."""

import copy
import math
import threading

import numpy as np
import pytest
import safetensors.torch
import torch

import playground
from playground.analysis import compression as method
from playground.analysis import compression_parts, speed
from playground.analysis.compression import measure_fidelity
from playground.analysis.compression_copy import disk_bytes, matrices_of
from playground.analysis.compression_numbers import Int4, Int8, Quantized, pack, to_codes, unpack
from playground.models.anatomy import anatomy_of
from playground.models.memory import model_bytes
from playground.records import (
    Change,
    CompressedModel,
    Compression,
    CompressionProgress,
    GenerationSettings,
    PlaygroundError,
    Speed,
    TextIds,
)
from tests.models.families import DECODERS, ENCODER_DECODERS, FAMILIES, IDS, SOURCE_IDS, reference_inputs, tiny_lm

GREEDY = GenerationSettings(strategy="greedy", max_new_tokens=4)
EVERY_METHOD = (
    Compression("bfloat16"),
    Compression("int8-dynamic"),
    Compression("int8"),
    Compression("int4", group=16),
    Compression("magnitude", percent=30),
    Compression("heads", n_heads=2),
    Compression("shared", shared=((1, 0),)),
    Compression("dropped", layers=(1,)),
)


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch):
    monkeypatch.setattr(speed, "N_TOKENS", 3)
    monkeypatch.setattr(method, "measure_speeds", lambda models, *_: iter([(Speed(2.0, 0.1, 9, 1),) * len(models)]))


def text_ids(family):
    return TextIds(SOURCE_IDS, IDS) if family in ENCODER_DECODERS else TextIds(IDS)


def logits(lm, family, model=None):
    with torch.inference_mode():
        return (model or lm.loaded.model)(**reference_inputs(lm, family)).logits[0].float()


def weights_of(lm):
    return {name: tensor.clone() for name, tensor in lm.loaded.model.state_dict().items()}


def last(events):
    return list(events)[-1]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_method_of_every_family_leaves_the_model_as_it_was(family, monkeypatch):
    monkeypatch.setattr(compression_parts, "_RANKED_TOKENS", 1)
    lm = tiny_lm(family)
    before, expected = weights_of(lm), logits(lm, family)
    config = lm.loaded.model.config.to_dict()
    for one in EVERY_METHOD:
        if (family, one.method) == ("t5", "shared"):  # its first layer has the position biases of all
            with pytest.raises(PlaygroundError, match="have different weights"):
                last(lm.compare_compressed(text_ids(family), one))
            continue
        found = last(lm.compare_compressed(text_ids(family), one))
        assert isinstance(found, CompressedModel)
        assert found.divergence_nats >= 0
        assert 0 <= found.agreement <= 1
        assert found.compressed.tokens_per_s == 2
        if one.method not in ("magnitude", "heads"):
            assert found.compressed.disk_bytes < found.original.disk_bytes
            assert found.compressed.memory_bytes < found.original.memory_bytes
    assert torch.equal(logits(lm, family), expected)
    assert lm.loaded.model.config.to_dict() == config
    for name, tensor in lm.loaded.model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("family", FAMILIES)
def test_an_unchanged_copy_says_the_same(family):
    lm = tiny_lm(family)
    found = last(lm.compare_compressed(text_ids(family), Compression("float32"), prompt="a", settings=GREEDY))
    assert found.divergence_nats == 0
    assert found.agreement == 1
    assert found.compressed.perplexity == found.original.perplexity
    assert found.compressed.disk_bytes == found.original.disk_bytes
    assert found.runs[0].record.token_ids == found.runs[1].record.token_ids
    loss = lm.token_loss(text_ids(family))
    assert found.original.perplexity == pytest.approx(loss.perplexity, rel=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "llama", "falcon", "t5"])
def test_the_divergence_is_that_of_its_definition(family):
    lm = tiny_lm(family)
    made = lm.compressed(Compression("int4", group=16))
    read = lm._read_checked(text_ids(family))
    found = measure_fidelity(lm.loaded, made.loaded, read)
    own, other = (logits(lm, family, model).double().softmax(-1) for model in (None, made.loaded.model))
    expected = (own * (own / other).log()).sum(-1).mean()
    assert found.divergence_nats == pytest.approx(float(expected), rel=1e-4, abs=1e-7)
    assert found.agreement == pytest.approx(float((own.argmax(-1) == other.argmax(-1)).double().mean()))


def test_float_types_are_those_of_torch():
    lm = tiny_lm("gpt2")
    for name, dtype in (("bfloat16", torch.bfloat16), ("float16", torch.float16)):
        made = lm.compressed(Compression(name)).loaded
        expected = copy.deepcopy(lm.loaded.model).to(dtype)
        assert made.spec.dtype == name
        assert torch.equal(logits(lm, "gpt2", made.model), logits(lm, "gpt2", expected))
        assert made.model.lm_head.weight is made.model.transformer.wte.weight  # tied they stay


def test_angles_of_positions_stay_precise():
    made = tiny_lm("llama").compressed(Compression("bfloat16")).loaded.model
    assert made.model.rotary_emb.inv_freq.dtype == torch.float32


def test_rounding_by_hand():
    codes, scales = to_codes(torch.tensor([[1.27, -0.6, 0.004, 0.0], [0.0, 0.0, 0.0, 0.0]]), 127)
    assert codes.tolist() == [[127, -60, 0, 0], [0, 0, 0, 0]]
    assert float(scales[0, 0]) == pytest.approx(0.01)
    codes, scales = to_codes(torch.tensor([[0.7, -0.26, 0.34, -0.7]]), 7)
    assert codes.tolist() == [[7, -3, 3, -7]]
    assert pack(codes).tolist() == [[15 | 5 << 4, 11 | 1 << 4]]
    assert torch.equal(unpack(pack(codes)), codes)


@pytest.mark.parametrize("family", ["gpt2", "llama", "bart"])
@pytest.mark.parametrize(("name", "most"), [("int8", 127), ("int4", 7)])
def test_no_weight_is_off_by_more_than_half_a_scale(family, name, most):
    lm = tiny_lm(family)
    made = lm.compressed(Compression(name, group=16)).loaded.model
    originals = {matrix.module: matrix for matrix in matrices_of(lm.loaded.model)}
    by_path = dict(lm.loaded.model.named_modules())
    n_found = 0
    for path, module in made.named_modules():
        if not isinstance(module, Quantized):
            continue
        n_found += 1
        weight = originals[by_path[path]].weight
        off = (module.weight - weight).abs()
        if isinstance(module, Int8):
            assert (off <= module.scales / 2 + 1e-7).all()
            assert module.scales[:, 0] == pytest.approx(weight.abs().amax(1) / 127)
        else:
            assert isinstance(module, Int4)
            assert module.packed.numel() * 2 == weight.numel()
            room = module.scales.float().expand(-1, -1, 16).flatten(1)[:, : weight.shape[1]]
            assert (off <= room * (0.5 + most * 2**-10) + 1e-7).all()  # scales are rounded to 16 bits
        states = torch.randn(1, 3, weight.shape[1])
        expected = torch.nn.functional.linear(states, module.weight, module.bias)
        torch.testing.assert_close(module(states), expected, rtol=1e-4, atol=1e-5)
    assert n_found == len(originals) > 0


def test_dynamic_rounds_what_it_is_given_too():
    lm = tiny_lm("llama")
    made = lm.compressed(Compression("int8-dynamic")).loaded.model
    module = made.model.layers[0].mlp.down_proj
    states = torch.randn(1, 4, module.in_features)
    scales = states.abs().amax(-1, keepdim=True) / 127
    codes = (states / scales).round()
    expected = (codes.long() @ module.codes.long().T) * scales * module.scales[:, 0]
    torch.testing.assert_close(module(states), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", ["gpt2", "llama", "marian", "opt"])
@pytest.mark.parametrize("percent", [0, 12.5, 50, 95])
def test_pruning_takes_the_smallest_weights_of_each_matrix(family, percent):
    lm = tiny_lm(family)
    made = lm.compressed(Compression("magnitude", percent=percent)).loaded.model
    pairs = list(zip(matrices_of(lm.loaded.model), matrices_of(made), strict=True))
    assert pairs
    for before, after in pairs:
        gone = (after.weight == 0) & (before.weight != 0)
        assert int((after.weight == 0).sum()) == max(
            round(before.weight.numel() * percent / 100), int((before.weight == 0).sum())
        )
        kept = ~(after.weight == 0)
        assert torch.equal(after.weight[kept], before.weight[kept])
        if gone.any():
            assert before.weight[gone].abs().max() <= before.weight[kept].abs().min()


@pytest.mark.parametrize("family", ["gpt2", "llama", "gptj", "falcon", "bloom", "gpt_neox", "opt"])
def test_pruned_heads_are_heads_switched_off(family):
    lm = tiny_lm(family)
    made = lm.compressed(Compression("heads", heads=(("self", 0, 1), ("self", 1, 0), ("self", 1, 3))))
    found = lm.what_if(list(IDS), 5, Change(heads=((0, 1), (1, 0), (1, 3))))
    expected = made.token_loss(list(IDS)).losses_nats
    np.testing.assert_allclose(found.loss_nats[1:], expected[1:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", ["gpt2", "bart"])
def test_the_least_useful_heads_go_first(family):
    lm = tiny_lm(family)
    n_heads = 2 * 4 * (2 if family == "bart" else 1)
    found = last(lm.compare_compressed(text_ids(family), Compression("heads", n_heads=n_heads)))
    ranked = found.compression.heads
    assert len(set(ranked)) == n_heads
    places = sorted({int(place) for place in np.linspace(1, len(lm.token_loss(text_ids(family)).tokens) - 1, 6)})
    use = []
    for kind, layer, head in ranked:
        losses = lm.what_if(text_ids(family), 1, Change(heads=((layer, head),), kind=kind))
        use.append(np.abs(losses.loss_nats - losses.original_loss_nats)[places].mean())
    assert use == pytest.approx(sorted(use), abs=1e-3)
    with pytest.raises(PlaygroundError, match=f"There are {n_heads} heads"):
        last(lm.compare_compressed(text_ids(family), Compression("heads", n_heads=n_heads + 1)))


@pytest.mark.parametrize("family", ["gpt2", "llama", "mistral", "bart"])
def test_shared_layers_are_a_model_whose_layers_are_alike(family):
    lm = tiny_lm(family)
    made = lm.compressed(Compression("shared", shared=((1, 0),))).loaded
    by_hand = copy.deepcopy(lm.loaded.model)
    layers = [name for name, module in lm.loaded.model.named_modules() if module is block(lm, 0).module]
    by_hand.get_submodule(layers[0][:-1] + "1").load_state_dict(block(lm, 0).module.state_dict())
    assert torch.equal(logits(lm, family, made.model), logits(lm, family, by_hand))
    one = sum(parameter.numel() for parameter in block(lm, 0).module.parameters())
    assert made.spec.n_parameters == lm.spec.n_parameters - one


def block(lm, layer):
    return anatomy_of(lm.loaded).blocks[layer]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layer", [0, 1])
def test_all_layers_but_one_can_be_dropped(family, layer):
    lm = tiny_lm(family)
    if (family, layer) == ("t5", 0):
        with pytest.raises(PlaygroundError, match="need what layer 0 leaves for them"):
            lm.compressed(Compression("dropped", layers=(0,)))
        return
    made = lm.compressed(Compression("dropped", layers=(layer,)))
    assert made.spec.n_layers == 1
    result = lm.what_if(text_ids(family), 5, Change(layers=(layer,)))
    np.testing.assert_allclose(
        made.token_loss(text_ids(family)).losses_nats[1:], result.loss_nats[1:], rtol=1e-3, atol=1e-3
    )
    record = made.generate("abc", strategy="greedy", max_new_tokens=6)  # with the KV cache
    without = made.loaded.model.generate(
        torch.tensor([record.prompt_ids]), max_new_tokens=6, do_sample=False, use_cache=False,
        pad_token_id=0, attention_mask=torch.ones(1, len(record.prompt_ids), dtype=torch.long),
    )  # fmt: skip
    written = without[0, 1 if family in ENCODER_DECODERS else len(record.prompt_ids) :].tolist()
    assert list(record.token_ids) == written


@pytest.mark.parametrize("family", ["gpt2", "llama", "gpt_oss", "marian", "bloom"])
@pytest.mark.parametrize("one", [Compression("float32"), Compression("int8"), Compression("int4")])
def test_the_file_is_as_long_as_safetensors_writes_it(family, one, tmp_path):
    model = tiny_lm(family).compressed(one).loaded.model
    kept, seen = {}, set()
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            kept[name] = tensor.contiguous()
    safetensors.torch.save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert disk_bytes(model) == (tmp_path / "model.safetensors").stat().st_size


def test_memory_of_a_copy_counts_what_is_tied_once():
    lm = tiny_lm("gpt2")
    made = lm.compressed(Compression("bfloat16")).loaded.model
    assert model_bytes(made) == lm.spec.n_parameters * 2


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (Compression("magnitude", percent=100), "not 100 %: with all of them gone"),
        (Compression("magnitude", percent=-1), "from 0 to 95 %"),
        (Compression("magnitude", percent=math.nan), "from 0 to 95 %"),
        (Compression("dropped", layers=(0, 1)), "at least one must stay"),
        (Compression("dropped", layers=(7,)), "There is no layer 7: they are numbered from 0 to 1"),
        (Compression("dropped"), "Say which layers are dropped"),
        (Compression("shared"), "Say which layers use another's"),
        (Compression("shared", shared=((0, 9),)), "There is no layer 9"),
        (Compression("int4", group=7), "A group has 16, 32, 64, 128"),
        (Compression("heads", n_heads=0), "prune 1 to 8 of them"),
    ],
)
def test_what_cannot_be_done_is_said(one, message):
    with pytest.raises(PlaygroundError, match=message):
        last(tiny_lm("gpt2").compare_compressed(list(IDS), one))


def test_encoders_and_texts_without_a_prediction(tiny):
    with pytest.raises(PlaygroundError, match="is an encoder"):
        last(tiny("bert").lm.compare_compressed([1, 2, 3], Compression("int8")))
    with pytest.raises(PlaygroundError, match="one token only"):
        last(tiny_lm("gpt2").compare_compressed([5], Compression("heads")))
    found = last(tiny_lm("gpt2").compare_compressed([5], Compression("int8")))
    assert math.isnan(found.original.perplexity)
    with pytest.raises(PlaygroundError, match="There is no target yet"):
        last(tiny_lm("bart").compare_compressed(list(IDS), Compression("int8")))


def test_memory_that_does_not_suffice_is_said_with_the_numbers(monkeypatch):
    monkeypatch.setattr(method, "free_memory_bytes", lambda device: 1000)
    with pytest.raises(PlaygroundError, match=r"takes up to .+ of memory .+ 1 kB are free on cpu"):
        last(tiny_lm("gpt2").compare_compressed(list(IDS), Compression("int8")))


def test_it_ends_when_it_is_stopped():
    switch = threading.Event()
    for one in (Compression("heads", n_heads=3), Compression("int8")):
        switch.clear()
        found = []
        for event in tiny_lm("gpt2").compare_compressed(list(IDS), one, prompt="a", settings=GREEDY, cancel=switch):
            found.append(event)
            switch.set()
        assert all(isinstance(event, CompressionProgress) for event in found)
        assert len(found) < 4


@pytest.mark.parametrize("family", ["gpt2", "gptj", "llama", "bart"])
def test_the_maps_are_those_of_both_models(family):
    lm = tiny_lm(family)
    kind = "cross" if family == "bart" else "self"
    one = Compression("dropped", layers=(0,))
    first, second = lm.compressed_maps(text_ids(family), one, (kind, 1, 2))
    own = lm.attention(text_ids(family)).weights(1, 2, kind)
    other = lm.compressed(one).attention(text_ids(family)).weights(0, 2, kind)
    np.testing.assert_array_equal(first.weights, own)
    np.testing.assert_array_equal(second.weights, other)
    with pytest.raises(PlaygroundError, match="is not in this copy"):
        lm.compressed_maps(text_ids(family), one, (kind, 0, 2))


def test_long_texts_are_read_in_part(monkeypatch):
    monkeypatch.setattr(method, "MOST_READ", 4)
    found = last(tiny_lm("llama").compare_compressed(list(IDS), Compression("int8")))
    assert (found.n_tokens, found.n_left_out) == (4, len(IDS) - 4)


@pytest.mark.parametrize("name", ["stories", "translator"])
def test_of_the_bundled_models(name):
    lm = playground.load(name)
    text = (
        lm.read("Once upon a time there was a little girl who lived in a wood.")
        if name == "stories"
        else lm.read("the cat sees the dog.", "le chat voit le chien.")
    ).ids
    prompt = "Once upon a time" if name == "stories" else "the cat sees the dog."
    sizes, divergences = [], []
    for one in (
        Compression("bfloat16"),
        Compression("int8"),
        Compression("int4"),
        Compression("magnitude", percent=90),
    ):
        found = last(lm.compare_compressed(text, one, prompt=prompt, settings=GREEDY))
        sizes.append(found.compressed.packed_bytes)
        divergences.append(found.divergence_nats)
    assert sizes == sorted(sizes, reverse=True)
    assert divergences[0] < divergences[2] < divergences[3]
    assert divergences[1] < divergences[2]


@pytest.mark.parametrize("family", DECODERS)
def test_speed_counts_tokens(family):
    lm = tiny_lm(family)
    found = list(speed.measure_speeds((lm.loaded,), lm._read_checked(list(IDS)), threading.Event(), 2))
    assert len(found) == 2
    assert found[-1][0].tokens_per_s > 0
    assert found[-1][0].first_token_s > 0
    assert found[-1][0].n_rounds == 2
