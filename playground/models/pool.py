"""Models that are loaded once and kept."""

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from playground.records import PlaygroundError

Loaded = TypeVar("Loaded")


class ModelPool(Generic[Loaded]):
    """Loads each of the allowed models when it is first asked for, once, however many threads ask.

    While one is loading, others can be had. A loading that fails is tried again the next time.
    """

    def __init__(self, names: Iterable[str], load: Callable[[str], Loaded]) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._load = load
        self._locks = {name: threading.Lock() for name in self.names}
        self._loaded: dict[str, Loaded] = {}

    def get(self, name: str) -> Loaded:
        """Return the model, loading it if need be. Raises PlaygroundError where the name is not allowed."""
        if name not in self._locks:
            raise PlaygroundError(f"There is no model {str(name)[:80]!r} here. Take one of: {', '.join(self.names)}.")
        if name not in self._loaded:
            with self._locks[name]:
                if name not in self._loaded:  # the thread before us may have loaded it
                    self._loaded[name] = self._load(name)
        return self._loaded[name]
