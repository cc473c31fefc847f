"""What is recorded of a step is what the definitions say."""

import math

import numpy as np
import pytest
import torch

from playground.decoding.processors import Draw
from playground.decoding.recorder import (
    N_CANDIDATES,
    build_draw,
    count_survivors,
    describe_stages,
    observe,
    observe_stages,
    run_races,
)
from playground.records import Candidate, Candidates


def test_numbers_of_a_known_distribution():
    raw = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.25] * 4]).log()
    filtered = raw.clone()
    filtered[0, 2:] = -math.inf
    distributions, choices = observe(raw, filtered, [1, 3])
    assert distributions[0].ids[:2].tolist() == [0, 1]
    assert distributions[0].probabilities[0] == pytest.approx([0.5, 0.25, 0.125, 0.125])
    assert distributions[0].probabilities[1] == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert [one.entropy_bits for one in distributions] == pytest.approx([1.75, 2.0])
    assert [one.n_kept for one in distributions] == [2, 4]
    assert choices[0].probabilities == pytest.approx([0.25, 1 / 3])
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
    assert (choice.probabilities.tolist(), choice.rank) == ([0.0], 3)


def test_no_more_than_the_most_likely_are_kept():
    raw = torch.randn(1, 1000)
    (distribution,), _ = observe(raw, raw, [0])
    assert distribution.ids.tolist() == raw[0].topk(N_CANDIDATES).indices.tolist()


def test_a_funnel_by_hand():
    raw = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()
    hot = raw / 0.5  # 16 : 4 : 1 : 1 of 22
    cut = hot.clone()
    cut[0, 2:] = -math.inf
    stages = observe_stages(raw, [hot, cut])
    (survivors,) = count_survivors(stages)
    assert survivors.n_kept == (4, 4, 2)
    assert survivors.survived == pytest.approx((1, 1, 20 / 22))
    assert survivors.survived[1] == 1.0
    (of,), _ = describe_stages(stages, [0])
    expected = [[0.5, 0.25, 0.125], [16 / 22, 4 / 22, 1 / 22], [0.8, 0.2, 0.0]]
    assert of.probabilities[:, [0, 1, 3]].tolist() == [pytest.approx(row) for row in expected]


def test_ends_of_a_text_are_added_up():
    raw = torch.tensor([[0.5, 0.25, 0.25]]).log()
    (distribution,), _ = observe(raw, raw, [0], end_ids=[1, 2, 99])
    assert distribution.end_probability == pytest.approx(0.5)


def test_a_race_by_hand():
    probs = np.array([0.5, 0.3, 0.2, 0.0], np.float32)
    candidates = Candidates(np.arange(4), np.stack([probs, probs]), lambda id: (str(id), str(id)))
    exponentials = np.array([1.0, 0.03, 0.5, 0.001], np.float32)
    alone = np.array([0.0, 1.0, 0.0, 0.0], np.float32)
    likely = np.stack([np.arange(4)] * 2)
    races = run_races(np.stack([probs, alone]), np.stack([exponentials] * 2), [1, 1], likely)
    draw, only = (build_draw(race, candidates) for race in races)
    assert draw.times.tolist() == [pytest.approx(2.0), pytest.approx(0.1), pytest.approx(2.5), math.inf]
    assert draw.time == pytest.approx(0.1)
    assert draw.place == pytest.approx(1 - math.exp(-0.1))
    assert draw.second == Candidate(0, "0", "0", 0.5, 0.5)
    assert draw.second_time == pytest.approx(2.0)
    assert only.second is None
    assert only.second_time == math.inf


def test_the_time_of_a_chosen_token_that_is_no_likely_one_comes_last():
    probs = np.array([0.5, 0.3, 0.2], np.float32)
    candidates = Candidates(np.array([0, 2]), np.stack([probs, probs])[:, [0, 2]], lambda id: (str(id), str(id)))
    (race,) = run_races(probs[None], np.array([[1.0, 0.3, 0.1]], np.float32), [2], np.array([[0]]))
    draw = build_draw(race, candidates)
    assert draw.times.tolist() == [pytest.approx(2.0), pytest.approx(0.5)]
    assert draw.times.dtype == np.float32
    assert draw.second == Candidate(1, "1", "1", pytest.approx(math.nan, nan_ok=True), pytest.approx(0.3))


def test_the_mark_on_the_unit_interval_is_uniform_whoever_wins():
    probs = torch.tensor([[0.6, 0.3, 0.1]])
    drawing = Draw(3, probs.device)
    marks = []
    for _ in range(4000):
        id = int(drawing.choose(probs))
        time = float(drawing.exponentials[0, id] / probs[0, id])
        marks.append(float(probs[0, :id].sum()) + float(probs[0, id]) * -math.expm1(-time))
    counts, _ = np.histogram(marks, bins=10, range=(0, 1))
    assert counts.sum() == 4000
    assert np.sum((counts - 400) ** 2 / 400) < 27.9  # chi-squared with 9 degrees of freedom, p = 0.001


@pytest.mark.parametrize("rows", [1, 3])
def test_each_stage_is_what_it_is_alone_whatever_stood_before_it(rows):
    """A stage that only removes tokens is computed from the one before: to the last bit what it is by itself."""
    generator = torch.Generator().manual_seed(rows)
    raw = torch.randn(rows, 700, generator=generator)
    cooler = raw / 0.7
    removed = cooler.masked_fill(cooler < cooler.topk(40).values[:, -1:], -math.inf)
    changed = removed.masked_fill(removed > 2, 1.5)  # not the likeliest, and no other token gone
    without_best = removed.scatter(1, removed.argmax(-1, keepdim=True), -math.inf)
    nothing = torch.full_like(raw, -math.inf)
    stages = [cooler, removed, changed, removed, without_best, nothing]
    together = observe_stages(raw, stages)
    for place, stage in enumerate([raw, *stages]):
        alone = observe_stages(stage, [])
        np.testing.assert_array_equal(together.probs[place], alone.probs[0])
        np.testing.assert_array_equal(together.kept[place], alone.kept[0])
