"""A visitor's events are handled in turn, each over what the one before has left."""

import threading
import time
from copy import deepcopy
from dataclasses import replace

from playground.ui.session import Session
from playground.ui.visit import Visit, in_turn


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
    shared.session = Session("stories", selected=3)
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
