"""What is recorded of a step is what the definitions say."""

import math

import pytest
import torch

from playground.decoding.recorder import N_CANDIDATES, observe


def test_numbers_of_a_known_distribution():
    raw = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.25] * 4]).log()
    filtered = raw.clone()
    filtered[0, 2:] = -math.inf
    distributions, choices = observe(raw, filtered, [1, 3])
    assert distributions[0].ids[:2] == [0, 1]
    assert distributions[0].raw_probabilities == pytest.approx([0.5, 0.25, 0.125, 0.125])
    assert distributions[0].probabilities == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert [one.entropy_bits for one in distributions] == pytest.approx([1.75, 2.0])
    assert [one.n_kept for one in distributions] == [2, 4]
    assert choices[0].raw_probability == pytest.approx(0.25)
    assert choices[0].probability == pytest.approx(1 / 3)
    assert [choice.rank for choice in choices] == [2, 1]


def test_several_choices_of_one_row():
    raw = torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    _, choices = observe(raw, raw, [0, 2, 0], rows=[0, 0, 1])
    assert [(choice.id, choice.rank) for choice in choices] == [(0, 3), (2, 1), (0, 1)]


def test_impossible_tokens_add_no_entropy():
    raw = torch.tensor([[0.0, 0.0, -math.inf]])
    (distribution,), (choice,) = observe(raw, raw, [2])
    assert distribution.entropy_bits == pytest.approx(1.0)
    assert distribution.n_kept == 2
    assert (choice.raw_probability, choice.rank) == (0.0, 3)


def test_no_more_than_the_most_likely_are_kept():
    raw = torch.randn(1, 1000)
    (distribution,), _ = observe(raw, raw, [0])
    assert distribution.ids == raw[0].topk(N_CANDIDATES).indices.tolist()
