"""BertViz's head view of a layer and model view of several (Vig 2019), as pages for a sandboxed iframe, offline.

BertViz's own Python returns a page that loads its scripts from a CDN. Its drawing code is taken from the
installed package as it is, and given the same parameters; jQuery and d3 come from installed packages too.
"""

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from playground.records import LayerMaps, PlaygroundError, Token
from playground.records.sizes import say_count
from playground.views.labels import elide, plain_label
from playground.views.palette import ASSETS

MOST_LINES = 80_000  # it draws an SVG line for each head and pair of tokens; beyond this a tab stutters
BOX_PIXELS, TOP_PIXELS = 22.5, 60
# Of the model view. Measured in Chromium on two busy cores: 49,000 lines take 3 s until they are painted and 0.6 s to
# answer a click, 197,000 lines 10 s and 3 s, 786,000 lines 112 s and 13 s.
MOST_MODEL_LINES = 100_000


@dataclass(frozen=True)
class ModelView:
    """A page of BertViz and its height."""

    page: str
    height: int


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
def read_drawing_code(name: str) -> str:
    """Return a script of BertViz from the installed package, without importing it (it would load torch)."""
    spec = importlib.util.find_spec("bertviz")
    assert spec is not None
    assert spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / name).read_text(encoding="utf-8")


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
    weights = maps.weights[:, first:last, first_key:last_key]
    params = {
        "attention": [attention_of([weights], maps.query_tokens[first:last], maps.key_tokens[first_key:last_key])],
        "default_filter": "0",
        "root_div_id": "root",
        "layer": maps.layer,
        "heads": None if head is None else [head],
        "include_layers": [maps.layer],
    }
    page = page_of("head_view.js", "head-view", params, theme)
    height = int(max(last - first, last_key - first_key) * BOX_PIXELS + TOP_PIXELS)
    return HeadView(page, height, first, last, n_queries, n_keys - (last_key - first_key))


def draw_model_view(maps: Sequence[LayerMaps], numbers: Sequence[int], *, theme: str = "light") -> ModelView:
    """Return the model view of some layers, a row of heads each; numbers: the layers' numbers in the model.

    Raises PlaygroundError, with what would fit, where it would hold up the browser.
    """
    n_heads, n_queries, n_keys = maps[0].weights.shape
    check_lines(len(maps), n_heads, max(n_queries, n_keys))
    params = {
        "attention": [attention_of([layer.weights for layer in maps], maps[0].query_tokens, maps[0].key_tokens)],
        "default_filter": "0",
        "display_mode": "light",  # our style sheet darkens it
        "root_div_id": "root",
        "include_layers": list(numbers),
        "include_heads": list(range(n_heads)),
        "total_heads": n_heads,
    }
    # As model_view.js reckons
    head_pixels = max(n_queries, n_keys) * 7 * 12 / n_heads + 10
    height = max(len(maps) * head_pixels + 38, max(n_queries, n_keys) * 18 + 55)
    return ModelView(page_of("model_view.js", "model-view", params, theme), int(height + 16))


def most_layers(n_heads: int, n_tokens: int) -> int:
    """Return how many layers the model view can draw; 0 where not even one."""
    return MOST_MODEL_LINES // (n_heads * n_tokens**2)


def check_lines(n_layers: int, n_heads: int, n_tokens: int) -> None:
    """Raise PlaygroundError where the model view would have too many lines to draw."""
    n_lines = n_layers * n_heads * n_tokens**2
    if n_lines <= MOST_MODEL_LINES:
        return
    fitting = most_layers(n_heads, n_tokens)
    longest = int((MOST_MODEL_LINES / (n_heads * (1 if not fitting else n_layers))) ** 0.5)
    layers = "a single layer" if n_layers == 1 else f"{n_layers} layers"
    at_most = f"at most {say_count(fitting, 'layer')}, or " if fitting else ""
    raise PlaygroundError(
        f"BertViz draws a line for each layer, head and pair of tokens: {n_lines:,} for {layers} of this text, and a "
        f"browser stands still beyond {MOST_MODEL_LINES:,}. Choose {at_most}a text of at most {longest} tokens"
        f"{'' if fitting or n_layers == 1 else ' and one layer'}; the head view and the overview show any length."
    )


def attention_of(
    layers: Sequence[Float32[np.ndarray, "_head query key"]], query_tokens: Sequence[Token], key_tokens: Sequence[Token]
) -> dict[str, object]:
    """Return what both views call an attention."""
    return {
        "name": None,
        "attn": [np.round(weights.astype(float), 4).tolist() for weights in layers],
        "left_text": [elide(plain_label(token), 14) for token in query_tokens],
        "right_text": [elide(plain_label(token), 14) for token in key_tokens],
    }


def page_of(script: str, kind: str, params: dict[str, object], theme: str) -> str:
    """Return the page that draws `params` by a script of BertViz."""
    # A token may hold </script>; inside a string "<" can be written so that no HTML parser sees it.
    encoded = json.dumps(params).replace("<", "\\u003c")
    template = (ASSETS / "html" / "bertviz.html").read_text(encoding="utf-8")
    code = read_drawing_code(script).replace("PYTHON_PARAMS", encoded, 1)
    return template.replace("THEME", theme, 1).replace("KIND", kind, 1).replace("DRAWING_CODE", code, 1)
