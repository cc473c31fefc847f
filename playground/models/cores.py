"""How many processor cores there are for this process, and work for those that torch leaves free."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def count_cores() -> int:
    """Return the cores that this process may run on; 1 where the system does not say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_free_core() -> bool:
    """Return whether torch's own threads leave a core free."""
    return count_cores() > torch.get_num_threads()


def on_all_cores(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return what `work` makes of each item, as many at a time as torch's own threads leave cores for."""
    with ThreadPoolExecutor(max(1, count_cores() // torch.get_num_threads())) as pool:
        return list(pool.map(work, items))
