"""What attends to what is read off a module's place in the model."""

import pytest
import torch

from playground.attention.capture import kind_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model.encoder.layers.0.self_attn", "encoder"),
        ("model.decoder.layers.0.self_attn", "decoder"),
        ("model.decoder.layers.0.encoder_attn", "cross"),
        ("encoder.block.0.layer.0.SelfAttention", "encoder"),
        ("decoder.block.0.layer.0.SelfAttention", "decoder"),
        ("decoder.block.0.layer.1.EncDecAttention", "cross"),
        # An encoder-decoder of two BERTs: its decoder holds something named encoder
        ("encoder.encoder.layer.0.attention.self", "encoder"),
        ("decoder.bert.encoder.layer.0.attention.self", "decoder"),
        ("decoder.bert.encoder.layer.0.crossattention.self", "cross"),
    ],
)
def test_kinds_by_name(name, kind):
    assert kind_of(torch.nn.Identity(), name) == kind


def test_a_module_may_say_it_itself():
    module = torch.nn.Identity()
    module.is_cross_attention = True
    assert kind_of(module, "decoder.h.0.attn") == "cross"
