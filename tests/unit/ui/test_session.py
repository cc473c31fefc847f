"""A session knows which row and which step belong to the selected token."""

from dataclasses import replace

import pytest

from playground.records import AttentionShape, Candidate, ReadText, Step, TextIds, Token
from playground.ui.session import Session
from playground.ui.shown_text import session_of_text, within_kind


def step(index):
    return Step(index, Candidate(index, "x", "x", 0.5, 0.5), 1, (), 1.0, 1, Token(index, "x", "x"))


def session(selected):
    tokens = tuple(Token(i, "x", "x") for i in range(5))
    return Session("stories", (0, 1, 2, 3, 4), tokens, (step(0), step(1)), selected)


def test_a_token_was_chosen_from_the_one_before():
    assert session(4).query == 3
    assert session(1).query == 0
    assert session(0).query == 0


def test_only_generated_tokens_have_a_step():
    assert session(2).step is None
    assert session(3).step == step(0)
    assert session(4).step == step(1)
    assert Session().step is None


def two_texts(kind, selected):
    """Three tokens of a source; of a target the start token and two that were written."""
    tokens = tuple(Token(i, "x", "x") for i in range(6))
    shapes = tuple(AttentionShape(each, (0, 1), 2) for each in ("encoder", "decoder", "cross"))
    return Session(
        "m", tuple(range(6)), tokens, (step(0), step(1)), 5, 3,
        model_kind="encoder-decoder", beside=2, kind=kind, shapes=shapes,
    ).select(selected)  # fmt: skip


@pytest.mark.parametrize("kind", ["decoder", "cross"])
def test_a_token_of_the_target_was_chosen_from_the_row_before_it(kind):
    assert [two_texts(kind, token).query for token in (3, 4, 5)] == [0, 0, 1]  # the start token has its own row
    assert [two_texts(kind, 5).token_of_query(row) for row in (0, 1, 2)] == [4, 5, 5]
    assert two_texts(kind, 1).query == 1  # the source has no row here: that of the target's last selected token
    assert two_texts(kind, 1).looked_for == 5


def test_a_token_of_a_source_has_a_row_of_its_own():
    assert [two_texts("encoder", token).query for token in (0, 1, 2)] == [0, 1, 2]
    assert [two_texts("encoder", 0).token_of_query(row) for row in (0, 1, 2, 9)] == [0, 1, 2, 2]
    assert two_texts("encoder", 4).query == 2
    assert two_texts("encoder", 1).select(4).query == 1


def test_what_looks_and_what_is_looked_at():
    found = {kind: (two_texts(kind, 5).queries, two_texts(kind, 5).keys) for kind in ("encoder", "decoder", "cross")}
    source, target = range(3), range(3, 6)
    assert found == {"encoder": (source, source), "decoder": (target, target), "cross": (target, source)}
    assert two_texts("cross", 5).text == TextIds((0, 1, 2), (4, 5))
    assert session(4).text == TextIds((0, 1, 2, 3, 4))


def test_an_encoder_has_a_row_for_each_token():
    encoder = replace(session(2), model_kind="encoder", steps=(), type_ids=(0, 0, 0, 1, 1), second_at=3)
    assert (encoder.query, encoder.token_of_query(4)) == (2, 4)
    assert encoder.text == TextIds((0, 1, 2, 3, 4), (), (0, 0, 0, 1, 1), 3)
    assert encoder.parts == {0: ("first sentence", 0), 3: ("second sentence", 3)}


def test_a_kind_keeps_what_was_selected_within_what_it_has():
    shapes = (AttentionShape("encoder", (0, 1, 2), 4), AttentionShape("cross", (0, 1), 2))
    before = replace(two_texts("encoder", 1), shapes=shapes, layer=2, head=3)
    after = within_kind(before, "cross")
    assert (after.kind, after.layer, after.head, after.selected) == ("cross", 1, 1, 1)
    assert within_kind(replace(before, shapes=shapes[:1]), "decoder").kind == "encoder"


def test_a_start_token_alone_is_no_text_to_select():
    read = ReadText((Token(1, "a", "a"),), (Token(0, "", "<s>", special=True),))
    begun = session_of_text("m", read, "encoder-decoder", Session())
    assert (begun.selected, begun.n_target, begun.text) == (0, 1, TextIds((1,)))
