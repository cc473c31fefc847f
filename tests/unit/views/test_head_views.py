"""The data of the views of a head, against the records they were made from."""

import json

import numpy as np
import pytest

from playground.records import (
    AttentionSummary,
    CounterfactualMap,
    HeadMap,
    HeadPatterns,
    HeadRows,
    MapView,
    PlaygroundError,
    QueryKeyRow,
    Token,
)
from playground.ui.head_views.mask import map_of, read_places
from playground.views.head_map import COMPACT_SCALE, compact_weights, draw_head_map, value_range
from playground.views.head_rows import draw_head_rows
from playground.views.heads_overview import draw_heads_overview
from playground.views.inside_head import MOST_KEYS, choose_keys, inside_head_json
from playground.views.patterns import pattern_scores, patterns_table, strongest_first
from playground.views.row_bars import draw_row_bars
from playground.views.tokens import tint_of


def tokens(count):
    return tuple(Token(id, f"t{id}", f"t{id}") for id in range(count))


def row_of(n_keys, query, **more):
    """A row whose numbers follow from each other, the keys behind the query hidden."""
    draw = np.random.default_rng(n_keys)
    q, k, v = (draw.normal(size=size).astype(np.float32) for size in ((4,), (n_keys, 4), (n_keys, 4)))
    raw = k @ q
    masked = np.where(np.arange(n_keys) <= query, raw / 2, -np.inf).astype(np.float32)
    weights = np.exp(masked) / np.exp(masked).sum()
    output = weights @ v
    return QueryKeyRow(
        "self", 0, 1, query, q, k, raw, raw / 2, masked, weights, v, output, tokens(n_keys)[query], tokens(n_keys),
        scaling=0.5, **more,
    )  # fmt: skip


def test_the_keys_shown_are_the_heaviest_and_the_rest_is_told():
    row = row_of(40, 30)
    data = json.loads(inside_head_json(row))
    shown, n_left_out, rest = choose_keys(row)
    visible = [key for key in data["keys"] if key["masked"] is not None]
    assert len(visible) == MOST_KEYS
    assert n_left_out == 31 - MOST_KEYS
    assert sum(key["weight"] for key in visible) + rest == pytest.approx(1, abs=1e-3)
    assert [key["index"] for key in data["keys"]] == sorted(key["index"] for key in data["keys"])
    assert min(row.weights[key["index"]] for key in visible) >= np.sort(row.weights)[-MOST_KEYS]
    assert [int(at) for at in shown if row.masked[at] == -np.inf] == [31, 32]
    assert data["isUsualScaling"] is True


def test_the_last_line_is_the_distance_from_the_model():
    row = row_of(5, 4)
    assert json.loads(inside_head_json(row))["difference"] is None
    row = row_of(5, 4, model_output=row.output + np.float32(0.25))
    assert json.loads(inside_head_json(row))["difference"] == pytest.approx(0.25, abs=1e-6)


def test_a_family_without_queries_and_keys_says_why():
    assert json.loads(inside_head_json(None, message="<b>weights only")) == {"message": "<b>weights only"}
    assert "<" not in inside_head_json(None, message="<b>weights only")


def test_a_difference_has_its_zero_in_the_middle():
    weights = np.array([[-1, 0], [0.5, 1]], dtype=np.float32)
    head_map = HeadMap("self", 0, 0, weights, tokens(2), tokens(2), MapView(heads="difference"))
    assert compact_weights(weights, -1).tolist() == [[0, 32768], [49151, 65535]]
    meta = draw_head_map(head_map, compact=True).layout.meta
    assert meta["low"] + COMPACT_SCALE * meta["unit"] == pytest.approx(1)
    assert draw_row_bars(head_map, 0).data[0].y.tolist() == [-1, 0]


def test_lengths_have_a_scale_of_their_own():
    head_map = HeadMap("self", 0, 0, np.array([[2.5, 0]], np.float32), tokens(1), tokens(2), values="norms")
    assert value_range(head_map) == (0, 2.5)
    assert draw_head_map(head_map, compact=True).layout.meta["unit"] == pytest.approx(2.5 / COMPACT_SCALE)


