"""Texts side by side: differences marked, nothing of a text read as markup."""

from playground.analysis.text_metrics import compare_runs
from playground.records import Continuation, GenerationSettings
from playground.views.comparison import (
    compared_html,
    continuations_html,
    describe_settings,
    grid_html,
    marked_text,
    metrics_table,
    running_html,
)
from tests.unit.analysis.test_text_metrics import run


def test_what_differs_is_marked():
    first, other = compare_runs([run([1, 2, 3, 4]), run([1, 8, 9, 4])])
    assert marked_text(first) == " 1 2 3 4"
    assert marked_text(other) == " 1<mark> 8 9</mark> 4"
    assert "2 of 4 tokens differ from the first" in compared_html(other, is_first=False)
    assert "the same as the first" in compared_html(first, is_first=False)


def test_the_numbers_of_each_run_stand_in_a_row():
    runs = dict(enumerate(compare_runs([run([1, 2, 1, 2, 1, 2]), run([1])])))
    table = metrics_table(runs)
    assert table.count("<tr>") == 3
    assert table.count("–") == 2  # one token alone has no pair, and no four
    assert metrics_table({}) == ""


def test_a_grid_has_a_place_for_every_cell():
    (cell,) = compare_runs([run([1, 2])])
    grid = grid_html((0.5, 1.0), (0.9, 1.0), {(0, 1): cell})
    assert grid.count("<td>") == 4
    assert grid.count("<td></td>") == 3
    assert "1.00 bits a token" in grid


def test_texts_are_escaped():
    evil = "<img src=x>"
    assert "<img" not in running_html(evil, evil)
    assert "<img" not in continuations_html([Continuation(evil, 1, 1.0, 0.5)], 1)


def test_settings_in_a_few_words():
    assert describe_settings(GenerationSettings(strategy="greedy")) == "greedy"
    assert describe_settings(GenerationSettings(strategy="beam", num_beams=3)) == "beam search, 3 beams"
    assert describe_settings(GenerationSettings(top_k=0, top_p=0.9)) == "sample, temperature 0.8, top-p 0.9, seed 7"
