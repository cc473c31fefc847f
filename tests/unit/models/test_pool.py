"""The pool loads each model once, keeps within its budget, and one that is loading keeps nobody from the others."""

import random
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from playground.models.pool import ModelPool
from playground.records import PlaygroundError

WAIT_S = 20


class Model:
    """Stands for a loaded model of some size."""

    def __init__(self, name, n_bytes=1):
        self.name = name
        self.n_bytes = n_bytes


def run_together(n, work):
    barrier = threading.Barrier(n)
    errors = []

    def run(index):
        barrier.wait()
        try:
            work(index)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert not any(thread.is_alive() for thread in threads)
    return errors


def sized_pool(sizes, max_bytes, gone=None, loads=None):
    def load(name, monitor):
        if loads is not None:
            loads.append(name)
        monitor.reserve(sizes[name])
        return Model(name, sizes[name])

    return ModelPool(
        sizes,
        load,
        max_bytes=max_bytes,
        size_of=lambda model: model.n_bytes,
        on_gone=lambda name, _: None if gone is None else gone.append(name),
    )


def wait_until(condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_eight_threads_load_once():
    loads, found = [], []

    def load(name, monitor):
        loads.append(name)
        time.sleep(0.05)
        return object()

    pool = ModelPool(["a"], load)
    assert run_together(8, lambda index: found.append(pool.get("a"))) == []
    assert loads == ["a"]
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_loading_one_does_not_block_another():
    release = threading.Event()

    def load(name, monitor):
        if name == "slow":
            assert release.wait(WAIT_S)
        return name

    pool = ModelPool(["slow", "quick"], load)
    waiting = threading.Thread(target=pool.get, args=("slow",))
    waiting.start()
    try:
        assert pool.get("quick") == "quick"
        assert waiting.is_alive()
    finally:
        release.set()
        waiting.join(WAIT_S)


def test_switching_to_a_model_in_the_pool_is_quick():
    pool = sized_pool({"a": 1, "b": 1}, 10)
    pool.get("a"), pool.get("b")
    started = time.perf_counter()
    for name in ("a", "b") * 50:
        pool.get(name)
    assert (time.perf_counter() - started) / 100 < 0.2


def test_only_what_is_allowed():
    pool = ModelPool(["a", "b", "a"], lambda name, monitor: name)
    assert pool.names == ("a", "b")
    for ask in (pool.get, lambda name: next(pool.watch(name))):
        with pytest.raises(PlaygroundError, match=r"no model 'c' here. Take one of: a, b"):
            ask("c")
    pool.admit("c")
    assert pool.get("c") == "c"
    assert pool.names == ("a", "b")


def test_a_failed_loading_is_tried_again():
    outcomes = [PlaygroundError("offline"), ValueError("strange"), None]

    def load(name, monitor):
        if (error := outcomes.pop(0)) is not None:
            raise error
        return name

    pool = ModelPool(["a"], load)
    with pytest.raises(PlaygroundError, match="offline"):
        pool.get("a")
    with pytest.raises(ValueError, match="strange"):
        pool.get("a")
    assert pool.get("a") == "a"


def test_all_that_wait_hear_of_a_failure():
    release, loads = threading.Event(), []

    def load(name, monitor):
        loads.append(name)
        release.wait(WAIT_S)
        raise PlaygroundError("offline")

    pool = ModelPool(["a"], load)

    def ask(index):
        if index == 4:
            wait_until(lambda: [loading.waiting for loading in pool._running] == [4])
            release.set()
        else:
            pool.get("a")

    errors = run_together(5, ask)
    assert loads == ["a"]
    assert [str(error) for error in errors] == ["offline"] * 4
    assert len(set(map(id, errors))) == 4


def test_the_least_recently_used_goes_first():
    gone = []
    pool = sized_pool({"a": 4, "b": 3, "c": 3, "d": 5}, 10, gone)
    for name in ("a", "b", "c", "a"):
        pool.get(name)
    assert (pool.loaded_names(), pool.n_bytes) == (("b", "c", "a"), 10)
    pool.get("d")
    assert gone == ["b", "c"]
    assert (pool.loaded_names(), pool.n_bytes) == (("a", "d"), 9)


def test_one_in_use_never_goes():
    gone = []
    pool = sized_pool({"a": 4, "b": 3, "c": 3, "d": 5}, 10, gone)
    with pool.use("a") as model:
        for name in ("b", "c", "d"):
            pool.get(name)
        assert pool.get("a") is model
        with pool.use("d"), pytest.raises(PlaygroundError, match=r"b takes 3 bytes .* 9 bytes are in use"):
            pool.get("b")
    assert "a" not in gone
    pool.get("b")
    assert gone == ["b", "c", "a"]  # d was asked for later than a


def test_one_that_never_fits_is_refused_and_nothing_goes_for_it():
    gone = []
    pool = sized_pool({"a": 4, "huge": 2_500_000_000}, 10, gone)
    pool.get("a")
    with pytest.raises(PlaygroundError, match=r"huge takes 2.5 GB of memory, more than the 10 bytes"):
        pool.get("huge")
    assert gone == []
    assert (pool.loaded_names(), pool.n_bytes) == (("a",), 4)


def test_one_that_is_larger_than_it_said_is_held_to_the_budget():
    def load(name, monitor):
        monitor.reserve(1)
        return Model(name, 20)

    pool = ModelPool(["a"], load, max_bytes=10, size_of=lambda model: model.n_bytes)
    with pytest.raises(PlaygroundError, match=r"20 bytes .* 10 bytes"):
        pool.get("a")
    assert (pool.loaded_names(), pool.n_bytes) == ((), 0)


def test_two_on_their_way_do_not_take_more_than_there_is():
    release = threading.Event()

    def load(name, monitor):
        monitor.reserve(6)
        release.wait(WAIT_S)
        return Model(name, 6)

    pool = ModelPool(["a", "b"], load, max_bytes=10, size_of=lambda model: model.n_bytes)
    first = threading.Thread(target=pool.get, args=("a",))
    first.start()
    wait_until(lambda: pool.n_bytes == 6)
    with pytest.raises(PlaygroundError, match="6 bytes are in use or being loaded"):
        pool.get("b")
    release.set()
    first.join(WAIT_S)
    assert pool.get("b").name == "b"


def reporting(steps):
    """Load in steps; each waits to be let go."""
    events = []

    def load(name, monitor):
        for step in range(steps):
            event = threading.Event()
            events.append(event)
            monitor.report(replace(monitor.progress, stage="downloading", bytes_done=step))
            while not event.wait(0.002):
                monitor.check()
        return name

    return load, events


def test_progress_is_seen_by_all_that_watch():
    load, events = reporting(2)
    pool = ModelPool(["a"], load)
    first, second = pool.watch("a", interval_s=0.001), pool.watch("a", interval_s=0.001)
    for step in range(2):
        for watching in (first, second):
            while next(watching).bytes_done < step:
                pass
        wait_until(lambda step=step: len(events) > step)
        events[step].set()
    for watching in (first, second):
        *_, last = watching
        assert (last.model, last.stage) == ("a", "ready")


def test_one_that_cancels_leaves_the_loading_to_the_others():
    load, events = reporting(1)
    pool = ModelPool(["a"], load)
    cancel = threading.Event()
    impatient, patient = pool.watch("a", cancel, interval_s=0.001), pool.watch("a", interval_s=0.001)
    next(impatient), next(patient)
    cancel.set()
    with pytest.raises(PlaygroundError, match="cancelled"):
        list(impatient)
    wait_until(lambda: events)
    events[0].set()
    assert list(patient)[-1].stage == "ready"


def test_where_all_have_left_the_loading_ends_and_the_next_begins_anew():
    load, events = reporting(1)
    pool = ModelPool(["a"], load, max_bytes=5)
    watching = pool.watch("a", interval_s=0.001)
    next(watching)
    (loading,) = pool._running
    watching.close()
    again = pool.watch("a", interval_s=0.001)
    next(again)
    assert loading.done.wait(WAIT_S)
    assert "cancelled" in str(loading.error)
    wait_until(lambda: len(events) == 2)
    events[1].set()
    assert list(again)[-1].stage == "ready"
    assert pool.get("a") == "a"


def test_many_visitors_many_models():
    """Under a budget for half of them: never beyond it, never two of one, none goes while it is in use."""
    sizes = {name: 1 + index % 3 for index, name in enumerate("abcdefgh")}
    in_use, lost, alive, most = Counter(), [], Counter(), 9
    count = threading.Lock()

    def load(name, monitor):
        monitor.reserve(sizes[name])
        time.sleep(0.001)
        with count:
            alive[name] += 1
        return Model(name, sizes[name])

    def gone(name, model):
        with count:
            alive[name] -= 1
            if in_use[name]:
                lost.append(name)

    pool = ModelPool(sizes, load, max_bytes=most, size_of=lambda model: model.n_bytes, on_gone=gone)
    totals, refused = [], []

    def visit(index):
        draw = random.Random(index)
        for _ in range(40):
            name = draw.choice("abcdefgh")
            try:
                with pool.use(name) as model:
                    with count:
                        in_use[name] += 1
                    assert model.name == name
                    totals.append(pool.n_bytes)
                    time.sleep(0.0005)
                    with count:
                        in_use[name] -= 1
            except PlaygroundError as error:
                refused.append(str(error))

    assert run_together(8, visit) == []
    assert all("in use or being loaded" in message for message in refused)
    assert lost == []
    assert max(totals) <= most
    assert all(n <= 1 for n in alive.values())
    assert {name for name, n in alive.items() if n} == set(pool.loaded_names())
    assert all(entry.users == 0 for entry in pool._kept.values())
