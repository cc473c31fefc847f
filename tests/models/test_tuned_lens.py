"""The tuned lens by hand, what its files must be, and the one that comes with the bundled model."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import playground
from playground.analysis.tuned_lens import FILE
from playground.backends.local import LocalBackend
from playground.models.anatomy import anatomy_of, unembed
from playground.models.catalogue import resolve
from playground.records import LensStage, PlaygroundError, TextIds
from tests.models.families import FAMILIES, IDS, text_of, tiny_lm


def maps_of(lm, scale=0.02, **more):
    """Return the tensors of a tuned lens for a model, random ones; more: in place of some."""
    generator = torch.Generator().manual_seed(5)
    width = lm.loaded.model.get_input_embeddings().weight.shape[-1]
    tensors = {}
    for layer in range(lm.spec.n_layers):
        tensors[f"{layer}.weight"] = scale * torch.randn(width, width, generator=generator)
        tensors[f"{layer}.bias"] = scale * torch.randn(width, generator=generator)
    return tensors | more


def saved(path, tensors):
    file = path / "lens.safetensors"
    save_file(tensors, file)
    return file


@pytest.mark.parametrize("family", FAMILIES)
def test_maps_that_change_nothing_read_what_the_logit_lens_reads(family, tmp_path):
    lm = tiny_lm(family)
    stream = lm.residuals(**text_of(family))
    tuned = lm.tuned_lens(saved(tmp_path, maps_of(lm, scale=0.0)))
    found, expected = lm.logit_lens(stream, 3, tuned=tuned), lm.logit_lens(stream, 3)
    assert found.is_tuned
    assert not expected.is_tuned
    assert found.stages == expected.stages
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_stage_is_read_through_its_own_map(family, tmp_path):
    lm = tiny_lm(family)
    tensors = maps_of(lm)
    stream = lm.residuals(**text_of(family))
    lens = lm.logit_lens(stream, 0, tuned=lm.tuned_lens(saved(tmp_path, tensors)))
    plain = lm.logit_lens(stream, 0)
    anatomy = anatomy_of(lm.loaded)
    whole = [state for stage, state in zip(stream.stages, stream.states, strict=True) if stage.part != "attention"]
    for row, states in enumerate(whole[:-1]):  # row 0 is what layer 0 is given, row 1 what layer 1 is, …
        moved = states + states @ tensors[f"{row}.weight"].T + tensors[f"{row}.bias"]
        expected = unembed(lm.loaded, anatomy, moved.to(states.dtype)).float().softmax(-1)
        best = expected.topk(lens.probabilities.shape[-1])
        np.testing.assert_allclose(lens.probabilities[row], best.values, rtol=1e-4, atol=1e-6)
    assert not np.allclose(lens.probabilities[0], plain.probabilities[0])
    np.testing.assert_array_equal(lens.probabilities[-1], plain.probabilities[-1])  # the model's own prediction stays


def test_it_has_no_map_behind_attention(tmp_path):
    lm = tiny_lm("gpt2")
    lens = lm.logit_lens(lm.residuals(list(IDS)), 0, parts=True, tuned=lm.tuned_lens(saved(tmp_path, maps_of(lm))))
    assert all(stage.part != "attention" for stage in lens.stages)
    assert lens.stages[0] == LensStage("input")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"1.bias": None}, "the file has no '1.bias'"),
        ({"0.weight": torch.zeros(3, 3)}, "whose width is"),
        ({"0.bias": torch.full((32,), float("nan"))}, "not a number|whose width is"),
    ],
)
def test_a_file_of_another_model_is_refused(tmp_path, more, message):
    lm = tiny_lm("gpt2")
    tensors = {name: tensor for name, tensor in maps_of(lm, **more).items() if tensor is not None}
    with pytest.raises(PlaygroundError, match=message):
        lm.tuned_lens(saved(tmp_path, tensors))


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\xff" * 64, b"\x10\0\0\0\0\0\0\0{not json at all}"])
def test_what_is_no_safetensors_file_is_refused(tmp_path, content):
    file = tmp_path / FILE
    file.write_bytes(content)
    with pytest.raises(PlaygroundError, match="no safetensors file"):
        tiny_lm("gpt2").tuned_lens(file)
    with pytest.raises(PlaygroundError, match="no safetensors file"):
        tiny_lm("gpt2").tuned_lens(tmp_path / "missing")


def test_without_a_file_it_says_where_to_put_one():
    lm = tiny_lm("gpt2")
    assert not lm.has_tuned_lens
    with pytest.raises(PlaygroundError, match=f"put its file, {FILE}, beside the model's weights"):
        lm.tuned_lens()


def test_the_one_beside_a_model_is_found(tmp_path):
    folder = shutil.copytree(resolve("translator"), tmp_path / "model")
    lm = playground.load(str(folder))
    assert not lm.has_tuned_lens
    save_file(maps_of(lm), folder / FILE)
    assert playground.load(str(folder)).tuned_lens().weights[0].shape == (lm.spec.d_model,) * 2


def test_the_tuned_lens_of_stories_knows_the_answer_earlier():
    """On a text of the tests' own: averaged over its layers it is nearer to the model's own prediction."""
    backend = LocalBackend(("stories",), "cpu", "float32")
    assert backend.has_tuned_lens("stories")
    text = 'The little boy ran to the barn, and there he saw the old gray horse. "Good morning," said the boy.'
    ids = TextIds(tuple(token.id for token in backend.tokenize("stories", text)))
    found = [backend.logit_lens("stories", ids, 12, tuned=tuned) for tuned in (True, False)]
    tuned, plain = (np.log(lens.answer_probabilities[:-1]).mean(axis=1) for lens in found)  # by stage
    assert (tuned > plain).all()
