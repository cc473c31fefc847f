"""The cache keeps what was used last, within its bytes, and computes a thing once."""

import threading
import time
from dataclasses import dataclass

import pytest

from playground.attention.attention import Attention
from playground.backends.cache import TextCache


class Sized(Attention):
    """An attention of a known size."""

    def __init__(self, n_bytes):
        self._n_bytes = n_bytes

    @property
    def n_bytes(self):
        return self._n_bytes


@dataclass
class Maker:
    made: list

    def __call__(self, key, n_bytes=40):
        def compute():
            self.made.append(key)
            time.sleep(0.01)
            return Sized(n_bytes)

        return compute


@pytest.fixture
def make():
    return Maker([])


def test_what_is_kept_is_given_again(make):
    cache = TextCache(100)
    assert cache.get("a", make("a")) is cache.get("a", make("a"))
    assert make.made == ["a"]


def test_the_least_recently_used_goes_first(make):
    cache = TextCache(100)
    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get(key, make(key))
    assert make.made == ["a", "b", "c", "b"]


def test_what_is_too_large_is_given_but_not_kept(make):
    cache = TextCache(100)
    cache.get("a", make("a"))
    assert cache.get("big", make("big", 101)).n_bytes == 101
    cache.get("big", make("big", 101))
    assert make.made == ["a", "big", "big"]


def test_threads_that_ask_for_the_same_compute_it_once(make):
    cache = TextCache(100)
    barrier = threading.Barrier(8)

    def ask():
        barrier.wait()
        cache.get("a", make("a"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.made == ["a"]


def test_a_failure_is_not_kept(make):
    cache = TextCache(100)

    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.get("a", fail)
    assert cache.get("a", make("a")).n_bytes == 40
