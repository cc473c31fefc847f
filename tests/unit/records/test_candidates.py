"""Candidates are the same whether they are asked for one by one or all together."""

import copy
import pickle

import numpy as np
import pytest

from playground.records import Candidate, Candidates

IDS = np.array([7, 3, 9])
PROBABILITIES = np.array([[0.5, 0.25, 0.125], [0.75, 0.25, 0.0], [1.0, 0.0, 0.0]], np.float32)
EXPECTED = (
    Candidate(7, "t7", "l7", 0.5, 1.0),
    Candidate(3, "t3", "l3", 0.25, 0.0),
    Candidate(9, "t9", "l9", 0.125, 0.0),
)


def made() -> Candidates:
    return Candidates(IDS, PROBABILITIES, lambda id: (f"t{id}", f"l{id}"))


def test_each_has_the_first_and_the_last_of_its_probabilities():
    assert tuple(made()) == EXPECTED
    assert [made()[place] for place in range(3)] == [*EXPECTED]
    assert made()[-1] == EXPECTED[2]
    assert made()[:2] == EXPECTED[:2]
    assert all(type(one.id) is int and type(one.probability) is float for one in (*made(), made()[0]))


def test_there_are_no_others():
    assert len(made()) == 3
    with pytest.raises(IndexError):
        made()[3]
    assert made().named(1, 0.1, 0.2) == Candidate(1, "t1", "l1", 0.1, 0.2)


def test_they_equal_any_sequence_of_the_same():
    assert made() == EXPECTED
    assert made() == [*EXPECTED]
    assert made() == made()
    assert made() != EXPECTED[:2]
    assert hash(made()) == hash(EXPECTED)
    assert EXPECTED[1] in made()
    assert made() != "abc"


def test_copies_are_plain():
    for copied in (pickle.loads(pickle.dumps(made())), copy.deepcopy(made())):
        assert type(copied) is tuple
        assert copied == made()


def test_none_at_all():
    nothing = Candidates(IDS[:0], PROBABILITIES[:, :0], lambda id: ("", ""))
    assert (len(nothing), tuple(nothing)) == (0, ())
