"""The scores of every head as data for the page: the table of patterns, and what is said of a tile."""

import json
import math
from typing import Any

import numpy as np

from playground.records import HeadPatterns, PatternName, fitting

LABELS: dict[PatternName, str] = {
    "previous": "previous token",
    "next": "next token",
    "first": "first token",
    "same": "same token",
    "duplicate": "duplicate",
    "induction": "induction",
    "local": "2 to 5 away",
    "uniform": "evenness",
}


def patterns_table(patterns: HeadPatterns) -> str:
    """Return a row a head, for assets/js/patterns.js: JSON of {names, layers, rows}.

    rows: [place of the layer, head, [scores], [fitting]]; layers: the layers' numbers in the model.
    """
    n_layers, n_heads = patterns.scores.shape[1:]
    rows = [
        [
            layer,
            head,
            [_number(score) for score in patterns.scores[:, layer, head]],
            [LABELS[name] for name in fitting(patterns.of(layer, head))],
        ]
        for layer in range(n_layers)
        for head in range(n_heads)
    ]
    names = [LABELS[name] for name in patterns.names]
    return json.dumps({"names": names, "layers": list(patterns.layers), "rows": rows}, allow_nan=False)


def pattern_scores(patterns: HeadPatterns) -> str:
    """Return the scores for the overview: JSON of {names, scores [pattern][layer][head]}; null where there is none."""
    scores = [[[_number(score) for score in row] for row in layer] for layer in patterns.scores]
    return json.dumps({"names": [LABELS[name] for name in patterns.names], "scores": scores}, allow_nan=False)


def strongest_first(patterns: HeadPatterns, name: PatternName) -> list[tuple[int, int]]:
    """Return (layer, head) of every head, by its score for one pattern; those without a score come last."""
    scores = np.nan_to_num(patterns.scores[patterns.names.index(name)], nan=-1.0)  # (layer, head)
    order = np.argsort(-scores, axis=None, kind="stable")
    return [(int(layer), int(head)) for layer, head in zip(*np.unravel_index(order, scores.shape), strict=True)]


def _number(score: Any) -> float | None:
    return None if math.isnan(score) else round(float(score), 3)
