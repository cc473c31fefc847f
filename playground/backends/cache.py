"""What was computed of the texts that were looked at last, so that clicking around does not run the model again."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar, runtime_checkable

DEFAULT_BYTES = 256 * 2**20


@runtime_checkable
class HasSize(Protocol):
    """Says how much memory it holds."""

    @property
    def n_bytes(self) -> int: ...


Kept = TypeVar("Kept", bound=HasSize)


class TextCache(Generic[Kept]):
    """Keeps what was used last, up to `max_bytes`; one that is too large alone is still given, but not kept.

    Threads that ask for the same at once compute it once. What is computed for a key depends on the key alone,
    so that visitors can share it without reading anything of each other's.
    """

    def __init__(self, max_bytes: int = DEFAULT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._computing: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, compute: Callable[[], Kept]) -> Kept:
        """Return what is kept for `key`, else compute it."""
        with self._lock:
            if (found := self._find(key)) is not None:
                return found
            computing = self._computing.setdefault(key, threading.Lock())
        with computing:
            with self._lock:
                if (found := self._find(key)) is not None:  # the thread before us has computed it
                    return found
            try:
                computed = compute()
                self._keep(key, computed)
            finally:
                with self._lock:
                    self._computing.pop(key, None)
            return computed

    def drop(self, belongs: Callable[[Hashable], bool]) -> None:
        """Forget what is kept for the keys that `belongs` says yes to."""
        with self._lock:
            for key in [key for key in self._kept if belongs(key)]:
                del self._kept[key]

    def _find(self, key: Hashable) -> Kept | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def _keep(self, key: Hashable, computed: Kept) -> None:
        with self._lock:
            self._kept[key] = computed
            while sum(kept.n_bytes for kept in self._kept.values()) > self._max_bytes:
                self._kept.popitem(last=False)
