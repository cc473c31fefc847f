"""What a visitor types into the fields of the What if tab."""

import pytest

from playground.records import Change, PlaygroundError
from playground.ui.session import Session
from playground.ui.tabs.what_if import change_from, changes_in


def test_fields_are_read():
    found = change_from("3.2, 5.0-2; 3.2", "its mean", "0, 2-4", "7>2, 9>0–1")
    assert found == Change(
        heads=((3, 2), (5, 0), (5, 1), (5, 2)), how="mean", layers=(0, 2, 3, 4), edges=((7, 2), (9, 0), (9, 1))
    )
    assert change_from("", "zero", " ", "").is_empty


@pytest.mark.parametrize(
    ("heads", "layers", "edges"),
    [
        ("3", "", ""),
        ("3.x", "", ""),
        ("3.5-2", "", ""),
        ("", "1.5", ""),
        ("", "4-2", ""),
        ("", "", "3"),
        ("", "", "1>"),
    ],
)
def test_what_cannot_be_read_is_refused(heads, layers, edges):
    with pytest.raises(PlaygroundError, match="is not a"):
        change_from(heads, "zero", layers, edges)


def test_too_many_at_a_time_are_refused():
    with pytest.raises(PlaygroundError, match="at most 400"):
        change_from("0.0-9999", "zero", "", "")
    with pytest.raises(PlaygroundError, match="There is no choice"):
        change_from("", "off", "", "")


def test_looks_of_a_longer_text_are_left_out():
    session = Session(ids=(1, 2, 3), change=Change(edges=((2, 1), (9, 1))))
    assert changes_in(session).edges == ((2, 1),)
