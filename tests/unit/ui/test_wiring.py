"""What the browser sends with an event may be anything."""

import pytest

from playground.records import Candidate, GenerationRecord, GenerationSettings, Step, Token
from playground.ui.room import one_text_line
from playground.ui.selection import place_in
from playground.ui.status import describe_run, status_line


class Event:
    def __init__(self, index):
        self.index = index


@pytest.mark.parametrize(
    ("index", "axis", "place"),
    [
        (3, 0, 3),
        ([2, 5], 1, 5),
        ([2], 1, 0),
        (99, 0, 9),
        (-4, 0, 0),
        ("7", 0, 0),
        (None, 0, 0),
        ({"a": 1}, 0, 0),
        (float("nan"), 0, 0),
        (True, 0, 0),
        ([[1]], 0, 0),
    ],
)
def test_an_index_from_the_browser_is_kept_in_range(index, axis, place):
    assert place_in(Event(index), axis, 10) == place


def test_an_event_without_an_index_is_the_first():
    assert place_in(object(), 0, 10) == 0


def test_room_says_what_fits_before_anything_is_cut():
    assert "4 + 64 of 512" in one_text_line(4, 64, 512)
    assert "stop after 12." in one_text_line(500, 64, 512)
    assert "shorten it by at least 1." in one_text_line(512, 64, 512)
    assert "shorten it by at least 9." in one_text_line(520, 1, 512)
    assert "9 tokens" in one_text_line(9, 64, None)


def test_a_status_is_escaped_and_errors_are_announced():
    assert status_line("<b>", "error") == '<p class="status status-error" role="alert">&lt;b&gt;</p>'
    assert 'role="status"' in status_line("fine")


@pytest.mark.parametrize(
    ("reason", "words"), [("stopped", "you stopped it"), ("context", "context is full"), ("length", "length")]
)
def test_a_run_is_described_by_what_it_did(reason, words):
    token = Token(1, "x", "x")
    step = Step(0, Candidate(1, "x", "x", 0.5, 0.5), 1, (), 1.0, 1, token)
    record = GenerationRecord(
        "m", "p", GenerationSettings(), "xx", (1,), (1, 1), (token,), (step, step), reason, None, 0.5
    )
    text = describe_run(record)
    assert text.startswith("2 tokens in 0.5 s (4 a second)")
    assert words in text
