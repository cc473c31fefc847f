"""Memory and disk are what the machine says, and a container's limit counts."""

import pytest
import torch
from torch import nn

from playground.models import memory

CPU = torch.device("cpu")


def write_machine(tmp_path, monkeypatch, available_kb=4_000_000, **group):
    (tmp_path / "meminfo").write_text(f"MemTotal: 9000000 kB\nMemAvailable:   {available_kb} kB\n")
    for name, text in group.items():
        (tmp_path / f"memory.{name}").write_text(text)
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)


def test_the_machine_counts_where_there_is_no_container(tmp_path, monkeypatch):
    write_machine(tmp_path, monkeypatch)
    assert memory.free_memory_bytes(CPU) == 4_096_000_000


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    stat = "anon 5\ninactive_file 100\n"
    write_machine(tmp_path, monkeypatch, max="1000\n", current="400\n", stat=stat)
    assert memory.free_memory_bytes(CPU) == 700


def test_a_container_without_a_limit(tmp_path, monkeypatch):
    write_machine(tmp_path, monkeypatch, max="max\n", current="400\n", stat="anon 5\n")
    assert memory.free_memory_bytes(CPU) == 4_096_000_000


def test_where_nothing_is_told_there_is_something_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert 10**8 < memory.free_memory_bytes(CPU) < 2**50


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path):
    there, not_yet = memory.free_disk_bytes(tmp_path), memory.free_disk_bytes(tmp_path / "a" / "b")
    assert there > 0
    assert not_yet == pytest.approx(there, rel=0.05)


def test_shared_weights_take_their_memory_once():
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight
    model.register_buffer("table", torch.zeros(10, dtype=torch.int64))
    assert memory.model_bytes(model) == 16 * 4 + 10 * 8
    assert memory.model_bytes(model.to("meta")) == 0
