"""Weights that are read, not mapped, are the same weights."""

import itertools

import pytest
import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, core_model_loading, modeling_utils

from playground.models import files
from playground.models.files import files_read

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.bool]

FLOATS = [torch.float32, torch.float16, torch.bfloat16]


def opened(path):
    return modeling_utils.safe_open(path, framework="pt", device="cpu")


@pytest.mark.parametrize("shape", [(), (0, 3), (3, 5), (300, 300)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_tensor_is_what_safetensors_reads(tmp_path, dtype, shape):
    tensor = (torch.rand(shape) * 100).to(dtype)
    save_file({"one": tensor, "before": torch.ones(7), "behind": torch.zeros(2, dtype=torch.float16)}, tmp_path / "a")
    with files_read(), opened(tmp_path / "a") as file:
        assert set(file.keys()) == {"one", "before", "behind"}
        slice = file.get_slice("one")
        assert tuple(slice.get_shape()) == shape
        found = slice[...]
        assert torch.equal(found, tensor)
        assert found.dtype == dtype
        assert found.shape == tensor.shape
        if tensor.numel() > 1:
            assert torch.equal(slice[1:2], tensor[1:2])
        found.fill_(1)  # it is memory of its own
        assert torch.equal(slice[...], tensor)


@pytest.mark.parametrize("shape", [(), (0, 3), (3, 5), (300, 300)])
@pytest.mark.parametrize(("stored", "wanted"), [*itertools.permutations(FLOATS, 2)])
def test_what_is_converted_piece_by_piece_is_what_to_gives(tmp_path, monkeypatch, stored, wanted, shape):
    monkeypatch.setattr(files, "_PIECE_BYTES", 1000)
    tensor = (torch.randn(shape) * 1000).to(stored)
    save_file({"before": torch.ones(7), "one": tensor, "behind": torch.ones(7)}, tmp_path / "a")
    with files_read(), opened(tmp_path / "a") as file:
        found = core_model_loading._materialize_copy(file.get_slice("one"), "cpu", wanted)
    assert found.dtype == wanted
    assert torch.equal(found, tensor.to(wanted))


def test_a_model_is_converted_while_it_is_read(tmp_path, monkeypatch):
    """None of its tensors is there as a whole in the dtype that it is stored in."""
    monkeypatch.setattr(files._StoredTensor, "__getitem__", lambda self, index: pytest.fail("read as a whole"))
    config = GPT2Config(vocab_size=50, n_positions=8, n_embd=8, n_layer=1, n_head=2)
    stored = GPT2LMHeadModel(config)
    stored.save_pretrained(tmp_path)
    with files_read():
        loaded = GPT2LMHeadModel.from_pretrained(tmp_path, dtype=torch.bfloat16)
    expected = stored.to(torch.bfloat16).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())


def test_what_is_loaded_elsewhere_is_let_alone(tmp_path):
    save_file({"one": torch.ones(3)}, tmp_path / "a")
    with files_read():
        inside = type(opened(tmp_path / "a"))
    assert type(opened(tmp_path / "a")) is not inside


def test_a_file_that_becomes_shorter_is_said(tmp_path):
    save_file({"one": torch.ones(300, 300)}, tmp_path / "a")
    with files_read(), opened(tmp_path / "a") as file:
        slice = file.get_slice("one")
        (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:-100])
        with pytest.raises(OSError, match="has become shorter"):
            slice[...]
