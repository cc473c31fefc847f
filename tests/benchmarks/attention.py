"""The overview of all heads and the map of one: time from the question to JSON, and bytes."""

import random
import time
from collections.abc import Callable

import plotly.graph_objects as go

from playground.backends.protocol import Backend
from playground.records import TextIds
from playground.views.head_map import draw_head_map
from playground.views.heads_overview import draw_heads_overview
from tests.benchmarks.measurement import Measurement

N_TEXTS = 7
ORDINARY_IDS = 256  # the first ids may be special tokens and single bytes


def timed_json(draw: Callable[[], go.Figure]) -> tuple[float, int]:
    """Return milliseconds and bytes of a figure on its way to the page."""
    began = time.perf_counter()
    text = draw().to_json()
    assert text
    return 1000 * (time.perf_counter() - began), len(text.encode())


def measure(backend: Backend, model: str, n_tokens: int) -> list[Measurement]:
    """Draw texts that the backend has not seen, each with its overview and then one of its heads."""
    spec = backend.spec(model)
    draw = random.Random(n_tokens)
    overviews, maps = [], []
    for at in range(N_TEXTS + 1):
        text = TextIds(tuple(draw.randrange(ORDINARY_IDS, spec.vocabulary_size) for _ in range(n_tokens)))
        overview = timed_json(lambda text=text: draw_heads_overview(backend.attention_summary(model, text)))
        layer, head = at % spec.n_layers, at % spec.n_query_heads
        head_map = timed_json(
            lambda text=text, layer=layer, head=head: draw_head_map(
                backend.head_map(model, text, layer, head), compact=True
            )
        )
        if at:  # the first one warms up
            overviews.append(overview)
            maps.append(head_map)
    return [
        *rows(f"overview of all heads, {n_tokens} tokens", overviews),
        *rows(f"one head's map, {n_tokens} tokens", maps),
    ]


def rows(what: str, figures: list[tuple[float, int]]) -> list[Measurement]:
    """Return a row for the time and one for the bytes."""
    times, sizes = zip(*figures, strict=True)
    return [
        Measurement(f"{what}: asked until its JSON is there", "ms", times),
        Measurement(f"{what}: its JSON", "kB", tuple(size / 1000 for size in sizes)),
    ]
