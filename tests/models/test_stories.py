"""The bundled model holds what its card promises a class: heads that can be found, and text that holds together."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import playground
from playground.analysis.compression_parts import drop_layers
from playground.analysis.distillation import left_out_layers, mean_divergence, shipped_student
from playground.models.catalogue import bundled_names

FOLDER = Path(__file__).parents[2] / "assets" / "models" / "stories"
LENGTH, REPEATS = 50, 20


@pytest.fixture(scope="module")
def stories():
    return playground.load("stories")


@pytest.fixture(scope="module")
def weights_on_random_tokens(stories):
    """Mean weights [layer, head, query, key] over random tokens said twice."""
    generator = torch.Generator().manual_seed(0)
    total = 0
    for _ in range(REPEATS):
        half = torch.randint(1, stories.spec.vocabulary_size, (LENGTH,), generator=generator).tolist()
        attention = stories.attention(half + half)
        total = total + np.stack([attention.weights(layer) for layer in range(attention.n_layers)])
    return total / REPEATS


def test_a_head_looks_at_the_token_before(weights_on_random_tokens):
    every = np.arange(1, 2 * LENGTH)
    assert weights_on_random_tokens[:, :, every, every - 1].mean(-1).max() >= 0.5


def test_a_head_looks_at_the_token_after_the_earlier_copy(weights_on_random_tokens):
    second = np.arange(LENGTH, 2 * LENGTH)
    assert weights_on_random_tokens[:, :, second, second - LENGTH + 1].mean(-1).max() >= 0.4


def test_a_repeated_passage_is_expected(stories):
    text = " ".join(["The brown hen saw a blue kite over the barn."] * 4)
    losses = [-math.log(score.probability) for score in stories.score(text)[1:]]
    n_tokens = len(losses) // 4
    assert sum(losses[-n_tokens:]) < sum(losses[:n_tokens]) / 2


def test_it_is_bundled_small_and_long_enough(stories):
    assert "stories" in bundled_names()
    assert stories.spec.context_length >= 512
    files = list(FOLDER.glob("*.safetensors"))
    assert files
    assert all(path.stat().st_size < 10_000_000 for path in files)
    assert sum(path.stat().st_size for path in files) < 25_000_000
    assert json.loads((FOLDER / "config.json").read_text())["dtype"] == "bfloat16"


def test_its_student_predicts_as_it_does_far_more_than_the_same_layers_untrained(stories):
    student = shipped_student(stories.loaded)
    assert student.spec.n_layers == 2
    assert (FOLDER / "student" / "model.safetensors").stat().st_size < 10_000_000
    prompts = ("Once upon a time", "The little dog ran", "Mother said that")
    written = [stories.generate(text, strategy="sample", seed=3, max_new_tokens=60).ids for text in prompts]
    untrained = drop_layers(stories.loaded, left_out_layers(stories.loaded))
    models = (student, untrained)
    nats = [
        [mean_divergence(stories.loaded.model, one.model, torch.tensor([ids])).item() for ids in written]
        for one in models
    ]
    assert max(nats[0]) < 1
    assert sum(nats[0]) < sum(nats[1]) / 4


def test_the_card_of_the_student_holds_figures():
    card = (FOLDER / "student" / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-4.0\n")
    assert "{" not in card


def test_the_card_names_data_and_licences():
    card = (FOLDER / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-4.0\n")
    for name in ("SOURCES.tsv", "ATTRIBUTION-asp.txt", "ATTRIBUTION-pb.txt", "loss-curve.png"):
        assert (FOLDER / name).is_file()
        assert name in card
    assert card.count("**Seed ") == 10
    assert "{" not in card.split("## Samples")[0].split("```")[-1], "a figure of the card was not filled in"
