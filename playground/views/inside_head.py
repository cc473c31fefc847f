"""The arithmetic of one row of one head as data for the page (assets/js/inside.js)."""

import json
import math
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from playground.records import QueryKeyRow
from playground.views.labels import plain_label

MOST_KEYS = 12
MOST_HIDDEN = 2  # keys that the query may not look at, shown to make the mask visible


def inside_head_json(row: QueryKeyRow | None, *, message: str = "", causal: bool = True) -> str:
    """Return the steps from q and k to what the head passes on, for the keys with the largest weights.

    causal: this attention hides what comes later. Without a row there is only a message that says why.
    """
    if row is None:
        return json.dumps({"message": message}).replace("<", "\\u003c")
    shown, n_left_out, rest = choose_keys(row)
    return json.dumps(
        {
            "layer": row.layer,
            "head": row.head,
            "query": {"index": row.query, "label": plain_label(row.query_token), "vector": rounded(row.q)},
            "dHead": len(row.q),
            "scaling": significant(row.scaling),
            "causal": causal,
            "isUsualScaling": math.isclose(row.scaling, len(row.q) ** -0.5, rel_tol=1e-4),
            "softcap": row.softcap,
            "keys": [
                {
                    "index": int(at),
                    "label": plain_label(row.key_tokens[at]),
                    "k": rounded(row.k[at]),
                    "v": rounded(row.v[at]),
                    "raw": significant(row.raw[at]),
                    "timesScaling": significant(row.raw[at] * row.scaling),
                    "bias": None if row.position_bias is None else significant(row.position_bias[at]),
                    "scaled": significant(row.scaled[at]),
                    "masked": None if np.isneginf(row.masked[at]) else significant(row.masked[at]),
                    "weight": significant(row.weights[at]),
                }
                for at in shown
            ],
            "leftOut": {"count": n_left_out, "weight": significant(rest)},
            "weightSum": significant(row.weights.sum()),
            "output": rounded(row.output),
            "difference": None if row.model_output is None else float(np.abs(row.output - row.model_output).max()),
        },
        allow_nan=False,
    ).replace("<", "\\u003c")


def choose_keys(row: QueryKeyRow) -> tuple[Int64[np.ndarray, " shown"], int, float]:
    """Return the keys to show, in the order of the text, how many the query looks at besides, and their weight."""
    hidden = np.flatnonzero(np.isneginf(row.masked))
    visible = np.flatnonzero(~np.isneginf(row.masked))
    largest = visible[np.argsort(-row.weights[visible], kind="stable")[:MOST_KEYS]]
    shown = np.sort(np.concatenate([largest, hidden[:MOST_HIDDEN]]))
    return shown, len(visible) - len(largest), float(row.weights[visible].sum() - row.weights[largest].sum())


def rounded(vector: Float32[np.ndarray, " entry"]) -> list[float]:
    """Return a vector with what is seen of it in a strip of colours."""
    return [round(float(value), 3) for value in vector]


def significant(value: Any) -> float:
    """Return a number with the digits that are shown."""
    return float(f"{float(value):.5g}")
