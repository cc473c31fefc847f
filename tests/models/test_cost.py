"""What a token takes: equal to hand-computed numbers, to torch's own counter, and to the cache of transformers."""

import math
import threading

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import playground
from playground.analysis import speed
from playground.records import CostAssumptions, PlaygroundError
from tests.models.families import ENCODER_DECODERS, FAMILIES, IDS, SOURCE_IDS, reference_inputs, tiny_lm

D, HEADS, D_HEAD, VOCABULARY, LAYERS = 32, 4, 8, 400, 2  # of every tiny model here


def lengths(family):
    """Return how many tokens are written and read."""
    return (len(IDS) + 1, len(SOURCE_IDS)) if family in ENCODER_DECODERS else (len(IDS), 0)


def experts(lm):
    """Return the weights of the experts that a token goes through."""
    config = lm.loaded.model.config
    n_experts = getattr(config, "num_local_experts", 0)
    tensors = [one for one in lm.loaded.model.parameters() if n_experts and one.dim() == 3]
    return sum(one.numel() for one in tensors) * config.num_experts_per_tok // n_experts if tensors else 0


@pytest.mark.parametrize("family", FAMILIES)
def test_operations_are_those_that_torch_counts(family):
    lm = tiny_lm(family)
    n_tokens, n_source = lengths(family)
    # torch's counter does not see into the fused attention of a CPU, nor into transformers' products of experts
    inputs = reference_inputs(lm, family)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        lm.loaded.model(**inputs, use_cache=False)
    counted = counter.get_total_flops() + 2 * n_tokens * experts(lm)
    assert lm.cost().text_flops(n_tokens, n_source) == counted


@pytest.mark.parametrize("family", FAMILIES)
def test_the_cache_is_that_of_transformers(family):
    lm = tiny_lm(family)
    with torch.inference_mode():
        cache = lm.loaded.model(**reference_inputs(lm, family), use_cache=True).past_key_values
    sides = [cache.self_attention_cache, cache.cross_attention_cache] if family in ENCODER_DECODERS else [cache]
    kept = sum(
        tensor.numel() * tensor.element_size()
        for side in sides
        for layer in side.layers
        for tensor in (layer.keys, layer.values)
    )
    assert lm.cost().cache_bytes(*lengths(family)) == kept


def test_gpt2_by_hand():
    cost = tiny_lm("gpt2").cost()
    layer = 3 * D * D + D * D + 2 * D * 4 * D  # queries, keys and values; projection; MLP
    assert cost.n_multiplied == LAYERS * layer + D * VOCABULARY
    assert cost.multiplied_bytes == 4 * cost.n_multiplied
    assert cost.attention_flops(10) == LAYERS * 2 * 2 * HEADS * D_HEAD * 10
    assert cost.cache_bytes(10) == LAYERS * 2 * HEADS * D_HEAD * 10 * 4
    assert cost.read_bytes(10) == cost.multiplied_bytes + cost.cache_bytes(10)
    assert not cost.is_encoder_decoder


def test_llama_by_hand_keeps_fewer_heads_than_it_has():
    lm = tiny_lm("llama")
    cost, inner = lm.cost(), lm.loaded.model.config.intermediate_size
    kv_heads = HEADS // 2
    layer = D * D + 2 * D * kv_heads * D_HEAD + D * D + 3 * D * inner  # q; k and v; o; gate, up, down
    assert cost.n_multiplied == LAYERS * layer + D * VOCABULARY
    assert cost.attention_flops(10) == LAYERS * 2 * 2 * HEADS * D_HEAD * 10  # all query heads look
    assert cost.cache_bytes(10) == LAYERS * 2 * kv_heads * D_HEAD * 10 * 4


def test_t5_by_hand():
    lm = tiny_lm("t5")
    cost, inner = lm.cost(), lm.loaded.model.config.d_ff
    own, mlp = 4 * D * D, 2 * D * inner
    assert cost.n_multiplied == LAYERS * (own + 2 * D * D + mlp) + D * VOCABULARY  # q and o of cross-attention
    assert cost.n_multiplied_source == LAYERS * (own + mlp) + LAYERS * 2 * D * D  # the encoder; k and v
    assert cost.cache_bytes(10, 7) == LAYERS * 2 * HEADS * D_HEAD * (10 + 7) * 4
    assert cost.attention_flops(10, 7) == LAYERS * 2 * 2 * HEADS * D_HEAD * (10 + 7)
    assert cost.is_encoder_decoder


def test_a_window_bounds_what_is_kept():
    cost = tiny_lm("mistral").cost()
    window = cost.layers[0].window
    assert cost.cache_bytes(1000) == cost.cache_bytes(window) < cost.cache_bytes(window) * 2
    assert cost.attention_flops(1000) == cost.attention_flops(window)


def test_sixteen_bits_halve_the_cache():
    from playground.records import Compression

    lm = tiny_lm("llama")
    assert lm.compressed(Compression("bfloat16")).cost().cache_bytes(9) * 2 == lm.cost().cache_bytes(9)


@pytest.mark.parametrize("name", ["stories", "translator"])
def test_of_the_bundled_models(name):
    lm = playground.load(name)
    cost = lm.cost()
    assert 0 < cost.n_multiplied <= cost.n_parameters
    assert cost.cache_bytes(100, 20) > 0
    assert cost.is_encoder_decoder == (name == "translator")


def test_models_that_write_nothing(tiny):
    with pytest.raises(PlaygroundError, match="is an encoder: it writes nothing"):
        tiny("bert").lm.cost()


def test_money_by_hand():
    given = CostAssumptions(
        tokens_per_s=100, price_an_hour=3.6, utilisation=0.5, n_students=30, tokens_a_student=1000,
        n_users=1000, tokens_a_user=200_000, price_a_million=20,
    )  # fmt: skip
    assert given.price_a_thousand == pytest.approx(0.02)  # 180,000 tokens an hour
    assert given.class_tokens == 30_000
    assert given.class_hours == pytest.approx(1 / 6)
    assert given.class_price == pytest.approx(0.6)
    assert given.month_capacity == 131_400_000
    assert given.month_tokens == 200_000_000
    assert given.n_machines == 2
    assert given.month_price == pytest.approx(2 * 730 * 3.6)
    assert given.service_month_price == pytest.approx(4000)
    assert given.break_even == pytest.approx(0.5)  # at 360,000 tokens an hour the service takes 7.2
    # At the share where it breaks even both cost the same a token
    even = CostAssumptions(tokens_per_s=100, price_an_hour=3.6, utilisation=given.break_even, price_a_million=20)
    assert even.price_a_thousand * 1000 == pytest.approx(even.price_a_million)
    assert math.isinf(CostAssumptions(price_a_million=0).break_even)


def test_speed_is_measured_in_rounds(monkeypatch):
    monkeypatch.setattr(speed, "N_TOKENS", 4)
    lm = tiny_lm("gpt2")
    found = list(lm.measure_speed(list(IDS)))
    assert [one.n_rounds for one in found] == list(range(1, speed.N_ROUNDS + 1))
    assert all(one.tokens_per_s > 0 and one.first_token_s > 0 and one.n_tokens == len(IDS) for one in found)
    switch = threading.Event()
    switch.set()
    assert list(lm.measure_speed(list(IDS), switch)) == []
