"""What is said of a head follows from its scores."""

import math

from hypothesis import given
from hypothesis import strategies as st

from playground.records import PatternScore, describe, fitting


def test_a_head_that_fits():
    scores = {"previous": PatternScore(0.88, 0.2, 30), "first": PatternScore(0.05, 0.2, 30)}
    assert fitting(scores) == ("previous",)
    assert describe(scores) == "Puts 88 % of its weight on the token just before (previous-token head)."


def test_a_head_that_fits_two():
    scores = {"first": PatternScore(0.5, 0.1, 30), "induction": PatternScore(0.6, 0.1, 4)}
    assert describe(scores) == (
        "Where its token stood before, puts 60 % of its weight on what came after it (induction head); "
        "also puts 50 % of its weight on the first token (a resting place, or sink)."
    )


def test_a_head_that_fits_none():
    scores = {"first": PatternScore(0.23, 0.1, 30), "uniform": PatternScore(0.7, 1.0, 30)}
    assert fitting(scores) == ()
    assert describe(scores) == "Fits none of the patterns; nearest: it puts 23 % of its weight on the first token."


def test_no_more_than_chance_or_too_few_queries_is_no_pattern():
    assert fitting({"previous": PatternScore(0.6, 0.4, 30)}) == ()  # a text of three tokens
    assert fitting({"induction": PatternScore(0.9, 0.1, 1)}) == ()
    assert fitting({"uniform": PatternScore(0.95, 1.0, 30)}) == ("uniform",)
    assert "almost evenly" in describe({"uniform": PatternScore(0.95, 1.0, 30)})


def test_a_head_of_which_nothing_is_known():
    nothing = {"first": PatternScore(math.nan, math.nan, 0)}
    assert describe(nothing).startswith("Nothing can be said of this head: no token")
    assert "NaN" in describe({"first": PatternScore(math.nan, 0.5, 4)})
    assert describe({"uniform": PatternScore(0.5, 1.0, 9)}) == "Fits none of the patterns."


@given(
    st.dictionaries(
        st.sampled_from(["previous", "next", "first", "same", "duplicate", "induction", "local", "uniform"]),
        st.builds(PatternScore, st.floats(0, 1) | st.just(math.nan), st.floats(0, 1), st.integers(0, 50)),
    )
)
def test_there_is_always_one_sentence(scores):
    said = describe(scores)
    assert said[0].isupper()
    assert said.endswith(".")
    assert said.count(". ") == 0
    assert ("Fits none" in said or "Nothing can be said" in said) == (not fitting(scores))
