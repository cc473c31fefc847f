"""What another mask changed, in words."""

import numpy as np
import pytest

from playground.records import MaskedPrediction, Token
from playground.views.masked_prediction import leak_sentence


@pytest.mark.parametrize(
    ("kind", "words", "whose"),
    [
        ("self", "nobody sees “<b>” (3)", "this text's tokens"),
        ("decoder", "nobody sees “<b>” (3)", "the tokens of what was written"),
        ("encoder", "neither the encoder nor the decoder sees “<b>” (3)", "the tokens of what was written"),
        ("cross", "the decoder does not see (though the other tokens of the source do) “<b>” (3)", "what was written"),
    ],
)
def test_who_does_not_see_what(kind, words, whose):
    tokens = (Token(0, "a", "a"), Token(1, "c", "c"))
    losses = np.array([np.nan, 1.0], np.float32), np.array([np.nan, 2.5], np.float32)
    found = MaskedPrediction(tokens, (3,), False, (), (), *losses, kind, (Token(7, "<b>", "<b>"),))
    sentence = leak_sentence(found)
    assert f"In all layers {words}: the mean loss of" in sentence
    assert f"{whose} goes from 1.00 to 2.50 nats a token." in sentence
