"""The card of a model has the sizes that its configuration and its weights have."""

import pytest

import playground
from playground.models.memory import model_bytes
from playground.records import StackSizes


@pytest.mark.parametrize(
    ("family", "stacks", "norm", "positions"),
    [
        ("gpt2", [("decoder", False)], "LayerNorm", "learned"),
        ("llama", [("decoder", False)], "RMSNorm", "rotary"),
        ("bert", [("encoder", False)], "LayerNorm", "learned"),
        ("t5", [("encoder", False), ("decoder", True)], "RMSNorm", "relative-buckets"),
        ("marian", [("encoder", False), ("decoder", True)], "LayerNorm", "sinusoidal"),
        ("gpt_oss", [("decoder", False)], "RMSNorm", "rotary"),
        ("gptj", [("decoder", False)], "LayerNorm", "rotary"),
    ],
)
def test_sizes_are_those_of_the_weights(tiny, family, stacks, norm, positions):
    lm = tiny(family).lm
    card = lm.model_card("mit")
    assert [(stack.side, stack.has_cross_attention) for stack in card.stacks] == stacks
    assert (card.norm, card.positions, card.licence) == (norm, positions, "mit")
    assert card.spec == lm.spec
    assert card.placement is None
    assert card.n_bytes == model_bytes(lm.loaded.model)
    weights = dict(lm.loaded.model.named_parameters())
    for stack in card.stacks:
        assert min(stack.n_layers, stack.n_query_heads, stack.n_kv_heads, stack.d_head, stack.d_feed_forward) > 0
        assert any(stack.d_feed_forward in (shape := tuple(weight.shape)) or 2 * stack.d_feed_forward in shape
                   for weight in weights.values())  # fmt: skip


def test_grouped_queries_and_experts(tiny):
    card = tiny("gpt_oss").lm.model_card()
    config = tiny("gpt_oss").lm.loaded.model.config
    (stack,) = card.stacks
    assert stack == StackSizes(
        side="decoder",
        n_layers=config.num_hidden_layers,
        n_query_heads=config.num_attention_heads,
        n_kv_heads=config.num_key_value_heads,
        d_head=config.head_dim,
        d_feed_forward=config.intermediate_size,
        n_experts=config.num_local_experts,
        n_experts_used=config.num_experts_per_tok,
    )


def test_sides_that_differ(tiny):
    encoder, decoder = tiny("marian").lm.model_card().stacks
    config = tiny("marian").lm.loaded.model.config
    assert (encoder.n_layers, decoder.n_layers) == (config.encoder_layers, config.decoder_layers)
    assert (encoder.n_query_heads, decoder.n_query_heads) == (
        config.encoder_attention_heads,
        config.decoder_attention_heads,
    )
    assert encoder.n_layers != decoder.n_layers
    assert (encoder.d_feed_forward, decoder.d_feed_forward) == (config.encoder_ffn_dim, config.decoder_ffn_dim)


@pytest.mark.parametrize("name", ["stories", "translator"])
def test_bundled_models(name):
    lm = playground.load(name, "cpu")
    card = lm.model_card()
    assert card.is_tied
    assert card.placement == lm.loaded.placement
    assert card.placement is not None
    assert card.placement.why_dtype
