"""What attends to what, and in which layer, is read off a module's place in the model."""

import pytest
import torch
from torch import nn

from playground.attention.places import kind_of, layer_indices


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model.encoder.layers.0.self_attn", "encoder"),
        ("model.decoder.layers.0.self_attn", "decoder"),
        ("model.decoder.layers.0.encoder_attn", "cross"),
        ("encoder.block.0.layer.0.SelfAttention", "encoder"),
        ("decoder.block.0.layer.0.SelfAttention", "decoder"),
        ("decoder.block.0.layer.1.EncDecAttention", "cross"),
        ("text_encoder.layers.0.self_attn", "encoder"),
        ("text_decoder.layers.0.self_attn", "decoder"),
        ("text_decoder.layers.0.cross_attention", "cross"),
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


class Stack(nn.Module):
    def __init__(self, **layers):
        super().__init__()
        self.layers = nn.ModuleDict(layers)


def test_layers_are_numbered_as_the_model_numbers_them():
    attentions = {number: nn.Identity() for number in ("1", "4")}
    model = Stack(**{"0": nn.Linear(1, 1), "1": attentions["1"], "2": nn.Linear(1, 1), "4": attentions["4"]})
    assert layer_indices(model, [*attentions.values()]) == (1, 4)


def test_a_module_that_layers_share_stands_in_each_of_them():
    shared = nn.Identity()
    model = Stack(**{"0": nn.Linear(1, 1), "2": shared, "7": shared})
    assert layer_indices(model, [shared, shared]) == (2, 7)


def test_a_layer_that_is_run_again_and_again_is_counted_by_its_runs():
    one = nn.Identity()
    assert layer_indices(Stack(**{"0": one}), [one, one, one]) == (0, 1, 2)


def test_modules_whose_names_tell_nothing_are_counted():
    model = nn.ModuleDict({"first": nn.Identity(), "second": nn.Identity()})
    assert layer_indices(model, [*model.values()]) == (0, 1)
    assert layer_indices(model, [nn.Identity()]) == (0,)
