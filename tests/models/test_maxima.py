"""The overview's maxima, computed some rows at a time, are those of all weights."""

import numpy as np
import pytest
import torch

from playground.attention import weights
from playground.attention.layers import pooled


@pytest.mark.parametrize("stripe", [6, 16, 128])
@pytest.mark.parametrize("block", [(1, 1), (3, 3), (7, 5)])
@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gpt_oss", "falcon", "bert"])
def test_maxima_are_those_of_the_whole_map(tiny, monkeypatch, family, block, stripe):
    monkeypatch.setattr(weights, "STRIPE", stripe)
    ids = [int(id) for id in np.random.default_rng(1).integers(5, 200, 50)]
    attention = tiny(family).lm.attention(ids)
    layers = attention._layers("self")
    for layer in range(layers.n_layers):
        torch.testing.assert_close(
            layers.maxima(layer, block), pooled(layers.weights(layer), block), rtol=0.0, atol=1e-6
        )
