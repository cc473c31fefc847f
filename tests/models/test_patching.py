"""Activation patching: what a swap does, by hand, and that it does nothing between equal texts."""

import threading

import numpy as np
import pytest
import torch

import playground
from playground.models.anatomy import anatomy_of
from playground.records import PlaygroundError, TextIds
from tests.models.families import DECODERS, ENCODER_DECODERS, FAMILIES, IDS, SOURCE_IDS, tiny_lm

TOKEN = 5
OTHER = (5, 60, 40, 9, 17, 99, 250, 40, 8)  # differs at 1 and 3


def text_ids(family, ids=IDS):
    return TextIds(SOURCE_IDS, ids) if family in ENCODER_DECODERS else TextIds(ids)


@pytest.mark.parametrize("family", FAMILIES)
def test_swaps_of_the_same_text_change_nothing_and_those_of_the_last_place_everything(family):
    lm = tiny_lm(family)
    same = list(lm.patching_map(text_ids(family), text_ids(family), TOKEN))[-1]
    np.testing.assert_allclose(same.changes, 0, atol=2e-3)
    found = list(lm.patching_map(text_ids(family), text_ids(family, OTHER), TOKEN))[-1]
    assert found.n_done == found.changes.size
    whole = found.other_log_prob - found.log_prob
    assert found.changes[-1, -1] == pytest.approx(whole, abs=2e-3)  # all that is predicted from
    np.testing.assert_allclose(found.changes[-1, :-1], 0, atol=2e-3)  # behind the last layer no one looks at them
    np.testing.assert_allclose(found.changes[:, 0], 0, atol=2e-3)  # up to there both texts are the same


@pytest.mark.parametrize("family", DECODERS)
def test_a_swap_is_what_a_hook_by_hand_does(family):
    lm = tiny_lm(family)
    found = list(lm.patching_map(TextIds(IDS), TextIds(OTHER), TOKEN))[-1]
    block, position = anatomy_of(lm.loaded).blocks[0].module, 3
    kept = []

    def keep(_, __, output):
        kept.append((output[0] if isinstance(output, tuple) else output).clone())

    def swap(_, __, output):
        state = (output[0] if isinstance(output, tuple) else output).clone()
        state[0, position] = kept[0][0, position]
        return (state, *output[1:]) if isinstance(output, tuple) else state

    logits = []
    for ids, hook in ((OTHER, keep), (IDS, swap)):
        handle = block.register_forward_hook(hook)
        try:
            with torch.inference_mode():
                output = lm.loaded.model(input_ids=torch.tensor([ids[:TOKEN]]), use_cache=False)
        finally:
            handle.remove()
        logits.append(output.logits[0, -1].float().log_softmax(-1))
    assert found.answer.id == int(logits[0].argmax())
    expected = float(logits[1][found.answer.id]) - found.log_prob
    assert found.changes[0, position] == pytest.approx(expected, abs=2e-3)
    shown = lm.patched_prediction(TextIds(IDS), TextIds(OTHER), TOKEN, "layer", (0, position))
    for candidate in shown.candidates:
        assert candidate.probability == pytest.approx(float(logits[1][candidate.id].exp()), rel=1e-2, abs=1e-6)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gptj", "bart"])
@pytest.mark.parametrize("part", ["attention", "mlp"])
def test_parts_of_a_layer(family, part):
    lm = tiny_lm(family)
    if family == "bart":
        with pytest.raises(PlaygroundError, match="swap the residual stream"):
            list(lm.patching_map(text_ids(family), text_ids(family, OTHER), TOKEN, part))
        return
    same = list(lm.patching_map(text_ids(family), text_ids(family), TOKEN, part))[-1]
    np.testing.assert_allclose(same.changes, 0, atol=2e-3)
    found = list(lm.patching_map(text_ids(family), text_ids(family, OTHER), TOKEN, part))[-1]
    assert np.abs(found.changes).max() > 1e-3
    np.testing.assert_allclose(found.changes[-1, :-1], 0, atol=2e-3)


def test_of_the_bundled_model():
    lm = playground.load("stories")
    one, other = (lm.read(f"Once upon a time there was a little {animal}.").ids for animal in ("girl", "dog"))
    found = list(lm.patching_map(one, other, len(one.ids) - 1))[-1]
    assert found.changes[-1, -1] == pytest.approx(found.other_log_prob - found.log_prob, abs=2e-3)


def test_it_ends_when_it_is_stopped():
    lm, switch, found = tiny_lm("gpt2"), threading.Event(), []
    for one in lm.patching_map(TextIds(IDS), TextIds(OTHER), TOKEN, cancel=switch):
        found.append(one)
        switch.set()
    assert len(found) == 1
    assert np.isnan(found[0].changes[0]).all()


def test_bad_input():
    lm = tiny_lm("gpt2")
    with pytest.raises(PlaygroundError, match="has 3 tokens; it must have 5"):
        list(lm.patching_map(TextIds(IDS), TextIds(IDS[:3]), TOKEN))
    with pytest.raises(PlaygroundError, match="select a later one"):
        list(lm.patching_map(TextIds(IDS), TextIds(OTHER), 0))
    with pytest.raises(PlaygroundError, match="no layer 9"):
        lm.patched_prediction(TextIds(IDS), TextIds(OTHER), TOKEN, "layer", (9, 0))
    assert list(lm.patching_map(TextIds(IDS), TextIds(OTHER[:TOKEN]), TOKEN))[-1].n_done > 0
