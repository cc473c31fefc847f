"""One head in two texts, against transformers' own weights."""

import numpy as np
import pytest
import torch

from playground.backends import local
from playground.records import PlaygroundError, TextIds


@pytest.fixture
def backend(tiny, monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    return local.LocalBackend(["gpt2", "bert"])


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_the_difference_is_that_of_the_models_own_weights(backend, tiny, family):
    ids, other_ids = (5, 60, 7, 81, 9, 60), (5, 60, 44, 81, 9, 12)
    found = backend.text_difference(family, TextIds(ids), TextIds(other_ids), 1, 2)
    with torch.inference_mode():
        theirs, others = (
            tiny(family).reference(torch.tensor([each]), output_attentions=True).attentions[1][0, 2].numpy()
            for each in (ids, other_ids)
        )
    np.testing.assert_allclose(found.difference, theirs - others, atol=1e-6)
    assert np.abs(found.difference).max() > 1e-3
    assert [token.id for token in found.other_key_tokens] == list(other_ids)
    reverse = backend.text_difference(family, TextIds(other_ids), TextIds(ids), 1, 2)
    np.testing.assert_array_equal(reverse.difference, -found.difference)


def test_texts_of_unequal_length_are_refused_with_both_counts(backend):
    with pytest.raises(PlaygroundError, match="This text has 3 tokens, the other one 5"):
        backend.text_difference("gpt2", TextIds((1, 2, 3)), TextIds((1, 2, 3, 4, 5)), 0, 0)


def test_a_head_that_is_not_there_is_refused(backend):
    with pytest.raises(PlaygroundError, match="head must be a whole number from 0 to 3"):
        backend.text_difference("gpt2", TextIds((1, 2)), TextIds((1, 3)), 0, 4)
