"""Runs that were begun together end together; what the browser sends is kept in range."""

import math

import pytest

from playground.records import PlaygroundError
from playground.ui.batches import Batches
from playground.ui.compare import columns_wanted, within


def test_one_switch_ends_all_runs_of_a_visitor_and_nobody_elses():
    batches = Batches()
    mine, theirs = batches.begin("me", 3), batches.begin("you", 2)
    batches.cancel("me")
    assert mine.switch.is_set()
    assert not theirs.switch.is_set()
    assert batches.of("me") is None  # runs that still wait for their turn do not begin
    batches.cancel("nobody")


def test_a_new_batch_ends_the_one_before():
    batches = Batches()
    first = batches.begin("me", 2)
    second = batches.begin("me", 2)
    assert first.switch.is_set()
    batches.end("me", first)  # comes to its end late
    assert batches.of("me") is second
    batches.end("me", second)
    assert batches._batches == {}


def test_the_last_run_of_a_batch_knows_it():
    batch = Batches().begin("me", 2)
    assert batch.finish(1, None) == ({}, False)
    assert batch.finish(0, None) == ({}, True)


@pytest.mark.parametrize(("count", "columns"), [(3, 3), (99, 4), (-1, 2), ("3", 2), (None, 2), (2.5, 2)])
def test_columns_are_two_to_four(count, columns):
    assert columns_wanted(count) == columns


@pytest.mark.parametrize("value", [1, 201, 2.5, "7", None, True, math.nan, math.inf, [3]])
def test_numbers_out_of_range_are_refused(value):
    with pytest.raises(PlaygroundError, match="Times must be a whole number from 2 to 200"):
        within(value, 2, 200, "Times")
    assert within(20.0, 2, 200, "Times") == 20
