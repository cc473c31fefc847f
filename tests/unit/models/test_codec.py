"""Text to tokens and back: nothing is lost, and what is part of a character says so."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from playground.models.codec import MAX_CHARACTERS, TokenCodec, check_text, share_text
from playground.records import PlaygroundError
from tests.models import checkpoints

BYTE_LEVEL = TokenCodec(checkpoints.byte_level_tokenizer())
SENTENCEPIECE = TokenCodec(checkpoints.sentencepiece_tokenizer())
WORDPIECE = TokenCodec(checkpoints.wordpiece_tokenizer())
CODECS = {"byte-level": BYTE_LEVEL, "sentencepiece": SENTENCEPIECE, "wordpiece": WORDPIECE}

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(str.strip)
HARD = [
    'Once upon a  time,\n\n\tthe girl said: "I\'m  home."  ',
    "中文 and 😀👩‍👩‍👧 and 한국어",
    "שלום עולם مرحبا",
    "e\u0301a\u0308 Z\u0351\u036b",
    "a\x00b \x00",
    "<script>alert('x')</script> &amp; <b>",
    "\u200f\u202eabc\ufeff",
    "<|end|> [CLS] </s> <0xE4> ▁x Ġ",
]


def joined(tokens):
    return "".join(token.text for token in tokens)


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS)
def test_tokens_give_the_text_back(name, text):
    assert joined(CODECS[name].encode(text)) == text


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("text", HARD)
def test_tokens_give_hard_texts_back(name, text):
    tokens = CODECS[name].encode(text)
    assert joined(tokens) == text
    assert all(token.label for token in tokens)
    assert [token.id for token in tokens] == CODECS[name].tokenizer(text)["input_ids"]


@settings(max_examples=150, deadline=None)
@given(ids=st.lists(st.integers(0, checkpoints.VOCABULARY - 1), max_size=40))
@example(ids=[0, 5, 0])
def test_byte_level_ids_give_what_the_tokenizer_decodes(ids):
    assert joined(BYTE_LEVEL.tokens(ids)) == BYTE_LEVEL.decode(ids)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("text", HARD[:5])
def test_ids_of_texts_give_what_the_tokenizer_decodes(name, text):
    ids = CODECS[name].tokenizer(text)["input_ids"]
    assert joined(CODECS[name].tokens(ids)) == CODECS[name].decode(ids)


@pytest.mark.parametrize("codec", [BYTE_LEVEL, SENTENCEPIECE], ids=["byte-level", "sentencepiece"])
def test_parts_of_a_character_show_their_bytes(codec):
    for tokens in (codec.encode("x中"), codec.tokens(codec.tokenizer("x中")["input_ids"])):
        parts = [token for token in tokens if token.partial]
        assert [part.label for part in parts] == ["⟨E4⟩", "⟨B8⟩", "⟨AD⟩"]
        assert [part.text for part in parts] == ["", "", "中"]
        assert [codec.candidate_text(part.id) for part in parts] == [("", part.label) for part in parts]


def test_a_token_of_several_bytes_shows_them_all():
    tokenizer = checkpoints.byte_level_tokenizer()
    tokenizer.add_tokens(["ä¸"])  # E4 B8 in the alphabet of bytes
    codec = TokenCodec(tokenizer)
    assert codec.candidate_text(len(tokenizer) - 1) == ("", "⟨E4 B8⟩")


def test_text_that_ends_within_a_character():
    ids = [token.id for token in BYTE_LEVEL.encode("x中")][:-1]
    tokens = BYTE_LEVEL.tokens(ids)
    assert joined(tokens) == BYTE_LEVEL.decode(ids) == "x\N{REPLACEMENT CHARACTER}"
    decoder = BYTE_LEVEL.incremental()
    assert [decoder.push(id).text for id in ids] == ["x", "", ""]
    assert decoder.finish() == "\N{REPLACEMENT CHARACTER}"


def test_special_tokens_are_told_apart():
    tokens = WORDPIECE.encode("The girl ☃")
    assert [(token.label, token.text, token.special) for token in tokens] == [
        ("[CLS]", "", True),
        ("The", "The", False),
        (" girl", " girl", False),
        ("[UNK]", " ☃", True),
        ("[SEP]", "", True),
    ]
    assert [token.text for token in BYTE_LEVEL.tokens([0])] == [""]
    assert BYTE_LEVEL.candidate_text(0) == ("", "<|end|>")


def test_candidates_keep_their_space():
    for codec in (BYTE_LEVEL, SENTENCEPIECE):
        ids = codec.tokenizer("said the", add_special_tokens=False)["input_ids"]
        assert codec.candidate_text(ids[-1]) == (" the", " the")
    vocabulary = WORDPIECE.tokenizer.get_vocab()
    assert WORDPIECE.candidate_text(vocabulary["##i"]) == ("i", "i")
    assert WORDPIECE.candidate_text(vocabulary["girl"]) == (" girl", " girl")


def test_an_id_that_the_tokenizer_does_not_know():
    assert BYTE_LEVEL.candidate_text(10_000) == ("", "⟨10000⟩")
    assert joined(BYTE_LEVEL.tokens([10_000])) == ""


def test_shares_of_overlapping_spans():
    assert share_text("ab cd ", [(0, 0), (0, 1), (0, 2), (3, 5), (4, 5), (0, 0)]) == ["", "", "ab", " c", "d ", ""]
    assert share_text("\x00", [(0, 0), (0, 0)]) == ["", "\x00"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Type a few words first"),
        (" \n\t\u3000", "Type a few words first"),
        ("ab\ud83dc", r"Character 3 of the text is half of a character .*U\+D83D"),
        ("x" * (MAX_CHARACTERS + 1), "100,001 characters; at most 100,000"),
        (None, "must be a text, not NoneType"),
        (5, "must be a text, not int"),
    ],
)
def test_texts_that_cannot_be_read(text, message):
    with pytest.raises(PlaygroundError, match=message):
        check_text(text)


def test_the_longest_text_is_read():
    text = "word " * (MAX_CHARACTERS // 5)
    assert joined(BYTE_LEVEL.encode(text)) == text
