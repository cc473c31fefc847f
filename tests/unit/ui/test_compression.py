"""What is typed into the fields of Compress and Cost may be anything."""

from dataclasses import fields
from types import SimpleNamespace

import pytest

from playground.records import PlaygroundError
from playground.ui.tabs.compression import FIRST, MOST_NAMED, CompressionTab, compression_from
from playground.ui.tabs.cost import FIELDS, assumptions_from
from playground.views.compression import ABOUT, METHODS

GOOD = {name: max(low, min(high, 10)) for name, (_, _, low, high) in FIELDS.items()}


def test_fields_are_read():
    one = compression_from("shared", 50, 32, 4, "3=2, 5 = 4; 3=1")
    assert one.shared == ((3, 1), (5, 4))
    assert compression_from("dropped", 50, 32, 4, "2, 4-6, 5").layers == (2, 4, 5, 6)
    assert compression_from("magnitude", 12.5, 32, 4, "<b>").percent == 12.5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("zip", 50, 32, 4, ""), "There is no method 'zip'"),
        (("int8", None, 32, 4, ""), "percent must be a number"),
        (("int8", 50, "32", 4, ""), "group must be a number"),
        (("int8", 50, 32, True, ""), "n_heads must be a number"),
        (("int8", float("nan"), 32, 4, ""), "percent must be a number"),
        (("shared", 50, 32, 4, "3>2"), "does not say which layer"),
        (("dropped", 50, 32, 4, "6-4"), "is not a layer"),
        (("dropped", 50, 32, 4, "0-9999"), "is not a layer"),
        (("dropped", 50, 32, 4, ",".join("1" * (MOST_NAMED + 1))), "Name at most"),
    ],
)
def test_what_cannot_be_read_is_said(given, message):
    with pytest.raises(PlaygroundError, match=message):
        compression_from(*given)


@pytest.mark.parametrize(
    ("model", "chosen", "stays"), [("ours", "student", True), ("other", "student", False), ("other", "int4", True)]
)
def test_a_student_is_offered_with_the_model_that_it_came_with(model, chosen, stays):
    names = [field.name for field in fields(CompressionTab)]
    tab = CompressionTab(**dict(zip(names, names, strict=True)))
    answer = tab.offer(SimpleNamespace(has_student=lambda model: model == "ours"), model, chosen)
    offered = [method for _, method in answer["method"].choices]
    assert ("student" in offered) == (model == "ours")
    assert len(offered) == len(METHODS) - (model != "ours")
    assert set(answer) == ({"method"} if stays else {"method", *tab.depending()})
    if not stays:
        assert answer["method"].value == FIRST
        assert answer["about"] == f"<p>{ABOUT[FIRST]}</p>"


def test_assumptions_are_read():
    found = assumptions_from(GOOD)
    assert found.utilisation == pytest.approx(0.1)
    assert isinstance(found.n_students, int)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [None, "1", True, float("nan"), float("inf"), -1, 1e30])
def test_assumptions_out_of_range_are_said(name, value):
    with pytest.raises(PlaygroundError, match="must be a number from"):
        assumptions_from(GOOD | {name: value})
