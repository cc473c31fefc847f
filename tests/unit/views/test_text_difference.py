"""The difference of two texts as a map and in words."""

import numpy as np
import pytest

from playground.records import TextDifference, Token
from playground.views.head_map import COMPACT_SCALE, draw_head_map, value_range
from playground.views.text_difference import difference_map, difference_sentence, paired

TOKENS = tuple(Token(id, text, text) for id, text in enumerate(["The", " girl", " laughed"]))
OTHERS = (TOKENS[0], Token(9, " grandmother", " grandmother"), TOKENS[2])
WEIGHTS = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.5, 0.25]], np.float32)
OTHER_WEIGHTS = np.array([[1, 0, 0], [0.75, 0.25, 0], [0.25, 0.25, 0.5]], np.float32)
FOUND = TextDifference("self", 1, 2, WEIGHTS, OTHER_WEIGHTS, TOKENS, TOKENS, OTHERS, OTHERS)


def test_a_map_of_the_difference_has_exact_numbers_and_zero_in_the_middle():
    shown = difference_map(FOUND, (4, 12))
    assert shown.weights.tolist() == [[0, 0, 0], [-0.25, 0.25, 0], [0, 0.25, -0.25]]
    assert shown.number_of(shown.layer) == 12
    assert value_range(shown) == (-0.25, 0.25)
    drawn = draw_head_map(shown, compact=True)
    meta = drawn.layout.meta
    sent = meta["low"] + np.asarray(drawn.data[0].z) * meta["unit"]
    assert sent == pytest.approx(shown.weights, abs=0.5 / COMPACT_SCALE)
    assert drawn.data[0].meta["scale"] == "difference"


def test_next_to_nothing_does_not_look_like_much():
    same = TextDifference("self", 1, 2, WEIGHTS, WEIGHTS, TOKENS, TOKENS, TOKENS, TOKENS)
    assert value_range(difference_map(same)) == (-0.05, 0.05)
    assert "Both texts are the same" in difference_sentence(same)


def test_labels_have_both_tokens_where_the_texts_differ():
    assert [token.label for token in paired(TOKENS, OTHERS)] == ["The", "·girl/·grand…", " laughed"]


def test_the_sentence_names_the_largest_changes():
    sentence = difference_sentence(FOUND)
    assert sentence == (
        "1 of 3 tokens differ. Most more weight: “·girl/·grand…” at “·girl/·grand…”, +0.25; "
        "most less: “·girl/·grand…” at “The”, −0.25."
    )
