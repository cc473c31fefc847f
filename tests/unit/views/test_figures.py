"""Figures carry the numbers of their records, at the places where a click looks for them."""

import base64
import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest

from playground.records import (
    AttentionSummary,
    Candidate,
    HeadMap,
    HeadRows,
    LayerMaps,
    PlaygroundError,
    Step,
    Token,
)
from playground.views.bertviz import MOST_MODEL_LINES, draw_head_view, draw_model_view, most_layers, window_around
from playground.views.figure import base_layout, name_picture
from playground.views.head_map import COMPACT_SCALE, draw_head_map
from playground.views.head_rows import draw_head_rows
from playground.views.heads_overview import draw_heads_overview
from playground.views.step import describe_step, draw_step, shown_candidates


def tokens(n):
    return tuple(Token(i, f" t{i}", f" t{i}") for i in range(n))


def causal(*shape):
    weights = np.tril(np.random.default_rng(1).random(shape)).astype(np.float32)
    return weights / weights.sum(-1, keepdims=True)


def numbers(array):
    """Decode an array as plotly sends it to the browser."""
    array = json.loads(json.dumps(array))
    flat = np.frombuffer(base64.b64decode(array["bdata"]), np.dtype(array["dtype"]))
    return flat.reshape([int(size) for size in array["shape"].split(",")])


def test_a_tile_stands_at_its_head_and_layer():
    tiles = np.zeros((3, 4, 5, 5), np.uint8)
    tiles[2, 1, 4, 0] = 255
    figure = json.loads(draw_heads_overview(AttentionSummary("self", tiles, tokens(5), tokens(5), (0, 1, 2))).to_json())
    trace = figure["data"][0]
    row, column = np.argwhere(numbers(trace["z"]) == 255)[0]
    assert trace["x0"] + column * trace["dx"] == pytest.approx(1.1)  # head 1, first of five columns
    assert trace["y0"] + row * trace["dy"] == pytest.approx(2.9)  # layer 2, last of five rows
    assert figure["layout"]["meta"]["n_layers"] == 3
    assert figure["layout"]["meta"]["n_heads"] == 4


def test_the_overview_of_144_heads_is_small():
    tiles = np.random.default_rng(0).integers(0, 256, (12, 12, 48, 48), np.uint8)
    figure = draw_heads_overview(AttentionSummary("self", tiles, tokens(128), tokens(128), tuple(range(12))))
    assert len(figure.to_json()) < 500_000
    assert len(figure.data) == 1


@pytest.mark.parametrize("compact", [False, True])
def test_a_head_map_carries_its_weights(compact):
    weights = causal(6, 6)
    figure = json.loads(draw_head_map(HeadMap("self", 0, 0, weights, tokens(6), tokens(6)), compact=compact).to_json())
    sent = numbers(figure["data"][0]["z"])
    assert sent / (COMPACT_SCALE if compact else 1) == pytest.approx(weights, abs=1e-5)
    assert figure["data"][0]["x"] == [f"·t{i}" for i in range(6)]
    assert figure["layout"]["meta"]["keys"][3] == "·t3"


def test_weights_that_are_not_numbers_do_not_break_a_map():
    weights = np.full((2, 2), np.nan, np.float32)
    figure = draw_head_map(HeadMap("self", 0, 0, weights, tokens(2), tokens(2)), compact=True)
    assert np.asarray(figure.data[0].z).tolist() == [[0, 0], [0, 0]]


def test_head_rows_are_layers_then_heads():
    weights = causal(2, 3, 4)
    figure = draw_head_rows(HeadRows("self", 3, weights, tokens(4), tokens(4), (0, 1)))
    assert np.asarray(figure.data[0].z)[1 * 3 + 2] == pytest.approx(weights[1, 2])
    assert figure.data[0].y[1 * 3 + 2] == "layer 1 head 2"


def candidate(i, raw, left):
    return Candidate(i, f" w{i}", f" w{i}", raw, left)


def step_with(candidates, chosen, rank):
    return Step(4, chosen, rank, candidates, 1.5, 2, Token(chosen.id, chosen.text, chosen.label))


