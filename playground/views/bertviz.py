"""BertViz's head view (Vig 2019) of one layer, as a page for a sandboxed iframe, without any foreign host.

BertViz's own Python returns a page that loads its scripts from a CDN. Its drawing code is taken from the
installed package as it is, and given the same parameters; jQuery and d3 come from installed packages too.
"""

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from playground.records import LayerMaps
from playground.views.labels import elide, plain_label
from playground.views.palette import ASSETS

MOST_LINES = 80_000  # it draws an SVG line for each head and pair of tokens; beyond this a tab stutters
BOX_PIXELS, TOP_PIXELS = 22.5, 60


@dataclass(frozen=True)
class HeadView:
    """A page of BertViz, its height, and which tokens it shows (all, or a window where there are too many)."""

    page: str
    height: int
    first: int
    last: int
    n_tokens: int
    n_keys_left_out: int  # of the tokens that are looked at


@cache
def read_drawing_code() -> str:
    """Return BertViz's head_view.js from the installed package, without importing it (it would load torch)."""
    spec = importlib.util.find_spec("bertviz")
    assert spec is not None
    assert spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "head_view.js").read_text(encoding="utf-8")


def window_around(center: int, n_tokens: int, n_heads: int) -> tuple[int, int]:
    """Return [first, last) of the tokens that can be drawn, `center` among them."""
    most = max(8, int((MOST_LINES / n_heads) ** 0.5))
    if n_tokens <= most:
        return 0, n_tokens
    first = min(max(0, center - most // 2), n_tokens - most)
    return first, first + most


def draw_head_view(maps: LayerMaps, *, head: int | None = None, center: int = 0, theme: str = "light") -> HeadView:
    """Return the head view of a layer, with `head` alone switched on, or all of them; `center` is a query."""
    n_heads, n_queries, n_keys = maps.weights.shape
    first, last = window_around(center, n_queries, n_heads)
    # Of another text than the queries' the part that stands as far on
    first_key, last_key = window_around(center * n_keys // n_queries, n_keys, n_heads)
    weights = np.round(maps.weights[:, first:last, first_key:last_key].astype(float), 4)
    params = {
        "attention": [
            {
                "name": None,
                "attn": [weights.tolist()],
                "left_text": [elide(plain_label(token), 14) for token in maps.query_tokens[first:last]],
                "right_text": [elide(plain_label(token), 14) for token in maps.key_tokens[first_key:last_key]],
            }
        ],
        "default_filter": "0",
        "root_div_id": "root",
        "layer": maps.layer,
        "heads": None if head is None else [head],
        "include_layers": [maps.layer],
    }
    # A token may hold </script>; inside a string "<" can be written so that no HTML parser sees it.
    encoded = json.dumps(params).replace("<", "\\u003c")
    template = (ASSETS / "html" / "bertviz.html").read_text(encoding="utf-8")
    code = read_drawing_code().replace("PYTHON_PARAMS", encoded, 1)
    page = template.replace("THEME", theme, 1).replace("HEAD_VIEW", code, 1)
    height = int(max(last - first, last_key - first_key) * BOX_PIXELS + TOP_PIXELS)
    return HeadView(page, height, first, last, n_queries, n_keys - (last_key - first_key))
