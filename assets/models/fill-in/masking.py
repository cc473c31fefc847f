"""Whole words of a text, and masks over them."""

import numpy as np
from transformers import PreTrainedTokenizerFast

CLS, SEP, MASK, PAD, UNKNOWN = "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]"
OTHER_MARKS = [PAD, UNKNOWN, CLS, SEP]


def word_starts(tokenizer: PreTrainedTokenizerFast) -> np.ndarray:
    """Return which ids begin a word, bool [id]: a space before letters, or letters where none stand before them.

    Byte pairs are built inside of words, which the tokenizer cuts before a space and between letters and other signs.
    So a token of letters without a space goes on with the word before it, where that is one of letters.
    """
    words = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    return np.array([word.startswith("Ġ") and word[1:].isalpha() for word in words])


def word_parts(tokenizer: PreTrainedTokenizerFast) -> np.ndarray:
    """Return which ids are letters only, with or without a space before them, bool [id]."""
    words = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    special = set(tokenizer.all_special_tokens)
    return np.array([word not in special and word.removeprefix("Ġ").isalpha() for word in words])


def number_words(ids: np.ndarray, starts: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Number the words of a sequence, int64 [token]; -1 where a token is not of a word (spaces, signs, ends)."""
    of_word = parts[ids]
    begins = of_word & (starts[ids] | ~np.concatenate([[False], of_word[:-1]]))
    return np.where(of_word, begins.cumsum() - 1, -1)


def choose_words(numbers: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return which tokens to mask, bool [token]: all tokens of about `share` of the words, of one at least."""
    count = int(numbers.max(initial=-1)) + 1
    if not count:
        return np.zeros(len(numbers), bool)
    chosen = rng.random(count) < share
    chosen[rng.integers(count)] = True
    return (numbers >= 0) & chosen[numbers]
