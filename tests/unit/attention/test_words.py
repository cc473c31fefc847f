"""Words made of tokens, and what becomes of the weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.attention.words import group_words, merge_words
from playground.records import Token, Word


def tokens_of(*texts):
    return tuple(Token(id, text, text) for id, text in enumerate(texts))


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["The", " gi", "rl", " ran", "."], ["The", " girl", " ran", "."]),
        (["do", "n", "'", "t", " go", '."', " No"], ["don't", " go", '."', " No"]),
        (["girls", "'", " house"], ["girls", "'", " house"]),
        (["a", " ", "b", "c"], ["a", " bc"]),
        (["end", ".", "\n", "\n", "Once"], ["end", ".", "\n\nOnce"]),
        (["end ", "of"], ["end ", "of"]),
        (["", "T", "he"], ["The"]),
        (["12", ",", "345"], ["12", ",", "345"]),
        (["e", "\u0301", "t"], ["e\u0301t"]),
        (["wait", ".", "..", "!"], ["wait", "...!"]),
        (["last", ""], ["last"]),
        (["foo", "_bar"], ["foo_bar"]),
    ],
)
def test_where_words_begin(pieces, words):
    assert [word.text for word in group_words(tokens_of(*pieces))] == words


def test_special_tokens_stand_alone():
    cls, sep = Token(2, "", "[CLS]", special=True), Token(3, "", "[SEP]", special=True)
    words = group_words((cls, *tokens_of("a", "b"), sep, sep))
    assert [(word.label, word.special) for word in words] == [
        ("[CLS]", True),
        ("ab", False),
        ("[SEP]", True),
        ("[SEP]", True),
    ]


def test_pieces_of_a_character_stay_together():
    pieces = [
        Token(0, "x", "x"),
        Token(1, " ", "⟨20 E4⟩", partial=True),
        Token(2, "", "⟨B8⟩", partial=True),
        Token(3, "中", "⟨AD⟩", partial=True),
        Token(4, "", "⟨F0 9F⟩", partial=True),
        Token(5, "😀", "⟨98 80⟩", partial=True),
    ]
    assert [(word.start, word.stop, word.text) for word in group_words(pieces)] == [
        (0, 1, "x"),
        (1, 4, " 中"),
        (4, 6, "😀"),
    ]
    assert group_words(pieces[2:3])[0].label == "⟨B8⟩"  # nothing completes it
    letter_and_bytes = [Token(0, "a", "⟨61 E4⟩", partial=True), Token(1, "中!", "⟨B8 AD 21⟩", partial=True)]
    assert len(group_words(letter_and_bytes)) == 1


def test_weights_by_hand():
    weights = np.array([[0.5, 0.25, 0.25], [0.25, 0.75, 0.0], [0.125, 0.375, 0.5]], dtype=np.float32)
    words = (Word("ab", "ab", 0, 2), Word("c", "c", 2, 3))
    found = merge_words(weights, words, words)
    # To "ab": 0.75, 1, 0.5; from "ab": the mean of the first two
    np.testing.assert_allclose(found, [[0.875, 0.125], [0.5, 0.5]])
    assert found.dtype == np.float32


@given(
    st.lists(
        st.builds(
            Token,
            st.integers(0, 9),
            st.text(" a.'\n1é", max_size=3),
            st.just("x"),
            special=st.booleans(),
            partial=st.booleans(),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 2**32 - 1),
)
def test_rows_sum_to_what_they_did(tokens, seed):
    words = group_words(tokens)
    assert [words[0].start, *(word.stop for word in words)] == [*(word.start for word in words), len(tokens)]
    assert "".join(word.text for word in words) == "".join(token.text for token in tokens)
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(tokens)), (2, len(tokens))).astype(np.float32)
    found = merge_words(weights, words, words)
    assert found.shape == (2, len(words), len(words))
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    for row, query in enumerate(words):
        for column, key in enumerate(words):
            block = weights[:, query.start : query.stop, key.start : key.stop]
            np.testing.assert_allclose(found[:, row, column], block.sum(-1).mean(-1), atol=1e-6)
