"""The card and its diagram say what the record holds, and nothing of it is markup."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from playground.records import ModelCard, ModelSpec, Placement, StackSizes
from playground.views.architecture import MOST_HEADS_DRAWN, draw_architecture
from playground.views.model_card import model_card_html, say_parameters

HOSTILE = '<img src=x onerror="alert(1)">&"'
SPEC = ModelSpec("org/m", "decoder", "LlamaForCausalLM", 2, 4, 2, 32, 400, 64, 41_120, "float32", "cpu")
STACK = StackSizes("decoder", 2, 4, 2, 8, 48)
CARD = ModelCard(
    SPEC, (STACK,), 165_000, "RMSNorm", "rotary", False, Placement("cpu", "float32", "why a", "why b"), "mit"
)
PAIR = replace(
    CARD,
    spec=replace(SPEC, kind="encoder-decoder"),
    stacks=(StackSizes("encoder", 3, 6, 6, 8, 64), StackSizes("decoder", 2, 4, 4, 8, 48, has_cross_attention=True)),
    positions="sinusoidal",
    is_tied=True,
)
ENCODER = replace(CARD, spec=replace(SPEC, kind="encoder"), stacks=(replace(STACK, side="encoder", n_kv_heads=4),))


def texts(svg):
    """Return the texts of each drawing, in order; it must be well-formed."""
    drawings = ET.fromstring(f"<all>{svg}</all>")
    return [[text.text for text in drawing.iter("text")] for drawing in drawings]


def cells(svg, kind):
    return [float(width) for width in re.findall(rf'class="{kind}" x="[\d.]+" y="[\d.]+" width="([\d.]+)"', svg)]


def test_a_decoder_with_grouped_queries():
    svg = draw_architecture(CARD)
    (found,) = texts(svg)
    for text in (
        "400 × 32", "× 2 layers", "every token looks at those before it", "4 query heads of width 8",
        "they share 2 key-value heads", "queries and keys are turned by their position", "32 → 48 → 32", "32 → 400",
        "around each: a residual connection and RMSNorm", "Probabilities of the next token",
    ):  # fmt: skip
        assert text in found, text
    queries, keys = cells(svg, "arch-query"), cells(svg, "arch-key")
    assert (len(queries), len(keys)) == (4, 2)
    assert keys[0] == pytest.approx(2 * queries[0] + 3, abs=0.1)  # as wide as its two queries and the gap between them
    assert (
        'aria-label="The decoder: 2 layers of width 32, each with 4 query heads that share 2 key-value heads."' in svg
    )


def test_an_encoder_decoder_is_two_drawings():
    svg = draw_architecture(PAIR)
    encoder, decoder = texts(svg)
    assert "× 3 layers" in encoder
    assert "→ keys and values for every decoder layer" in encoder
    assert "Cross-attention" not in encoder
    assert "every token looks at all others" in encoder
    assert "Cross-attention" in decoder
    assert "keys and values: from the encoder" in decoder
    assert "with the weights of the token embedding" in decoder
    assert "sine-shaped positions are added" in decoder


def test_an_encoder():
    (found,) = texts(draw_architecture(ENCODER))
    assert "Probabilities of masked tokens" in found
    assert "every token looks at all others" in found
    assert not [text for text in found if "share" in text]


def test_sizes_that_are_not_known_or_too_many():
    nothing = replace(CARD, stacks=(StackSizes("decoder", 1, 0, 0, 0, 0),), norm="", positions=None)
    (found,) = texts(draw_architecture(nothing))
    assert "without attention heads" in found
    assert "1 layer" in found
    many = replace(CARD, stacks=(replace(STACK, n_query_heads=MOST_HEADS_DRAWN + 1, n_experts=8, n_experts_used=2),))
    svg = draw_architecture(many)
    assert cells(svg, "arch-query") == []
    assert "8 experts, 2 for each token" in texts(svg)[0]
    assert "not named" in model_card_html(nothing)


def test_the_card_says_what_was_chosen_and_why():
    page = model_card_html(CARD)
    for text in (
        "41,120",
        "float32: why b",
        "cpu: why a",
        "165 kB",
        "mit",
        "2, each shared by 2 query heads",
        "64 tokens",
    ):
        assert text in page, text
    assert "not known here: look at its page" in model_card_html(replace(CARD, licence="", placement=None))
    assert "not bounded" in model_card_html(replace(CARD, spec=replace(SPEC, context_length=None)))


def test_the_secret_of_a_gated_model_is_not_on_its_card():
    page = model_card_html(replace(CARD, spec=replace(SPEC, name="org/m#" + "a1" * 16)))
    assert "org/m</h3>" in page
    assert "a1a1" not in page


def test_nothing_is_markup():
    spec = replace(SPEC, name=HOSTILE, architecture=HOSTILE, dtype=HOSTILE, device=HOSTILE)
    placement = Placement(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    page = model_card_html(replace(CARD, spec=spec, placement=placement, licence=HOSTILE, norm=HOSTILE))
    assert "<img" not in page
    assert 'onerror="' not in page
    ET.fromstring(page)


@pytest.mark.parametrize(
    ("n_parameters", "said"),
    [
        (124_439_808, "124 million"),
        (9_120_000, "9.12 million"),
        (1_240_000_000, "1.24 billion"),
        (41_120, "41.1 thousand"),
        (7, "7"),
    ],
)
def test_parameters_in_words(n_parameters, said):
    assert say_parameters(n_parameters) == said
