"""A run is ended only by its visitor; what waits in line is let in turn by turn."""

import threading
import time
from types import SimpleNamespace

import pytest

from playground.ui.cancellations import Cancellations


def test_a_switch_belongs_to_one_visitor():
    runs = Cancellations()
    mine, theirs = runs.begin("me"), runs.begin("you")
    runs.cancel("me")
    assert mine.is_set()
    assert not theirs.is_set()
    runs.cancel("nobody")


def test_a_new_run_ends_the_one_before():
    runs = Cancellations()
    first = runs.begin("me")
    second = runs.begin("me")
    assert first.is_set()
    runs.end("me", first)  # the first run comes to its end late
    runs.cancel("me")
    assert second.is_set()


def test_a_finished_run_leaves_nothing_behind():
    runs = Cancellations()
    runs.end("me", runs.begin("me"))
    with runs.in_line("me"):
        pass
    assert (runs._switches, runs._lines) == ({}, {})


@pytest.fixture
def line():
    """A visitor's line: `begin` lets somebody stand in it, who notes when they are let in and out."""
    runs, notes, leave = Cancellations(), [], {}

    def stand(name):
        with runs.in_line("me") as switch:
            notes.append((name, "stopped" if switch.is_set() else "in"))
            switch.is_set() or leave[name].wait(10)
            notes.append((name, "stopped" if switch.is_set() else "done"))

    def begin(name):
        leave[name] = threading.Event()
        before = len(runs._lines.get("me", ()))
        thread = threading.Thread(target=stand, args=(name,), daemon=True)
        thread.start()
        while len(runs._lines.get("me", ())) == before:
            time.sleep(0.001)
        return thread

    return SimpleNamespace(runs=runs, notes=notes, leave=leave, begin=begin)


def test_each_of_a_line_is_let_in_when_those_before_are_done(line):
    threads = [line.begin(name) for name in "abc"]
    with line.runs.in_line("you"):  # others do not wait for them
        for name in "abc":
            line.leave[name].set()
    for thread in threads:
        thread.join(10)
    assert line.notes == [(name, said) for name in "abc" for said in ("in", "done")]
    assert (line.runs._switches, line.runs._lines) == ({}, {})


def test_a_line_ends_what_goes_on_besides_and_waits_for_its_end(line):
    switch = line.runs.begin("me")
    thread = line.begin("a")
    assert switch.is_set()
    assert line.notes == []
    line.leave["a"].set()
    line.runs.end("me", switch)
    thread.join(10)
    assert line.notes == [("a", "in"), ("a", "done")]


@pytest.mark.parametrize("begins", [True, False])
def test_who_stops_or_begins_something_else_empties_the_line(line, begins):
    first = line.begin("a")
    others = [line.begin("b"), line.begin("c")]
    switch = line.runs.begin("me") if begins else line.runs.cancel("me")
    for thread in others:
        thread.join(10)
    line.leave["a"].set()
    first.join(10)
    assert line.notes[0] == ("a", "in")
    assert line.notes[-1] == ("a", "stopped")
    assert set(line.notes[1:-1]) == {("b", "stopped"), ("c", "stopped")}
    assert line.runs._lines == {}
    assert line.runs._switches == ({"me": switch} if begins else {})
