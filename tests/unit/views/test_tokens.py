"""Chip lines: exact, growing, and harmless."""

import json

import numpy as np

from playground.records import Candidate, Step, Token, TokenScore
from playground.views.tokens import (
    PARTIAL,
    PROMPT,
    READ,
    SPECIAL,
    START,
    given_json,
    prompt_lines,
    scored_lines,
    step_lines,
    tint_of,
)


def test_a_line_holds_id_text_label_probability_rank_and_flags():
    token = Token(7, " <b>\n", " <b>\n")
    step = Step(0, Candidate(7, " <b>\n", " <b>\n", 0.25, 0.5), 3, (), 1.0, 4, token)
    line = step_lines([step])
    assert "<" not in line
    assert line.count("\n") == 1
    assert json.loads(line) == [7, " <b>\n", " <b>\n", 0.25, 3, 0]


def test_flags_tell_prompt_special_and_partial():
    tokens = [Token(1, "", "<|end|>", special=True), Token(2, "", "⟨E4⟩", partial=True)]
    flags = [json.loads(line)[-1] for line in prompt_lines(tokens).splitlines()]
    assert flags == [PROMPT | SPECIAL, PROMPT | PARTIAL]


def test_scores_are_joined_with_the_exact_shares_of_the_text():
    scores = [TokenScore(Token(1, "X", "X"), None, None), TokenScore(Token(2, "Y", "Y"), 0.123456789, 5)]
    lines = scored_lines(scores, [Token(1, "a", "a"), Token(2, "b", "b"), Token(3, "generated", "generated")])
    assert [json.loads(line) for line in lines.splitlines()] == [
        [1, "a", "a", None, None, PROMPT],
        [2, "b", "b", 0.123457, 5, PROMPT],
    ]


def test_what_the_model_thought_of_the_given_tokens_says_of_which_they_are():
    scores = [TokenScore(Token(1, "X", "X"), None, None), TokenScore(Token(2, "Y", "Y"), 0.123456789, 5)]
    assert json.loads(given_json(scores)) == [[1, None, None], [2, 0.123457, 5]]


def test_parts_begin_with_their_name_and_the_start_token_is_told():
    tokens = [Token(1, "a", "a"), Token(2, "b", "b"), Token(0, "", "<s>", special=True)]
    lines = [json.loads(line) for line in prompt_lines(tokens, {0: ("source", 0), 2: ("target", 0)}, 3).splitlines()]
    assert [line[5] for line in lines] == [PROMPT | READ, PROMPT | READ, PROMPT | READ | START | SPECIAL]
    assert [line[6:] for line in lines] == [[["source", 0]], [], [["target", 0]]]


def test_a_tint_says_of_which_tokens_it_is():
    tint = json.loads(tint_of(np.array([0.25, 0.75123], dtype=np.float32), 5, 4, causal=False))
    assert tint == {"looking": 5, "first": 4, "causal": False, "weights": [0.25, 0.751]}
