"""How much memory and disk there is, and how much of it a model takes."""

import os
import shutil
from pathlib import Path
from typing import Any

import torch

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def model_bytes(model: Any) -> int:
    """Return what the weights and buffers of a model take in memory; those that two modules share count once."""
    tensors = (*model.parameters(), *model.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor.device.type != "meta")


def free_memory_bytes(device: torch.device) -> int:
    """Return how much more memory can be taken on a device: of a GPU its own, else this machine's or container's."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(_free_on_the_machine(), _free_in_the_container())


def model_budget_bytes() -> int:
    """Return how much memory models may take together: of GPUs nearly all, else two thirds of what is free."""
    if torch.cuda.is_available():
        return sum(torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count())) * 9 // 10
    return free_memory_bytes(torch.device("cpu")) * 2 // 3


def is_memory_error(error: BaseException) -> bool:
    """Return whether there was not enough memory; torch says so of a CPU in a RuntimeError like any other."""
    said = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in said or "allocate memory" in said)
    )


def free_disk_bytes(folder: Path) -> int:
    """Return how much more can be written to the disk of `folder`, which need not be there yet."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def _free_on_the_machine() -> int:
    if _MEMINFO.is_file():
        for line in _MEMINFO.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4  # macOS tells no more than its size


def _free_in_the_container() -> int:
    """Return what a control group (version 2) still allows; without one as much as there may be."""
    try:
        limit, used = (_CGROUP / "memory.max").read_text("ascii"), (_CGROUP / "memory.current").read_text("ascii")
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text("ascii").splitlines())
        given_back = int(stat.get("inactive_file", 0))  # files that were read, kept only until the memory is wanted
        return 2**62 if limit.strip() == "max" else max(0, int(limit) - int(used) + given_back)
    except (OSError, ValueError):
        return 2**62