def test_a_step_shows_percent_before_and_after():
    candidates = (candidate(3, 0.5, 0.625), candidate(9, 0.3, 0.375), candidate(2, 0.2, 0.0))
    figure = draw_step(step_with(candidates, candidates[1], 2))
    assert list(figure.data[0].x) == [50, 30, 20]
    assert list(figure.data[1].x) == [62.5, 37.5, 0]
    assert "▸" in figure.layout.yaxis.ticktext[1]
    assert figure.layout.yaxis.ticktext[0] == "·w3"


def test_a_chosen_token_beyond_those_shown_is_shown_last():
    candidates = tuple(candidate(i, 0.02, 0.02) for i in range(50))
    shown = shown_candidates(step_with((*candidates, candidate(77, 0.001, 0.01)), candidate(77, 0.001, 0.01), 99), 15)
    assert len(shown) == 15
    assert shown[-1].id == 77


def test_a_step_in_words():
    candidates = (candidate(3, 0.5, 0.625), candidate(9, 0.3, 0.375))
    text = describe_step(step_with(candidates, candidates[1], 2))
    assert "Step 5" in text
    assert "“·w9” 30.0 %" in text
    assert "37.5 %" in text
    assert "1.50 bits" in text


def test_bertviz_is_offline_and_no_token_can_leave_its_string():
    hostile = (Token(0, "</script><script>alert(1)//", "</script><script>alert(1)//"), *tokens(3)[1:])
    view = draw_head_view(LayerMaps("self", 2, causal(2, 3, 3), hostile, hostile))
    assert "alert(1)" not in view.page.replace("\\u003c/script", "").split("const params")[0]
    assert "</script><script>alert" not in view.page
    assert view.page.count("PYTHON_PARAMS") == 1  # in a comment of BertViz's own; the parameters stand in its place
    assert '"include_layers": [2]' in view.page
    assert (view.first, view.last, view.n_tokens) == (0, 3, 3)


@pytest.mark.parametrize(("center", "first"), [(0, 0), (500, 450), (1023, 924)])
def test_bertviz_shows_a_window_where_a_text_is_too_long(center, first):
    assert window_around(center, 1024, 8) == (first, first + 100)
    assert window_around(center, 90, 8) == (0, 90)


def params_of(page):
    """Return the parameters that BertViz's script is given."""
    found = re.search(r"const params = (\{.*?\});", page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_model_view_has_a_row_a_layer_by_its_number_in_the_model():
    hostile = (Token(0, "</script><script>alert(1)//", "</script><script>alert(1)//"), *tokens(3)[1:])
    layers = [LayerMaps("self", place, causal(2, 3, 3) / (place + 1), hostile, hostile) for place in range(2)]
    view = draw_model_view(layers, (4, 12))
    assert "</script><script>alert" not in view.page
    params = params_of(view.page)
    assert (params["include_layers"], params["include_heads"], params["total_heads"]) == ([4, 12], [0, 1], 2)
    shown = params["attention"][0]
    expected = np.stack([layer.weights for layer in layers])
    np.testing.assert_allclose(shown["attn"], expected, atol=5.1e-5)
    assert shown["right_text"][1:] == ["·t1", "·t2"]


def test_a_model_view_that_would_hold_up_the_browser_is_refused_with_what_fits():
    n_tokens = 60
    n_fitting = most_layers(8, n_tokens)
    assert n_fitting * 8 * n_tokens**2 <= MOST_MODEL_LINES < (n_fitting + 1) * 8 * n_tokens**2
    one = LayerMaps("self", 0, causal(8, n_tokens, n_tokens), tokens(n_tokens), tokens(n_tokens))
    draw_model_view([one] * n_fitting, range(n_fitting))
    with pytest.raises(PlaygroundError, match=f"Choose at most {n_fitting} layers, or a text of at most 55 tokens;"):
        draw_model_view([one] * (n_fitting + 1), range(n_fitting + 1))
    long = LayerMaps("self", 0, np.zeros((8, 200, 200), np.float32), tokens(200), tokens(200))
    assert most_layers(8, 200) == 0
    with pytest.raises(PlaygroundError, match=r"320,000 for a single layer .* a text of at most 111 tokens;"):
        draw_model_view([long], (0,))


def test_a_picture_is_called_by_what_it_shows():
    figure = name_picture(go.Figure(layout=base_layout(meta={"hover": "rows"})), "a/b", "layer-2", title="a/b: <b>")
    assert figure.layout.meta == {"hover": "rows", "file": "a-b-layer-2", "title": "a/b: &lt;b&gt;"}
