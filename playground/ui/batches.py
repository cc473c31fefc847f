"""Several runs that a visitor asked for at once: one switch ends them all."""

import threading
from dataclasses import dataclass, field

from playground.records import GenerationRecord


@dataclass
class Batch:
    """What was begun together. Runs that still wait for their turn see the switch too."""

    n_runs: int
    switch: threading.Event = field(default_factory=threading.Event)
    records: dict[int, GenerationRecord] = field(default_factory=dict)  # of the runs that are over, by their number
    n_over: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def finish(self, slot: int, record: GenerationRecord | None) -> tuple[dict[int, GenerationRecord], bool]:
        """Take in a run that is over, None where it failed; return those that are, and whether it was the last."""
        with self.lock:
            self.n_over += 1
            if record is not None:
                self.records[slot] = record
            return dict(sorted(self.records.items())), self.n_over >= self.n_runs


class Batches:
    """One batch a visitor; a new one ends the one before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: dict[str, Batch] = {}

    def begin(self, visitor: str, n_runs: int) -> Batch:
        """Return a new batch; what this visitor had begun before is ended."""
        batch = Batch(n_runs)
        with self._lock:
            before = self._batches.pop(visitor, None)
            self._batches[visitor] = batch
        if before:
            before.switch.set()
        return batch

    def of(self, visitor: str) -> Batch | None:
        """Return the batch that goes on."""
        with self._lock:
            return self._batches.get(visitor)

    def cancel(self, visitor: str) -> None:
        """End this visitor's runs, also those that have not begun."""
        with self._lock:
            batch = self._batches.pop(visitor, None)
        if batch:
            batch.switch.set()

    def end(self, visitor: str, batch: Batch) -> None:
        """Forget a batch that is over."""
        with self._lock:
            if self._batches.get(visitor) is batch:
                del self._batches[visitor]
