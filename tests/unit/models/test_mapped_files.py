"""What is seen of a file is given back, and can be seen again."""

import re
import threading
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from playground.models import mapped_files
from playground.models.loading import is_copied, load
from playground.models.mapped_files import MappedFiles, given_back
from playground.models.placement import plan_placement

N_BYTES = 8_000_000


@pytest.fixture
def weights(tmp_path):
    save_file({"w": torch.arange(N_BYTES // 4, dtype=torch.float32)}, tmp_path / "a name.safetensors")
    return tmp_path / "a name.safetensors"


def seen_bytes(path):
    """Return how much of a file is in this process's memory."""
    parts = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text(), flags=re.M)
    return sum(1024 * int(re.search(r"Rss:\s+(\d+)", part)[1]) for part in parts if str(path) in part)


def test_memory_is_given_back_and_seen_anew(weights, tmp_path):
    (tmp_path / "link").symlink_to(weights)  # as the Hub's cache has it
    with safe_open(tmp_path / "link", framework="pt") as file:
        view = file.get_slice("w")[...]
        total = view.sum()
        assert seen_bytes(weights) >= N_BYTES
        MappedFiles([tmp_path / "link"]).give_back()
        assert seen_bytes(weights) < N_BYTES / 10
        assert view.sum() == total


def test_other_files_stay(weights, tmp_path):
    with safe_open(weights, framework="pt") as file:
        assert file.get_slice("w")[...].sum() > 0
        MappedFiles([tmp_path / "other.safetensors"]).give_back()
        assert seen_bytes(weights) >= N_BYTES


def test_it_is_done_again_and_again_until_the_end(weights, monkeypatch):
    monkeypatch.setattr(mapped_files, "INTERVAL_S", 0.001)
    enough = threading.Event()
    calls = []
    monkeypatch.setattr(MappedFiles, "give_back", lambda self: calls.append(1) or (len(calls) > 5 and enough.set()))
    with given_back([weights]) as now:
        assert enough.wait(10)
        now()
    done = len(calls)
    assert not [thread for thread in threading.enumerate() if thread.name == "give back mapped files"]
    assert len(calls) == done


def test_without_linux_nothing_is_done(weights, monkeypatch, tmp_path):
    monkeypatch.setattr(mapped_files, "_MAPS", tmp_path / "nowhere")
    with given_back([weights]) as now:
        now()


@pytest.mark.parametrize(
    ("dtypes", "wanted", "is_so"),
    [
        ({"F32"}, "bfloat16", True),
        ({"F32"}, "float32", False),  # the model's weights are the file, as it is seen
        ({"F32", "BF16"}, "bfloat16", False),
        ({"F16"}, "float32", True),
    ],
)
def test_only_what_is_copied_is_given_back(dtypes, wanted, is_so):
    assert is_copied(frozenset(dtypes), plan_placement("m", "cpu", wanted, 1000)) is is_so


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_has_the_weights_of_its_file(monkeypatch, dtype):
    monkeypatch.setattr(mapped_files, "INTERVAL_S", 0.0001)
    loaded = load("translator", "cpu", dtype)
    weights = dict(loaded.model.named_parameters())
    with safe_open("assets/models/translator/model.safetensors", framework="pt") as file:
        same = sorted(weights.keys() & set(file.keys()))
        assert len(same) > 50
        for name in same:
            assert torch.equal(weights[name], file.get_tensor(name).to(getattr(torch, dtype))), name
