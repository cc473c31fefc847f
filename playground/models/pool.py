"""Models that are loaded once and kept while there is memory for them."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from playground.models.monitor import LoadMonitor
from playground.records import LoadProgress, PlaygroundError, shown_name
from playground.records.sizes import say_bytes

Loaded = TypeVar("Loaded")
Loader = Callable[[LoadMonitor], Loaded]


class _Kept(Generic[Loaded]):
    """A model in the pool: its size, and how many use it at this moment."""

    def __init__(self, value: Loaded, n_bytes: int) -> None:
        self.value = value
        self.n_bytes = n_bytes
        self.users = 0


class _Loading(Generic[Loaded]):
    """A model on its way, and how many wait for it; where nobody does any more, it is cancelled."""

    def __init__(self, monitor: LoadMonitor) -> None:
        self.monitor = monitor
        self.waiting = 0
        self.n_bytes = 0  # reserved
        self.done = threading.Event()
        self.kept: _Kept[Loaded] | None = None
        self.error: BaseException | None = None


class ModelPool(Generic[Loaded]):
    """Loads a model when it is first asked for, once, however many threads ask, and keeps it for the next.

    Each loads in a thread of its own, so that one that is loading keeps nobody from the others. Where `max_bytes`
    would be exceeded, the least recently used goes first; one in use never goes, and neither do two loadings
    together take more than there is. A loading that fails leaves nothing, and is tried again the next time.

    `load` is given the name and a LoadMonitor; `size_of` says what a loaded model takes, `on_gone` is called with
    what has left the pool. Names other than `names` can be had after `admit`.
    """

    def __init__(
        self,
        names: Iterable[str],
        load: Callable[[str, LoadMonitor], Loaded],
        *,
        max_bytes: int | None = None,
        size_of: Callable[[Loaded], int] = lambda _: 0,
        on_gone: Callable[[str, Loaded], None] = lambda _, __: None,
    ) -> None:
        self.names = tuple(dict.fromkeys(names))
        self.max_bytes = max_bytes
        self._load = load
        self._size_of = size_of
        self._on_gone = on_gone
        self._lock = threading.RLock()
        self._admitted = set(self.names)
        self._kept: OrderedDict[str, _Kept[Loaded]] = OrderedDict()  # the least recently used first
        self._loading: dict[str, _Loading[Loaded]] = {}  # that can still be joined
        self._running: set[_Loading[Loaded]] = set()  # and those that were cancelled, until they have noticed

    @property
    def n_bytes(self) -> int:
        """What the models in the pool take, and those on their way have reserved."""
        with self._lock:
            kept = sum(entry.n_bytes for entry in self._kept.values())
            return kept + sum(loading.n_bytes for loading in self._running)

    def loaded_names(self) -> tuple[str, ...]:
        """Return the names of the models that are in memory, the least recently used first."""
        with self._lock:
            return tuple(self._kept)

    def admit(self, name: str) -> None:
        """Let `name` be asked for, too."""
        with self._lock:
            self._admitted.add(name)

    def forget(self, name: str) -> None:
        """Let `name` be asked for no more, unless it is one of the first names; it leaves once nobody uses it."""
        with self._lock:
            if name in self.names:
                return
            self._admitted.discard(name)
            entry = self._kept.get(name)
            if entry is not None and entry.users == 0:
                self._on_gone(name, self._kept.pop(name).value)

    def get(self, name: str) -> Loaded:
        """Return the model, loading it if need be; it may leave the pool at any time unless it is in use.

        Raises PlaygroundError where the name is not allowed, or what went wrong with its loading.
        """
        with self.use(name) as model:
            return model

    @contextmanager
    def use(self, name: str) -> Iterator[Loaded]:
        """Give the model, loading it if need be, and keep it in the pool until the block is left."""
        entry = self._take(name)
        while entry is None:
            for progress in self.watch(name, interval_s=None):
                if progress.stage == "ready":
                    entry = self._take(name)  # None where it left just now, and is loaded anew
        try:
            yield entry.value
        finally:
            with self._lock:
                entry.users -= 1
                if name not in self._admitted and entry.users == 0 and self._kept.get(name) is entry:
                    self._on_gone(name, self._kept.pop(name).value)

    def watch(
        self,
        name: str,
        cancel: threading.Event | None = None,
        *,
        interval_s: float | None = 0.1,
        load: Loader[Loaded] | None = None,
    ) -> Iterator[LoadProgress]:
        """Yield how far the loading is, beginning it if need be, until the model is there (stage "ready").

        Setting `cancel`, or closing the generator, ends the loading where nobody else waits for it. `load` is used
        in place of the pool's where this call begins the loading. Raises PlaygroundError as `get` does.
        """
        loading = self._join(name, load)
        if loading is None:
            yield LoadProgress(name, "ready")
            return
        try:
            while not loading.done.wait(interval_s):
                if cancel is not None and cancel.is_set():
                    raise PlaygroundError(f"The loading of {name} was cancelled. What has come is kept.")
                yield loading.monitor.progress
            if isinstance(loading.error, PlaygroundError):
                # One for each that waits: a shared exception would gather the tracebacks of all
                raise PlaygroundError(str(loading.error)) from loading.error
            if loading.error is not None:
                raise loading.error
            yield LoadProgress(name, "ready")
        finally:
            self._leave(loading)

    def _take(self, name: str) -> _Kept[Loaded] | None:
        """Return the model as in use, None where it is not in memory. Raises PlaygroundError."""
        with self._lock:
            self._check(name)
            entry = self._kept.get(name)
            if entry is not None:
                self._kept.move_to_end(name)
                entry.users += 1
            return entry

    def _check(self, name: str) -> None:
        if name not in self._admitted:
            raise PlaygroundError(f"There is no model {str(name)[:80]!r} here. Take one of: {', '.join(self.names)}.")

    def _join(self, name: str, load: Loader[Loaded] | None) -> _Loading[Loaded] | None:
        """Return the loading of `name`, begun if need be, with one more who waits; None where the model is there."""
        with self._lock:
            self._check(name)
            if name in self._kept:
                self._kept.move_to_end(name)
                return None
            loading = self._loading.get(name)
            if loading is None:
                loading = self._begin(name, load or (lambda monitor: self._load(name, monitor)))
            loading.waiting += 1
            return loading

    def _leave(self, loading: _Loading[Loaded]) -> None:
        """Wait no longer; the last to leave a loading cancels it."""
        with self._lock:
            loading.waiting -= 1
            if loading.kept is not None:
                loading.kept.users -= 1  # it was kept for us, see _finish
            elif loading.waiting == 0:
                loading.monitor.cancelled.set()
                self._forget(loading)

    def _begin(self, name: str, load: Loader[Loaded]) -> _Loading[Loaded]:
        before = [running for running in self._running if running.monitor.progress.model == name]
        loading: _Loading[Loaded] = _Loading(
            LoadMonitor(name, lambda n_bytes: self._reserve(loading, n_bytes), self.max_bytes)
        )
        self._loading[name] = loading
        self._running.add(loading)

        def run() -> None:
            try:
                for cancelled in before:  # they may be writing the very files
                    cancelled.done.wait()
                loading.monitor.check()
                self._finish(name, loading, load(loading.monitor))
            except BaseException as error:  # whatever it is: those who wait must hear of it
                loading.error = error
            with self._lock:
                self._forget(loading)
                self._running.discard(loading)
            loading.done.set()

        threading.Thread(target=run, name=f"load {name[:40]}", daemon=True).start()
        return loading

    def _finish(self, name: str, loading: _Loading[Loaded], value: Loaded) -> None:
        """Put what was loaded into the pool at its true size, in use by all that wait for it."""
        with self._lock:
            n_bytes = self._size_of(value)
            loading.monitor.reserve(n_bytes)  # raises, too, where nobody waits any more
            loading.kept = self._kept[name] = _Kept(value, n_bytes)
            loading.kept.users = loading.waiting
            loading.n_bytes = 0
            self._forget(loading)

    def _forget(self, loading: _Loading[Loaded]) -> None:
        """Let nobody join a loading any more."""
        name = loading.monitor.progress.model
        if self._loading.get(name) is loading:
            del self._loading[name]

    def _reserve(self, loading: _Loading[Loaded], n_bytes: int) -> None:
        """Set what a loading takes, letting models go for it. Raises PlaygroundError with the numbers."""
        with self._lock:
            loading.n_bytes = 0
            if self.max_bytes is not None:
                self._make_room(self.max_bytes, loading.monitor.progress.model, n_bytes)
            loading.n_bytes = n_bytes

    def _make_room(self, max_bytes: int, name: str, n_bytes: int) -> None:
        """Let the least recently used models go until there are `n_bytes` free; none goes where that is not enough."""
        needs = f"{shown_name(name)} takes {say_bytes(n_bytes)} of memory"
        if n_bytes > max_bytes:
            raise PlaygroundError(
                f"{needs}, more than the {say_bytes(max_bytes)} that there are for models here. Take a smaller one."
            )
        idle = [key for key, entry in self._kept.items() if entry.users == 0]
        busy_bytes = self.n_bytes - sum(self._kept[key].n_bytes for key in idle)
        if busy_bytes + n_bytes > max_bytes:
            raise PlaygroundError(
                f"{needs}; of the {say_bytes(max_bytes)} for models here, {say_bytes(busy_bytes)} are in use or "
                "being loaded at this moment. Try again later, or take a smaller one."
            )
        for key in idle:
            if self.n_bytes + n_bytes <= max_bytes:
                break
            self._on_gone(key, self._kept.pop(key).value)
