import pytest

from tests.benchmarks.measurement import Measurement, milliseconds_in_turns, number
from tests.benchmarks.table import markdown, put_between_marks


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0.00"), (0.98765, "0.988"), (12.345, "12.3"), (99.96, "100"), (354.4, "354"), (12345, "12,345")],
)
def test_numbers_keep_three_digits(value, shown):
    assert number(value) == shown


def test_a_row_shows_the_median_and_the_ends():
    assert Measurement("a map", "ms", (3.0, 1.0, 2.0)).row == "| a map | 2.00 ms | 1.00 – 3.00 | 3 |"


def test_one_value_has_no_ends():
    assert Measurement("a ratio", "", (0.95,)).row == "| a ratio | 0.950 |  | 1 |"


def test_the_table_takes_the_place_of_the_one_before():
    table = markdown("Measured here.", [Measurement("a map", "ms", (1.0,))])
    text = "above\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nbelow\n"
    once = put_between_marks(text, table)
    assert table in once
    assert "old" not in once
    assert once.startswith("above\n")
    assert once.endswith("below\n")
    assert put_between_marks(once, table) == once


def test_what_is_measured_in_turns_leaves_the_first_round_out():
    calls = []
    first, second = milliseconds_in_turns(lambda: calls.append("first"), lambda: calls.append("second"), 3)
    assert calls == ["first", "second"] * 4
    assert len(first) == len(second) == 3
    assert min(*first, *second) >= 0
