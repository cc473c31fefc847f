"""The bundled encoder fills masks in words that it never saw, both ways, and is what its card says."""

from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModelForMaskedLM, BertForMaskedLM

import playground
from playground.models.catalogue import bundled_names, description_of, example_prompts

FOLDER = Path(__file__).parents[2] / "assets" / "models" / "fill-in"


@pytest.fixture(scope="module")
def encoder():
    return playground.load("fill-in")


def test_it_is_bundled_and_what_it_says_it_is(encoder):
    assert "fill-in" in bundled_names()
    assert isinstance(encoder.loaded.model, BertForMaskedLM)
    spec = encoder.spec
    assert (spec.kind, spec.context_length) == ("encoder", 256)
    assert "mask" in description_of("fill-in")
    assert isinstance(AutoModelForMaskedLM.from_pretrained(FOLDER), BertForMaskedLM)


def test_its_files_are_small():
    files = list(FOLDER.glob("*.safetensors"))
    assert files
    assert all(path.stat().st_size < 10_000_000 for path in files)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("Once upon a [MASK] there was a little girl.", " time"), ("The boys and the [MASK] went to school.", " girls")],
)
def test_it_knows_its_books(encoder, text, wanted):
    (mask,) = encoder.fill_in(text).masks
    assert wanted in [one.text for one in mask.candidates]


def test_what_comes_behind_counts(encoder):
    before = encoder.fill_in('"Where are you [MASK]').masks[0].candidates[0]
    both = encoder.fill_in('"Where are you [MASK] to?" asked the fox.').masks[0]
    going = next(one for one in both.candidates if one.text == " going")
    assert going.raw_probability > (before.raw_probability if before.text == " going" else 0)


def test_heads_look_both_ways(encoder):
    attention = encoder.attention("The little girl saw a dog in the garden, and the dog saw her.")
    weights = np.stack([attention.weights(layer) for layer in range(attention.n_layers)])  # (layer, head, query, key)
    ahead = np.triu(weights, 1).sum(-1).mean(-1)
    behind = np.tril(weights, -1).sum(-1).mean(-1)
    assert ahead.max() > 0.5
    assert behind.max() > 0.5


def test_any_text_comes_back_exactly(encoder):
    for text in ("Once upon a time", " two  spaces\nand a line", "The fox 🦊 said 你好", "e\u0301 <script>"):
        assert "".join(token.text for token in encoder.tokenize(text)) == text


def test_its_examples_can_be_read(encoder):
    for prompt in example_prompts("fill-in"):
        assert encoder.fill_in(prompt).words
