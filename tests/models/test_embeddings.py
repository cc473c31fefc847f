"""Neighbours by plain cosines, paths by the hidden states that transformers gives, components by hand."""

import numpy as np
import pytest
import torch

from playground.analysis.embeddings import principal_components
from playground.records import PlaygroundError
from tests.models.families import ENCODER_DECODERS, FAMILIES, reference_inputs, text_of, tiny_lm


@pytest.mark.parametrize("family", FAMILIES)
def test_neighbours_are_the_nearest_by_cosine(family):
    lm = tiny_lm(family)
    weight = lm.loaded.model.get_input_embeddings().weight.detach().float()
    cosines = torch.nn.functional.cosine_similarity(weight, weight[17][None])
    cosines[17] = -2
    found = lm.nearest_tokens(17, 5)
    assert [near.token.id for near in found] == cosines.topk(5).indices.tolist()
    assert [near.cosine for near in found] == pytest.approx(cosines.topk(5).values.tolist(), abs=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen3", "opt", "gpt_neox", "bart", "t5"])
def test_norms_are_those_of_the_hidden_states(family):
    lm = tiny_lm(family)
    stream = lm.residuals(**text_of(family))
    paths = lm.trace_tokens(stream, [1, 3], 3)
    with torch.inference_mode():
        output = lm.loaded.model(**reference_inputs(lm, family), output_hidden_states=True)
    states = output.decoder_hidden_states if family in ENCODER_DECODERS else output.hidden_states
    # transformers gives the last one behind the final norm: hold the others
    expected = [float(state[0, 3].norm()) for state in states[:-1]]
    assert paths.norms[: len(expected)].tolist() == pytest.approx(expected, rel=1e-4)
    assert paths.points.shape == (len(paths.stages), 2, 2)
    assert paths.places == (1, 3)


def test_components_by_hand():
    # Points on a line along (3, 4) / 5, with a little across it
    along, across = np.array([3.0, 4.0]) / 5, np.array([-4.0, 3.0]) / 5
    parts = np.array([[-2.0, 0.5], [0.0, -1.0], [2.0, 0.5]])
    points, (first, second) = principal_components(parts[:, :1] * along + parts[:, 1:] * across)
    assert points == pytest.approx(parts * [1, np.sign(across[0])], abs=1e-6)
    assert (first, second) == pytest.approx((8 / 9.5, 1.5 / 9.5))


def test_distances_are_kept_where_two_components_hold_all():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(6, 2)) @ rng.normal(size=(2, 9))
    points, shares = principal_components(flat)
    assert sum(shares) == pytest.approx(1)
    for a, b in ((0, 1), (2, 5)):
        assert np.linalg.norm(points[a] - points[b]) == pytest.approx(np.linalg.norm(flat[a] - flat[b]), rel=1e-5)


def test_vectors_that_are_all_the_same_have_no_components():
    points, shares = principal_components(np.ones((3, 4)))
    assert shares == (0, 0)
    assert not points.any()


def test_one_token_alone():
    lm = tiny_lm("gpt2")
    paths = lm.trace_tokens(lm.residuals((5,)), [0], 0)
    assert np.isfinite(paths.points).all()


@pytest.mark.parametrize("places", [[], [99], [-1], list(range(21))])
def test_tokens_that_there_are_not(places):
    lm = tiny_lm("gpt2")
    stream = lm.residuals(tuple(range(30)))
    with pytest.raises(PlaygroundError):
        lm.trace_tokens(stream, places, 0)


def test_an_encoder_has_neighbours_and_no_paths(tiny):
    lm = tiny("bert").lm
    assert len(lm.nearest_tokens(7, 3)) == 3
    with pytest.raises(PlaygroundError, match="encoder"):
        lm.residuals("The girl")
    with pytest.raises(PlaygroundError):
        lm.nearest_tokens(10**6)
