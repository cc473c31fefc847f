"""Tokens merged to words: weights to a word summed, from a word averaged (Clark et al. 2019, arXiv 1906.04341)."""

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float32

from playground.records import Token, Word

_APOSTROPHES = "'’"


def group_words(tokens: Sequence[Token]) -> tuple[Word, ...]:
    """Return the words of a text; every token is in one, in order.

    A word begins at a space or newline, which belongs to it, and where letters and digits give way to other signs
    or the other way round; an apostrophe between letters is one of them. Special tokens stand alone. A token
    without a text of its own, such as the first bytes of a character, belongs with what completes it. No token is
    cut: one that holds two words stays one. Writing without spaces between words is not taken apart.
    """
    text = "".join(token.text for token in tokens)
    offsets = np.cumsum([0, *(len(token.text) for token in tokens)])[:-1]
    starts = [
        place
        for place, offset in enumerate(offsets)
        if place == 0 or _begins(text, int(offset), tokens[place - 1], tokens[place])
    ]
    return tuple(_word(tokens, start, stop) for start, stop in pairwise([*starts, len(tokens)]))


def merge_words(
    weights: Float32[np.ndarray, "*head query key"], query_words: Sequence[Word], key_words: Sequence[Word]
) -> Float32[np.ndarray, "*head query_word key_word"]:
    """Return weights between words."""
    to_words = np.add.reduceat(weights, [word.start for word in key_words], axis=-1)
    from_words = np.add.reduceat(to_words, [word.start for word in query_words], axis=-2)
    n_tokens = np.array([word.stop - word.start for word in query_words], dtype=weights.dtype)
    return from_words / n_tokens[:, None]


def _begins(text: str, offset: int, before: Token, token: Token) -> bool:
    """Return whether a word begins with `token`, whose share of the text begins at `offset`."""
    if token.special or before.special:
        return True
    shares_a_character = before.partial and token.partial and bool(token.text)
    # A token without text was waiting for this one; behind the last character there is nothing to begin
    if shares_a_character or not before.text or offset == len(text):
        return False
    if text[offset].isspace():
        return not text[offset - 1].isspace()
    if text[offset - 1].isspace():  # the space belongs to what follows, but not to what it ended
        return bool(before.text.strip())
    return _is_of_word(text, offset - 1) != _is_of_word(text, offset)


def _is_of_word(text: str, place: int) -> bool:
    if text[place] in _APOSTROPHES:
        return 0 < place < len(text) - 1 and text[place - 1].isalpha() and text[place + 1].isalpha()
    # Accents written as characters of their own are of the letter before them
    return text[place].isalnum() or text[place] == "_" or unicodedata.category(text[place])[0] == "M"


def _word(tokens: Sequence[Token], start: int, stop: int) -> Word:
    inside = tokens[start:stop]
    text = "".join(token.text for token in inside)
    special = inside[0].special
    label = inside[0].label if special else text or "".join(token.label for token in inside)
    return Word(text, label, start, stop, special)
