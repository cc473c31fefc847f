"""Pictures and sentences of what is inside: hostile tokens are escaped, and the numbers are those of the records."""

import json
import math

import numpy as np
import pytest

from playground.records import (
    AttentionExplains,
    Candidate,
    Change,
    ChangedText,
    HeadImportance,
    LensStage,
    LogitLens,
    Token,
    TokenLoss,
    WhatIf,
)
from playground.views.logit_lens import draw_logit_lens, lens_highlight, lens_sentence, lens_table
from playground.views.token_loss import draw_token_loss, loss_formula, loss_sentence, loss_table
from playground.views.what_if import (
    change_sentence,
    changed_text_html,
    describe_change,
    draw_importance,
    draw_looks,
    draw_loss_change,
    draw_prediction,
    explains_sentence,
    heads_highlight,
    importance_sentence,
)

BAD = "<b onload=x>"
TOKENS = (Token(1, "A", "A"), Token(2, BAD, BAD), Token(3, " c", " c"))
LOSS = TokenLoss(
    TOKENS,
    np.array([np.nan, 1.0, 3.0], np.float32),
    np.array([np.nan, 2.0, -1.0], np.float32),
    np.array([np.nan, 3.0, 2.0], np.float32),
)


def test_the_formula_has_the_numbers_of_the_token():
    formula = loss_formula(LOSS, 2)
    assert "2.0000 − (−1.0000)" in formula
    assert "<b>3.0000 nats</b>" in formula
    assert f"{3 / math.log(2):.4f} bits" in formula
    assert f"e<sup>4.00 / 2</sup> = <b>{math.exp(2):.2f}" in formula
    assert BAD not in loss_formula(LOSS, 1)
    assert "Nothing stands before" in loss_formula(LOSS, 0)
    assert "Nothing stands before" in loss_formula(LOSS, -1)


def test_losses_in_words_and_against_each_other():
    assert "2.000 nats" in loss_sentence(LOSS)
    assert "perplexity of 7.39" in loss_sentence(LOSS)
    one = TokenLoss(TOKENS[:1], *(np.full(1, np.nan, np.float32) for _ in range(3)))
    assert "no loss yet" in loss_sentence(one)
    assert "no loss to compare" in loss_table(LOSS, one)
    assert "equally likely" in loss_table(LOSS, LOSS)
    figure = json.loads(draw_token_loss(LOSS).to_json())
    assert figure["data"][0]["y"] == [None, 1.0, 3.0]
    assert "<b" not in figure["data"][0]["x"][1]
    assert json.loads(draw_token_loss(one).to_json())["data"][0]["y"] == [None]


def lens():
    candidates = (((TOKENS[1], TOKENS[2]),) * 2, ((TOKENS[2], TOKENS[1]),) * 2)
    probabilities = np.array([[[0.5, 0.4], [0.6, 0.3]], [[0.9, 0.05], [0.8, 0.1]]], np.float32)
    ranks = np.array([[2, 2], [1, 1]])
    plain = probabilities[..., 0]
    return LogitLens(
        TOKENS, 1, (LensStage("input"), LensStage("layer", 0)), candidates, probabilities, plain, ranks, plain, plain
    )


def test_the_lens_names_what_is_likeliest():
    figure = json.loads(draw_logit_lens(lens()).to_json())
    cells = figure["data"][0]
    assert cells["text"][1] == ["·c", "·c"]
    assert "<b onload" not in json.dumps(cells)
    assert cells["y"] == ["input", "layer 0 = output"]
    assert "rank 2" in cells["customdata"][0][0]
    assert BAD not in lens_table(lens(), 1)
    assert "ends with “·c”, 80.0 %" in lens_sentence(lens(), 2)
    assert "since: layer 0 = output" in lens_sentence(lens(), 2)
    assert json.loads(lens_highlight(lens(), 2)) == {"step": 1}
    assert json.loads(lens_highlight(lens(), 0)) == {}


def what_if(change, token=2):
    candidates = (Candidate(2, BAD, BAD, 0.5, 0.25), Candidate(3, " c", " c", 0.2, 0.7))
    losses = np.array([np.nan, 1.0, 2.0], np.float32)
    return WhatIf(TOKENS, token, change, candidates, 0.25, losses, losses / 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(heads=((1, 2),)), "Head 1.2 passes on nothing"),
        (Change(heads=((1, 2), (0, 1)), how="mean"), "Heads 1.2, 0.1 pass on their means over this text"),
        (Change(heads=((1, 2),), how="uniform"), "Head 1.2 looks at all tokens alike"),
        (Change(layers=(3,)), "Layer 3 is left out"),
        (Change(layers=(3, 4), edges=((2, 1),)), "Layers 3, 4 are left out; no head looks from 2 at 1"),
    ],
)
def test_a_change_in_words(change, said):
    assert describe_change(change) == said
    sentence = change_sentence(what_if(change))
    assert sentence.startswith(f"{said}: “·c” (token 2) goes from 13.5 % to 36.8 %")
    assert "from 1.500 to 0.750 nats" in sentence


def test_nothing_switched_off_says_what_to_do():
    assert "Nothing is switched off yet" in change_sentence(what_if(Change()))


def test_bars_of_both():
    figure = json.loads(draw_prediction(what_if(Change())).to_json())
    assert [trace["x"] for trace in figure["data"]] == [[50.0, 20.0], [25.0, 70.0]]
    assert "<b onload" not in json.dumps(figure)
    assert json.loads(draw_loss_change(what_if(Change())).to_json())["data"][1]["y"] == [None, 0.5, 1.0]


def test_where_two_texts_part_is_marked():
    text = ChangedText(TOKENS[:1], TOKENS, (TOKENS[0], TOKENS[2]), False)
    shown = changed_text_html(text)
    assert "<dd>A<mark>&lt;b onload=x&gt; c</mark></dd>" in shown
    assert "<dd>A<mark> c</mark></dd>" in shown
    assert "You stopped it" in shown


def test_the_map_of_heads():
    changes = np.array([[0.1, -0.5], [np.nan, 0.0]], np.float32)
    importance = HeadImportance(TOKENS, 2, "zero", "self", math.log(0.25), changes, 3, 4)
    figure = json.loads(draw_importance(importance).to_json())
    assert figure["data"][0]["zmin"] == -0.5
    assert figure["data"][0]["z"][1][0] is None
    assert figure["data"][0]["customdata"][1][0] == "not measured"
    said = importance_sentence(importance)
    assert "25.0 %" in said
    assert "head 0.1 off: its log-probability by −0.500 nats. 3 of 4 heads so far." in said
    found = AttentionExplains(importance, np.abs(changes), 0.75, 0.0001)
    assert "+0.75 (p < 0.001): they go together closely" in explains_sentence(found)
    assert json.loads(draw_looks(found).to_json())["data"][0]["zmax"] == 1.0
    nothing = AttentionExplains(importance, np.abs(changes), math.nan, math.nan)
    assert "cannot be correlated" in explains_sentence(nothing)
    assert json.loads(heads_highlight(Change(heads=((1, 0),)))) == {"heads": [[1, 0]]}
