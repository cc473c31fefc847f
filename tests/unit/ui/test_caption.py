"""The caption says which row is marked, and why that one."""

from dataclasses import replace

import pytest

from playground.records import Candidate, Step, Token
from playground.ui.caption import look_caption
from playground.ui.session import Session

WORDS = ("the", "<b>fox", "home", "<s>", "le", "renard")
TOKENS = tuple(Token(at, word, word) for at, word in enumerate(WORDS))
STEP = Step(0, Candidate(5, "renard", "renard", 0.5, 0.5), 1, (), 1.0, 1, TOKENS[5])
TRANSLATION = Session(
    "m", tuple(range(6)), TOKENS, (STEP,), 5, 3, model_kind="encoder-decoder", beside=1, kind="cross"
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "selected", "words"),
    [
        ("cross", 5, "chose <b>“renard”</b> (target token 2) it stood at <b>“le”</b> (target token 1)"),
        ("cross", 5, "looked at in the source"),
        ("cross", 4, "read on to <b>“le”</b> (target token 1) it stood at <b>“&lt;s&gt;”</b> (target token 0)"),
        ("cross", 3, "The decoder starts with <b>“&lt;s&gt;”</b>"),
        ("cross", 1, "“&lt;b&gt;fox” is of the source, and only the target looks here"),
        ("decoder", 5, "the marked row is where it looked from there"),
        ("decoder", 3, "it can only look at itself"),
        ("encoder", 1, "<b>“&lt;b&gt;fox”</b> (source token 1) looked"),
        ("encoder", 5, "“renard” is of the target, and only the source looks here"),
    ],
)
def test_each_kind_says_from_where_it_looked(kind, selected, words):
    assert words in look_caption(replace(TRANSLATION, kind=kind).select(selected))


def test_an_encoder_reads_all_at_once():
    encoder = Session("m", (0, 1, 2), TOKENS[:3], selected=2, model_kind="encoder")
    assert "where <b>“home”</b> (token 2) looked" in look_caption(encoder)


def test_the_first_token_of_a_decoder_looks_at_itself():
    assert "it can only look at itself" in look_caption(Session("m", (0, 1), TOKENS[:2], selected=0))
    assert "token that looks" in look_caption(Session())
