"""The switches by which what a visitor has begun is ended, and the line of what waits for its turn."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Cancellations:
    """One switch a visitor, to end the run that is going on, and a line of those that wait for its end."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._switches: dict[str, threading.Event] = {}
        self._lines: dict[str, list[threading.Event]] = {}  # of those that wait, and of the one that waited before

    def begin(self, visitor: str) -> threading.Event:
        """Return a new switch; a run of this visitor that is still going on is ended, and none that waits begins."""
        switch = threading.Event()
        with self._changed:
            self._cancel(visitor)
            self._switches[visitor] = switch
        return switch

    @contextmanager
    def in_line(self, visitor: str) -> Iterator[threading.Event]:
        """Wait until all that stand in this visitor's line are done, then give a new switch.

        What goes on besides those is ended. The switch is set already where the visitor stopped or began something
        else meanwhile.
        """
        mine = threading.Event()
        with self._changed:
            line = self._lines.setdefault(visitor, [])
            running = self._switches.get(visitor)
            if running and running not in line:
                running.set()
            line.append(mine)
            self._changed.wait_for(lambda: mine.is_set() or (line[0] is mine and visitor not in self._switches))
            if not mine.is_set():
                self._switches[visitor] = mine
        try:
            yield mine
        finally:
            with self._changed:
                line.remove(mine)
                if not line:
                    del self._lines[visitor]
            self.end(visitor, mine)

    def cancel(self, visitor: str) -> None:
        """End this visitor's run and all that wait; nothing happens where none is going on."""
        with self._changed:
            self._cancel(visitor)

    def end(self, visitor: str, switch: threading.Event) -> None:
        """Forget a run that is over."""
        switch.set()
        with self._changed:
            if self._switches.get(visitor) is switch:
                del self._switches[visitor]
            self._changed.notify_all()

    def _cancel(self, visitor: str) -> None:
        for switch in (self._switches.get(visitor), *self._lines.get(visitor, ())):
            if switch:
                switch.set()
        self._changed.notify_all()
