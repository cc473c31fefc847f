"""A lock that is given in the order in which it was asked for."""

import threading
from collections import deque
from types import TracebackType


class FairLock:
    """A reentrant lock whose waiters get it in turn; Python's own may give it to whoever comes by.

    Threads that end a wait in another order would let the earlier of two clicks have the last word.
    """

    def __init__(self) -> None:
        self._state = threading.Lock()  # held for a moment only, to change what follows
        self._owner: int | None = None
        self._depth = 0
        self._waiting: deque[tuple[int, threading.Event]] = deque()

    def acquire(self) -> None:
        """Wait until all who asked before are done; a thread that has the lock gets it once more at once."""
        me = threading.get_ident()
        with self._state:
            if self._owner in (None, me):
                self._owner = me
                self._depth += 1
                return
            mine = threading.Event()
            self._waiting.append((me, mine))
        mine.wait()

    def release(self) -> None:
        """Give the lock to the one who has waited longest, once it was released as often as acquired.

        Raises RuntimeError in a thread that does not have it.
        """
        with self._state:
            if self._owner != threading.get_ident():
                raise RuntimeError("a lock is released by the thread that has it")
            self._depth -= 1
            if self._depth:
                return
            self._owner = None
            if self._waiting:
                self._owner, turn = self._waiting.popleft()
                self._depth = 1
                turn.set()

    def __enter__(self) -> None:
        """Acquire the lock."""
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock."""
        self.release()
