"""Filters are transformers' own in its order, and the draw is the one that it would make."""

import pytest
import torch
from transformers import GenerationConfig

from playground.decoding.processors import Draw, Tap, build_filters, check_logits
from playground.records import GenerationSettings, PlaygroundError
from tests.models import checkpoints


@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 1.0, "top_k": 0},
        {"temperature": 0.5, "top_k": 3, "top_p": 0.9, "repetition_penalty": 1.2},
        {"temperature": 1.0, "top_k": 5, "top_p": 1.0},
        {"temperature": 2.0, "top_k": 0, "top_p": 0.5},
    ],
)
def test_filters_are_those_of_generate(strategy, options):
    model = checkpoints.build_model("gpt2")
    settings = GenerationSettings(strategy=strategy, **options)
    config = GenerationConfig(do_sample=strategy == "sample", **{"top_k": 0, "top_p": 1.0, **options})
    model._prepare_special_tokens(config)
    expected = model._get_logits_processor(config, input_ids_seq_length=3)
    ids = torch.tensor([[5, 6, 7]])
    scores = torch.randn(1, 50, generator=torch.Generator().manual_seed(1))
    found = build_filters(settings)
    found = [one.process for one in found]
    assert [type(one) for one in found] == [type(one) for one in expected]
    filtered = scores
    for one in found:
        filtered = one(ids, filtered)
    assert torch.equal(filtered, expected(ids, scores))


def test_a_draw_is_that_of_the_seeded_global_generator():
    scores = torch.randn(1, 100)
    for seed in range(20):
        torch.manual_seed(seed)
        expected = [int(torch.multinomial(scores.softmax(-1), 1)) for _ in range(3)]
        draw = Draw(seed, scores.device)
        drawn = [draw(torch.zeros(1, 1, dtype=torch.long), scores) for _ in range(3)]
        assert [int(one.argmax()) for one in drawn] == expected
        assert all(int(torch.isfinite(one).sum()) == 1 for one in drawn)


def test_a_tap_sees_and_changes_nothing():
    seen = []
    scores = torch.randn(2, 5)
    ids = torch.zeros(2, 1, dtype=torch.long)
    assert Tap(lambda *both: seen.append(both))(ids, scores) is scores
    assert seen == [(ids, scores)]


@pytest.mark.parametrize("row", [[0.0, float("nan")], [0.0, float("inf")], [-float("inf")] * 2])
def test_logits_that_are_no_numbers(row):
    with pytest.raises(PlaygroundError, match="not a number"):
        check_logits(torch.tensor([[1.0, 2.0], row]))
    check_logits(torch.tensor([[1.0, -float("inf")]]))
