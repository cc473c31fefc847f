"""Settings refuse what cannot be decoded with, and say why."""

import math
from dataclasses import replace

import pytest

from playground.records import BeamNode, BeamTree, GenerationSettings, PlaygroundError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strategy", "magic"),
        ("strategy", None),
        ("strategy", ["greedy"]),
        *((name, value) for name in ("temperature", "repetition_penalty") for value in (-1, 0, math.nan, math.inf)),
        *((name, value) for name in ("temperature", "top_p", "length_penalty") for value in ("hot", None, True, [1])),
        ("top_k", 10**9),
        ("top_k", -1),
        ("top_k", 2.5),
        ("top_k", "many"),
        ("top_p", 1.5),
        ("top_p", -0.1),
        ("top_p", math.nan),
        ("num_beams", 10**6),
        ("num_beams", 0),
        ("num_beams", True),
        ("num_beams", None),
        ("max_new_tokens", 0),
        ("max_new_tokens", 10**7),
        ("max_new_tokens", math.inf),
        ("seed", -1),
        ("seed", 2**63),
        ("seed", 0.5),
        ("early_stopping", "yes"),
        ("early_stopping", 1),
        ("length_penalty", 11),
        ("stop", 5),
        ("stop", [""]),
        ("stop", [1]),
        ("stop", ["x"] * 17),
        ("stop", "x" * 201),
    ],
)
def test_bad_values_are_refused_by_name(name, value):
    with pytest.raises(PlaygroundError, match=name):
        GenerationSettings(**{name: value})


def test_numbers_may_come_in_the_other_type():
    settings = GenerationSettings(temperature=1, top_k=40.0, stop="end")
    assert (settings.temperature, settings.top_k, settings.stop) == (1.0, 40, ("end",))
    assert (type(settings.temperature), type(settings.top_k)) == (float, int)


def test_changing_one_value_checks_again():
    with pytest.raises(PlaygroundError, match=r"temperature must be a number from 0.01 to 100, not 'nan'"):
        replace(GenerationSettings(), temperature=math.nan)


def test_the_score_of_a_search_counts_its_length():
    nodes = tuple(
        BeamNode(index, index - 1 if index else None, index, 5, "x", -1.0, -1.0 * (index + 1), "running", index < 2)
        for index in range(3)
    )
    assert BeamTree(nodes, 2, 2.0).sequence_score == -2.0 / 2**2.0
    assert BeamTree((), 2, 1.0).sequence_score is None


def test_a_number_beyond_all_floats_is_out_of_range():
    with pytest.raises(PlaygroundError, match="temperature must be a number from"):
        GenerationSettings(temperature=10**400)
