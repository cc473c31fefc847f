"""A session knows which row and which step belong to the selected token; a run is ended only by its visitor."""

import threading
import time
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import pytest

from playground.records import AttentionShape, Candidate, ReadText, Step, TextIds, Token
from playground.ui.session import Cancellations, Session, Visit, in_turn
from playground.ui.shown_text import session_of_text, within_kind


def step(index):
    return Step(index, Candidate(index, "x", "x", 0.5, 0.5), 1, (), 1.0, 1, Token(index, "x", "x"))


def session(selected):
    tokens = tuple(Token(i, "x", "x") for i in range(5))
    return Session("stories", (0, 1, 2, 3, 4), tokens, (step(0), step(1)), selected)


def test_a_token_was_chosen_from_the_one_before():
    assert session(4).query == 3
    assert session(1).query == 0
    assert session(0).query == 0


def test_only_generated_tokens_have_a_step():
    assert session(2).step is None
    assert session(3).step == step(0)
    assert session(4).step == step(1)
    assert Session().step is None


def two_texts(kind, selected):
    """Three tokens of a source; of a target the start token and two that were written."""
    tokens = tuple(Token(i, "x", "x") for i in range(6))
    shapes = tuple(AttentionShape(each, (0, 1), 2) for each in ("encoder", "decoder", "cross"))
    return Session(
        "m", tuple(range(6)), tokens, (step(0), step(1)), 5, 3,
        model_kind="encoder-decoder", beside=2, kind=kind, shapes=shapes,
    ).select(selected)  # fmt: skip


@pytest.mark.parametrize("kind", ["decoder", "cross"])
def test_a_token_of_the_target_was_chosen_from_the_row_before_it(kind):
    assert [two_texts(kind, token).query for token in (3, 4, 5)] == [0, 0, 1]  # the start token has its own row
    assert [two_texts(kind, 5).token_of_query(row) for row in (0, 1, 2)] == [4, 5, 5]
    assert two_texts(kind, 1).query == 1  # the source has no row here: that of the target's last selected token
    assert two_texts(kind, 1).looked_for == 5


def test_a_token_of_a_source_has_a_row_of_its_own():
    assert [two_texts("encoder", token).query for token in (0, 1, 2)] == [0, 1, 2]
    assert [two_texts("encoder", 0).token_of_query(row) for row in (0, 1, 2, 9)] == [0, 1, 2, 2]
    assert two_texts("encoder", 4).query == 2
    assert two_texts("encoder", 1).select(4).query == 1


def test_what_looks_and_what_is_looked_at():
    found = {kind: (two_texts(kind, 5).queries, two_texts(kind, 5).keys) for kind in ("encoder", "decoder", "cross")}
    source, target = range(3), range(3, 6)
    assert found == {"encoder": (source, source), "decoder": (target, target), "cross": (target, source)}
    assert two_texts("cross", 5).text == TextIds((0, 1, 2), (4, 5))
    assert session(4).text == TextIds((0, 1, 2, 3, 4))


def test_an_encoder_has_a_row_for_each_token():
    encoder = replace(session(2), model_kind="encoder", steps=(), type_ids=(0, 0, 0, 1, 1), second_at=3)
    assert (encoder.query, encoder.token_of_query(4)) == (2, 4)
    assert encoder.text == TextIds((0, 1, 2, 3, 4), (), (0, 0, 0, 1, 1), 3)
    assert encoder.parts == {0: ("first sentence", 0), 3: ("second sentence", 3)}


def test_a_kind_keeps_what_was_selected_within_what_it_has():
    shapes = (AttentionShape("encoder", (0, 1, 2), 4), AttentionShape("cross", (0, 1), 2))
    before = replace(two_texts("encoder", 1), shapes=shapes, layer=2, head=3)
    after = within_kind(before, "cross")
    assert (after.kind, after.layer, after.head, after.selected) == ("cross", 1, 1, 1)
    assert within_kind(replace(before, shapes=shapes[:1]), "decoder").kind == "encoder"


def test_a_start_token_alone_is_no_text_to_select():
    read = ReadText((Token(1, "a", "a"),), (Token(0, "", "<s>", special=True),))
    begun = session_of_text("m", read, "encoder-decoder", Session())
    assert (begun.selected, begun.n_target, begun.text) == (0, 1, TextIds((1,)))


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


def test_a_visitors_events_are_handled_one_after_the_other():
    """A token is clicked and a view opened before the answer: the view is of the token that was clicked."""
    visit, begun = Visit(), threading.Event()

    @in_turn
    def select(*, visit):
        session = visit.session
        begun.set()
        time.sleep(0.05)
        visit.session = replace(session, selected=5)

    @in_turn
    def open_view(visit):
        return visit.session.selected

    selecting = threading.Thread(target=select, kwargs={"visit": visit})
    selecting.start()
    begun.wait()
    assert open_view(visit) == 5
    selecting.join()


def test_each_visitor_gets_a_visit_of_their_own():
    shared = Visit()
    shared.session = session(3)
    mine, yours = deepcopy(shared), deepcopy(shared)
    assert mine is not yours
    assert mine.lock is not yours.lock
    assert mine.session == Session()


def test_what_comes_late_of_its_kind_is_overtaken():
    visit = Visit()
    assert not visit.is_overtaken("token", 2)
    assert visit.is_overtaken("token", 1)
    assert not visit.is_overtaken("instrument", 1)
    assert not visit.is_overtaken("token", 3)
    for sent in (None, "1", [0], True, float("nan")):
        assert not visit.is_overtaken("token", sent)
    assert not visit.is_overtaken("token", 4)
