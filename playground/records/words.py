"""Attention between words, where a word may be several tokens."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from playground.records.maps import AttentionKind


@dataclass(frozen=True)
class Word:
    """Tokens `start` to `stop` (not itself) of a text, that make a word.

    `text` is their share of the text, with the space in front; `label` is what is shown, as of a Token.
    """

    text: str
    label: str
    start: int
    stop: int
    special: bool = False


@dataclass(frozen=True)
class WordMap:
    """The weights of one head between words (Clark et al. 2019, arXiv 1906.04341).

    Weights to the tokens of a word are summed, those from them averaged: rows sum to what they summed to.
    """

    kind: AttentionKind
    layer: int
    head: int
    weights: Float32[np.ndarray, "query_word key_word"]
    query_words: tuple[Word, ...]
    key_words: tuple[Word, ...]
