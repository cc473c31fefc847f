"""The gradient of a batch, computed in pieces: on a CPU one thread a core."""

import ctypes
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

Loss = Callable[..., tuple[torch.Tensor, torch.Tensor]]


def multiplies_bfloat16(device_type: str) -> bool:
    """Return whether matrix products are faster in bfloat16: on CUDA, and on a CPU whose matrix units have tiles."""
    return device_type == "cuda" or (device_type == "cpu" and torch.cpu._is_amx_tile_supported())


class Gradients:
    """Computes the gradient of a batch in pieces, on a CPU with one thread a core.

    Each thread takes the next piece when it is done with one, so that a core which is busy with something else
    holds the step up by a piece at most; PyTorch's own threads wait for each other after every operation.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], pieces: int) -> None:
        self.parameters = list(parameters)
        self.pieces = pieces
        on_cpu = self.parameters[0].device.type == "cpu"
        cores = sorted(os.sched_getaffinity(0)) if on_cpu else [0]
        if on_cpu:
            torch.set_num_threads(1)
        self.pool = ThreadPoolExecutor(len(cores), initializer=torch.set_num_threads, initargs=(1,))
        self.workers = len(cores)

    def __call__(self, loss: Loss, batch: Sequence[torch.Tensor], n_learned: int) -> float:
        """Set the gradient of the mean loss over a batch, and return its cross-entropy in nats a token.

        loss: given a piece of `batch`, the sum of its cross-entropy in nats, and what else counts, of which no mean is
            returned
        n_learned: how many tokens of the batch are predicted
        """
        pieces = iter(list(zip(*(whole.chunk(self.pieces) for whole in batch), strict=True)))
        lock = threading.Lock()

        def work(_: int) -> tuple[list[torch.Tensor] | None, float]:
            total, nats = None, 0.0
            while True:
                with lock:
                    piece = next(pieces, None)
                if piece is None:
                    return total, nats
                value, more = loss(*piece)
                gradients = torch.autograd.grad((value + more) / n_learned, self.parameters)
                nats += value.item() / n_learned
                if total is None:
                    total = list(gradients)
                else:
                    torch._foreach_add_(total, gradients)

        results = list(self.pool.map(work, range(self.workers)))
        sums = [total for total, _ in results if total is not None]
        for more in sums[1:]:
            torch._foreach_add_(sums[0], more)
        for parameter, gradient in zip(self.parameters, sums[0], strict=True):
            parameter.grad = gradient
        return sum(nats for _, nats in results)


def keep_freed_memory() -> None:
    """Tell glibc to reuse large blocks: returning them to the kernel costs a fifth of the speed on a CPU."""
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    trim_threshold, mmap_threshold = -1, -3  # names from malloc.h
    libc.mallopt(mmap_threshold, 1 << 30)
    libc.mallopt(trim_threshold, (1 << 31) - 1)
