"""Every file is opened again, and holds what was on the map."""

import csv
import io
import runpy
from dataclasses import replace

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

import playground
from playground.records import HeadMap, HeadPatterns, MapView, PlaygroundError, TextIds, Token
from playground.views.export import (
    MOST_WEIGHTS,
    check_size,
    export_csv,
    export_html,
    export_npz,
    export_patterns,
    export_python,
    what_is_shown,
)

TOKENS = tuple(Token(id, text, text) for id, text in enumerate(["=1+1", "</script><b>", ' "quoted", ', "\n", "好"]))
WEIGHTS = np.tril(np.random.default_rng(1).random((5, 5))).astype(np.float32)
MAP = HeadMap("self", 2, 3, WEIGHTS, TOKENS, TOKENS)


def test_csv():
    file = export_csv(MAP, "some/model")
    assert file.name == "some-model-layer-2-head-3.csv"
    rows = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == rows[0][1:]
    assert rows[0][5] == "4: 好"
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], dtype=np.float32), WEIGHTS)
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


def test_npz_needs_no_pickle():
    saved = np.load(io.BytesIO(export_npz(MAP, "stories").content), allow_pickle=False)
    np.testing.assert_array_equal(saved["weights"], WEIGHTS)
    assert saved["query_tokens"].tolist() == [token.label for token in TOKENS]
    assert saved["key_ids"].tolist() == [0, 1, 2, 3, 4]
    assert (saved["layer"], saved["head"], saved["model"]) == (2, 3, "stories")


def test_html_is_whole_and_asks_nobody():
    page = export_html([MAP], "<i>stories").content.decode()
    assert "plotly.js v" in page
    assert 'src="http' not in page
    assert "</script><b>" not in page
    assert "<i>stories" not in page
    assert "default-src 'none'" in page


def test_a_page_holds_every_head_that_was_chosen():
    others = [replace(MAP, head=head, weights=WEIGHTS / (head + 1)) for head in (3, 5)]
    file = export_html(others, "stories")
    page = file.content.decode()
    assert file.name == "stories-heads.html"
    assert page.count("Plotly.newPlot(") == 2 + get_plotlyjs().count("Plotly.newPlot(")
    assert "layer 2, head 3</h2>" in page
    assert "layer 2, head 5</h2>" in page
    assert "&lt;/script&gt;&lt;b&gt;" in page  # the text, as text


def test_a_page_that_would_be_too_large_is_refused_with_what_fits():
    check_size(4, MOST_WEIGHTS // 4)
    with pytest.raises(PlaygroundError, match="choose at most 3 of this text"):
        check_size(4, MOST_WEIGHTS // 4 + 1)
    with pytest.raises(PlaygroundError, match="save it as NPZ"):
        check_size(1, MOST_WEIGHTS + 1)


def test_layers_of_a_hybrid_have_their_own_numbers():
    shown = replace(MAP, layer=1, layers=(4, 12), view=MapView(heads="difference", other_layer=0, other_head=2))
    assert what_is_shown(shown) == "layer 12, head 3 minus layer 4, head 2"
    assert export_csv(shown, "jamba").name == "jamba-layer-12-head-3-difference.csv"
    assert np.load(io.BytesIO(export_npz(shown, "jamba").content))["layer"] == 12
    assert "layer 12, head 3 minus" in export_html([shown], "jamba").content.decode()
    code = export_python(shown, "jamba", TextIds((1,))).content.decode()
    assert "head_map(1, 3" in code
    assert "# layer 12 of the model" in code


def test_the_table_of_patterns_is_exact():
    draw = np.random.default_rng(2)
    scores = draw.random((2, 2, 3)).astype(np.float32)
    scores[0, 1, 2] = np.nan
    even = np.full((2, 2), 0.05, dtype=np.float32)
    patterns = HeadPatterns("self", ("previous", "uniform"), scores, even, np.full((2, 2), 9), (4, 7))
    file = export_patterns(patterns, "stories", "this-text")
    assert file.name == "stories-patterns-this-text.csv"
    header, *rows = csv.reader(io.StringIO(file.content.decode()))
    assert header == ["layer", "head", "previous", "uniform", "fits"]
    assert [row[:2] for row in rows] == [[str(layer), str(head)] for layer in (4, 7) for head in range(3)]
    read = np.array([[float(cell or "nan") for cell in row[2:4]] for row in rows], np.float32)
    np.testing.assert_array_equal(read, scores.transpose(1, 2, 0).reshape(6, 2))


@pytest.mark.parametrize(
    ("values", "view"),
    [
        ("weights", MapView()),
        ("weights", MapView(heads="difference", other_layer=1, other_head=6)),
        ("weights", MapView(heads="mean", hide_first=True)),
        ("norms", MapView()),
        ("words", MapView()),
        ("texts", MapView()),
    ],
)
def test_python_computes_the_same(tmp_path, values, view):
    attention = playground.load("stories").attention("The hen saw the kite.")
    if values == "norms":
        expected = attention.norm_map(2, 3).norms
    elif values == "texts":
        other = playground.load("stories").attention("The kite saw the hen.")
        expected = attention.weights(2, 3) - other.weights(2, 3)
    elif values == "words":
        expected = attention.word_map(2, 3).weights
    else:
        expected = attention.head_map(2, 3, view=view).weights
    text = TextIds(tuple(token.id for token in attention.tokens))
    shown = HeadMap("self", 2, 3, expected, attention.tokens, attention.tokens, view, values)
    path = tmp_path / "again.py"
    other_ids = TextIds(tuple(token.id for token in other.tokens)) if values == "texts" else None
    path.write_bytes(export_python(shown, "stories", text, other_ids).content)
    np.testing.assert_array_equal(runpy.run_path(str(path))["weights"], expected)