def patterns():
    scores = np.array([[[0.1, 0.9], [np.nan, 0.5]], [[0.2, 0.2], [0.2, 0.2]]], dtype=np.float32)
    even = np.full((2, 2), 0.1, dtype=np.float32)
    return HeadPatterns("self", ("previous", "uniform"), scores, even, np.full((2, 2), 9), (4, 7))


def test_the_table_has_a_row_a_head_and_none_for_what_does_not_occur():
    table = json.loads(patterns_table(patterns()))
    assert table["names"] == ["previous token", "evenness"]
    assert table["layers"] == [4, 7]
    assert table["rows"][1] == [0, 1, [0.9, 0.2], ["previous token"]]
    assert table["rows"][2] == [1, 0, [None, 0.2], []]
    assert json.loads(pattern_scores(patterns()))["scores"][0] == [[0.1, 0.9], [None, 0.5]]


def test_heads_without_a_score_come_last():
    assert strongest_first(patterns(), "previous") == [(0, 1), (1, 1), (0, 0), (1, 0)]


def test_a_sorted_overview_moves_tiles_and_tells_which_is_where():
    tiles = np.arange(4, dtype=np.uint8).reshape(2, 2, 1, 1)
    summary = AttentionSummary("self", tiles, tokens(1), tokens(1), (4, 7))
    drawn = draw_heads_overview(summary, order=[(1, 1), (0, 0), (1, 0), (0, 1)])
    assert np.array(drawn.data[0].z).tolist() == [[3, 0], [2, 1]]
    assert drawn.layout.meta["order"] == [[1, 1], [0, 0], [1, 0], [0, 1]]


def test_layers_have_the_numbers_that_they_have_in_the_model():
    summary = AttentionSummary("self", np.zeros((2, 1, 1, 1), np.uint8), tokens(1), tokens(1), (4, 7))
    drawn = draw_heads_overview(summary)
    assert drawn.layout.yaxis.ticktext == ("4", "7")
    assert drawn.layout.meta["layers"] == [4, 7]
    rows = HeadRows("self", 0, np.ones((2, 1, 1), np.float32), tokens(1), tokens(1), (4, 7))
    assert draw_head_rows(rows).data[0].y == ("layer 4 head 0", "layer 7 head 0")


def test_heads_that_share_keys_stand_between_heavier_lines():
    summary = AttentionSummary("self", np.zeros((1, 6, 2, 2), np.uint8), tokens(2), tokens(2), (0,))
    drawn = draw_heads_overview(summary, heads_per_key=2)
    assert [shape.x0 for shape in drawn.layout.shapes if shape.name == "group"] == [2, 4]


def test_the_tint_names_who_looks_and_weights():
    assert json.loads(tint_of(np.array([0.25, 0.75], np.float32), 1)) == {
        "looking": 1,
        "first": 0,
        "causal": True,
        "weights": [0.25, 0.75],
    }


@pytest.mark.parametrize(("text", "places"), [("", ()), ("0", (0,)), ("3, 5-7", (3, 5, 6, 7)), (" 1;1 2 ", (1, 2))])
def test_places_are_read(text, places):
    assert read_places(text, 10) == places


@pytest.mark.parametrize("text", ["10", "-1", "5-3", "a", "1.5", "²", "0-9", "9" * 50, "<b>"])
def test_what_is_no_place_is_refused_with_the_range(text):
    with pytest.raises(PlaygroundError, match=r"from 0 to 9|All tokens"):
        read_places(text, 10)


def test_a_counterfactual_map_shows_the_other_weights():
    original, other = np.eye(2, dtype=np.float32), np.full((2, 2), 0.5, np.float32)
    changed = CounterfactualMap("self", 0, 1, (), True, original, other, tokens(2), tokens(2))
    np.testing.assert_array_equal(map_of(changed).weights, other)
