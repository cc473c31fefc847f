"""A lock is given in the order in which it was asked for."""

import threading
import time

import pytest

from playground.ui.fair_lock import FairLock


def test_waiters_get_it_in_the_order_in_which_they_asked() -> None:
    lock, order, threads = FairLock(), [], []

    def take(number: int) -> None:
        with lock:
            order.append(number)

    with lock:
        for number in range(20):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            while len(lock._waiting) <= number:  # until it has asked
                time.sleep(0.001)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == [*range(20)]


def test_whoever_has_it_gets_it_again_and_none_else_until_all_is_released() -> None:
    lock, inside = FairLock(), threading.Event()

    def take() -> None:
        with lock:
            inside.set()

    with lock:
        with lock:
            other = threading.Thread(target=take)
            other.start()
        assert not inside.wait(0.05)
    assert inside.wait(10)
    other.join()
    with lock:  # it is free again
        pass


def test_it_is_released_when_an_error_leaves_it_and_by_its_owner_only() -> None:
    lock = FairLock()
    with pytest.raises(KeyError), lock:
        raise KeyError
    with pytest.raises(RuntimeError, match="by the thread that has it"):
        lock.release()


def test_never_two_have_it() -> None:
    lock, count = FairLock(), 0

    def add() -> None:
        nonlocal count
        for _ in range(200):
            with lock:
                before = count
                time.sleep(0)
                count = before + 1

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == 8 * 200
