"""Measures of a text by hand, and what holds for any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.continuations import count_continuations
from playground.analysis.text_metrics import compare_runs, differing, distinct_n, measure_text, repetition
from playground.records import Candidate, GenerationRecord, GenerationSettings, Step, Token

IDS = st.lists(st.integers(0, 5), max_size=30)


def run(ids, probabilities=None, kept=None, seed=7):
    probabilities = probabilities or [0.5] * len(ids)
    steps = tuple(
        Step(at, Candidate(id, f" {id}", f" {id}", p, q), 1, (), 1.0, 1, Token(id, f" {id}", f" {id}"))
        for at, (id, p, q) in enumerate(zip(ids, probabilities, kept or probabilities, strict=True))
    )
    return GenerationRecord(
        "m", "p", GenerationSettings(seed=seed), "".join(f" {id}" for id in ids), (1,), tuple(ids),
        (Token(1, "p", "p"),), steps, "length", None, 0.25,
    )  # fmt: skip


def test_distinct_and_repetition_by_hand():
    ids = (1, 2, 1, 2, 1, 2, 3)
    assert distinct_n(ids, 1) == 3 / 7
    assert distinct_n(ids, 2) == 3 / 7  # 12 21 23, over seven tokens
    # 1212 2121 1212 2123: one of four came before
    assert repetition(ids) == pytest.approx(1 / 4)
    assert repetition((1, 1, 1, 1, 1, 1)) == pytest.approx(2 / 3)
    assert repetition((1, 2, 3)) is None
    assert distinct_n((1,), 2) is None
    assert distinct_n((), 1) is None


def test_surprisal_is_in_bits_by_the_model_alone():
    metrics = measure_text(run([1, 2], [0.5, 0.125], kept=[1.0, 1.0]))
    assert metrics.surprisal_bits == pytest.approx((1 + 3) / 2)
    assert (metrics.n_tokens, metrics.duration_s) == (2, 0.25)
    assert measure_text(run([])).surprisal_bits is None


def test_differences_by_hand():
    assert differing((1, 2, 9, 3, 4), (1, 2, 3, 4, 5)) == (False, False, True, False, False)
    assert differing((7, 8), (1, 2)) == (True, True)
    first, same, other = compare_runs([run([1, 2, 3]), run([1, 2, 3]), run([1, 5, 3])])
    assert not any(first.differs + same.differs)
    assert other.differs == (False, True, False)
    assert compare_runs([]) == ()


@given(IDS, IDS)
def test_what_does_not_differ_is_a_part_of_both(ids, reference):
    shared = [id for id, differs in zip(ids, differing(ids, reference), strict=True) if not differs]
    remaining = iter(reference)
    assert all(id in remaining for id in shared)  # in this order
    assert not any(differing(ids, ids))


@given(IDS)
def test_measures_stay_in_their_range(ids):
    for value in (distinct_n(ids, 1), distinct_n(ids, 2), repetition(ids)):
        assert value is None or 0 <= value <= 1
    if ids:
        assert distinct_n(ids, 1) == len(set(ids)) / len(ids)


def test_continuations_are_counted_with_what_was_to_be_expected():
    runs = [run([1, 2], kept=[0.5, 0.5]), run([1, 3], kept=[0.5, 0.25]), run([1, 2], kept=[0.5, 0.5])]
    first, second = count_continuations(runs)
    assert (first.text, first.count, first.share, first.probability) == (" 1 2", 2, 2 / 3, 0.25)
    assert (second.text, second.count, second.probability) == (" 1 3", 1, 0.125)
    assert count_continuations([]) == ()
