"""Gives back the memory in which files of weights are seen while a model is read from them.

safetensors maps a file into memory, and what was read of it stays there until the file is closed. Where the weights are
kept in another dtype, or on another device, than they lie in the file, that is as much again as the file is large.
"""

import ctypes
import mmap
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

INTERVAL_S = 0.03
_MAPS = Path("/proc/self/maps")  # Linux only; elsewhere nothing is given back


@contextmanager
def given_back(files: Iterable[Path]) -> Iterator[Callable[[], None]]:
    """Give back what is seen of `files` again and again until the block is left, and when what it gives is called.

    Nothing of them may be in use as it lies there: what a program had changed in its view of a file would be lost.
    """
    mapped = MappedFiles(files)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(INTERVAL_S):
            mapped.give_back()

    thread = threading.Thread(target=watch, name="give back mapped files", daemon=True)
    if mapped.names:
        thread.start()
    try:
        yield mapped.give_back
    finally:
        over.set()
        if mapped.names:
            thread.join()


class MappedFiles:
    """Files whose views in this process are given back; the kernel reads them anew where they are looked at again."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.names = {str(path.resolve()) for path in files} if _MAPS.is_file() else set()

    def give_back(self) -> None:
        """Give back what is seen of the files at this moment."""
        if not self.names:
            return
        libc = ctypes.CDLL(None)
        for line in _MAPS.read_text("utf-8", "surrogateescape").splitlines():
            addresses, *_, name = line.split(maxsplit=5) if line.count("/") else (line, "")
            if name in self.names:
                start, end = (int(address, 16) for address in addresses.split("-"))
                libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)
