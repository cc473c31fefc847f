"""Every file is opened again, and holds what was on the map."""

import csv
import io
import runpy

import numpy as np
import pytest

import playground
from playground.records import HeadMap, MapView, TextIds, Token
from playground.views.export import export_csv, export_html, export_npz, export_python

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
    page = export_html(MAP, "<i>stories").content.decode()
    assert "plotly.js v" in page
    assert 'src="http' not in page
    assert "</script><b>" not in page
    assert "<i>stories" not in page


@pytest.mark.parametrize(
    ("values", "view"),
    [
        ("weights", MapView()),
        ("weights", MapView(heads="difference", other_layer=1, other_head=6)),
        ("weights", MapView(heads="mean", hide_first=True)),
        ("norms", MapView()),
        ("words", MapView()),
    ],
)
def test_python_computes_the_same(tmp_path, values, view):
    attention = playground.load("stories").attention("The hen saw the kite.")
    if values == "norms":
        expected = attention.norm_map(2, 3).norms
    elif values == "words":
        expected = attention.word_map(2, 3).weights
    else:
        expected = attention.head_map(2, 3, view=view).weights
    text = TextIds(tuple(token.id for token in attention.tokens))
    shown = HeadMap("self", 2, 3, expected, attention.tokens, attention.tokens, view, values)
    path = tmp_path / "again.py"
    path.write_bytes(export_python(shown, "stories", text).content)
    np.testing.assert_array_equal(runpy.run_path(str(path))["weights"], expected)
