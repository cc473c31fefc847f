"""The pool loads each model once, and one that is loading keeps nobody from the others."""

import threading
import time

import pytest

from playground.models.pool import ModelPool
from playground.records import PlaygroundError


def run_together(n, work):
    barrier = threading.Barrier(n)

    def run(index):
        barrier.wait()
        work(index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


def test_eight_threads_load_once():
    loads, found = [], []

    def load(name):
        loads.append(name)
        time.sleep(0.05)
        return object()

    pool = ModelPool(["a"], load)
    run_together(8, lambda index: found.append(pool.get("a")))
    assert loads == ["a"]
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_loading_one_does_not_block_another():
    release = threading.Event()

    def load(name):
        if name == "slow":
            assert release.wait(10)
        return name

    pool = ModelPool(["slow", "quick"], load)
    waiting = threading.Thread(target=pool.get, args=("slow",))
    waiting.start()
    try:
        assert pool.get("quick") == "quick"
        assert waiting.is_alive()
    finally:
        release.set()
        waiting.join(10)


def test_only_what_is_allowed():
    pool = ModelPool(["a", "b", "a"], lambda name: name)
    assert pool.names == ("a", "b")
    with pytest.raises(PlaygroundError, match=r"no model 'c' here. Take one of: a, b"):
        pool.get("c")


def test_a_failed_loading_is_tried_again():
    outcomes = [PlaygroundError("offline"), None]

    def load(name):
        if (error := outcomes.pop(0)) is not None:
            raise error
        return name

    pool = ModelPool(["a"], load)
    with pytest.raises(PlaygroundError, match="offline"):
        pool.get("a")
    assert pool.get("a") == "a"
