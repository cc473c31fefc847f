"""A session knows which row and which step belong to the selected token; a run is ended only by its visitor."""

import threading
import time
from copy import deepcopy
from dataclasses import replace

from playground.records import Candidate, Step, Token
from playground.ui.session import Cancellations, Session, Visit, in_turn


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
    assert runs._switches == {}


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
