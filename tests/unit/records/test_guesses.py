"""A guess is judged as a distribution is: by what it gave to what came."""

import math

import pytest

from playground.records import Guess, PlaygroundError
from playground.records.guesses import checked_sureness, mean_bits
from playground.views.guesses import describe_guess, guesses_html


def guess(*, right, sure=0.5, came=0.25, text="dog", label=" dog"):
    return Guess(text, sure, right, 0.125, label, came, 1025)


def test_bits_by_hand():
    assert guess(right=True).bits == 1.0
    assert guess(right=False).bits == 11.0  # half of it shared by 1,024 others
    assert guess(right=True, sure=0.99).bits == pytest.approx(-math.log2(0.99))
    assert guess(right=True).model_bits == 2.0
    assert guess(right=True, came=0.0).model_bits == math.inf


def test_what_a_person_says_is_a_distribution():
    for sure in (0.01, 0.3, 0.99):
        total = 2 ** -guess(right=True, sure=sure).bits + 1024 * 2 ** -guess(right=False, sure=sure).bits
        assert total == pytest.approx(1)


def test_means():
    assert mean_bits([guess(right=True), guess(right=False)]) == (6.0, 2.0)
    assert mean_bits([]) == (0.0, 0.0)


@pytest.mark.parametrize("value", [0, 1, -1, math.nan, "sure", None, True, [0.5]])
def test_how_sure_must_be_a_probability(value):
    with pytest.raises(PlaygroundError, match="from 1% to 99%"):
        checked_sureness(value)


def test_words_and_table_are_escaped():
    bad = guess(right=False, text="<b>", label="<i>")
    assert "came, not “<b>”" in describe_guess(bad)  # for a status line, which escapes
    table = guesses_html([guess(right=True), bad])
    assert "&lt;b&gt;" in table
    assert "<i>" not in table
    assert "1 of 2 right. Mean surprise: you 6.00 bits, the model 2.00 bits a token." in table
    assert table.index("&lt;b&gt;") < table.index("“dog”")  # the last one first
    assert guesses_html([]) == ""
    assert describe_guess(guess(right=True)).startswith("Right: “·dog” came. You were 50% sure of it: 1.0 bits")
