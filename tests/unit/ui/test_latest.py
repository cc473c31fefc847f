"""A choice that a later one has overtaken on its way changes nothing; whatever a browser sends is taken."""

from types import SimpleNamespace

import gradio as gr
import pytest

from playground.ui.fields import sent
from playground.ui.latest import latest_counts
from playground.ui.visit import Visit


class Chooser:
    status = "status"

    def __init__(self):
        self.chosen = []

    @latest_counts("token")
    def on_token(self, visit, event):
        self.chosen.append(sent(event, "index"))
        return {"visit": visit}

    @latest_counts("head")
    def on_head(self, visit, event):
        self.chosen.append(sent(event, "index"))
        return {"visit": visit}

    @latest_counts("tab")
    def on_tab(self, visit, turn, event):
        self.chosen.append(turn)
        return {"visit": visit}


def event(data):
    return gr.EventData(SimpleNamespace(), data)


def test_the_later_choice_of_a_kind_stays():
    chooser, visit = Chooser(), Visit()
    chooser.on_token(visit, event({"index": 9, "turn": 4}))
    assert "status" in chooser.on_token(visit, event({"index": 4, "turn": 3}))
    chooser.on_head(visit, event({"index": 1, "turn": 3}))  # of another kind
    chooser.on_token(visit=visit, event=event({"index": 5, "turn": 5}))
    chooser.on_token(Visit(), event({"index": 2, "turn": 1}))  # of another visitor
    assert chooser.chosen == [9, 1, 5, 2]


def test_a_number_may_come_beside_the_event():
    chooser, visit = Chooser(), Visit()
    chooser.on_tab(visit=visit, turn=2, event=event({}))
    for turn in (1, 4, 3):
        chooser.on_tab(visit, turn, event({}))
    assert chooser.chosen == [2, 4]


@pytest.mark.parametrize("data", [None, 5, "x", [], ["turn"], {"turn": "9"}, {"turn": None}, {"turn": [1]}])
def test_what_has_no_number_counts(data):
    chooser, visit = Chooser(), Visit()
    chooser.on_token(visit, event({"index": 1, "turn": 7}))
    assert "visit" in chooser.on_token(visit, event(data))
