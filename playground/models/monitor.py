"""What a loading tells those who wait for it, and how they end it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from playground.records import LoadProgress, PlaygroundError

_ACTIVE: ContextVar["LoadMonitor | None"] = ContextVar("monitor of the loading that goes on here", default=None)


class LoadMonitor:
    """Goes with one loading: takes its progress, its size, and the wish of the visitor that it ends.

    `reserve` is given the bytes that the model will take, before they are taken; it raises PlaygroundError where
    they cannot be had.
    """

    def __init__(self, model: str, reserve: Callable[[int], None] | None = None, max_bytes: int | None = None) -> None:
        self.cancelled = threading.Event()
        self._progress = LoadProgress(model)
        self.max_bytes = max_bytes  # no model may take more; None: as much as there is free
        self._reserve = reserve

    @property
    def progress(self) -> LoadProgress:
        """How far the loading is."""
        return self._progress

    def report(self, progress: LoadProgress) -> None:
        """Say how far it is. Raises PlaygroundError where it was cancelled."""
        self.check()
        self._progress = progress

    def reserve(self, n_bytes: int) -> None:
        """Ask for the memory that the model will take. Raises PlaygroundError where it cannot be had."""
        self.check()
        if self._reserve is not None:
            self._reserve(n_bytes)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let what is loaded in this block, in this thread, report here."""
        before = _ACTIVE.set(self)
        try:
            yield
        finally:
            _ACTIVE.reset(before)

    def check(self) -> None:
        """Raise PlaygroundError where the loading was cancelled."""
        if self.cancelled.is_set():
            raise PlaygroundError(f"The loading of {self._progress.model} was cancelled. What has come is kept.")


def current_monitor(model: str) -> LoadMonitor:
    """Return the monitor of the loading that goes on in this thread; where nobody looks on, one of its own."""
    return _ACTIVE.get() or LoadMonitor(model)
