"""A text's probabilities, entropies and running log-probability, token by token, as strips above one another."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from playground.records import Reading, Step
from playground.views.figure import base_layout, set_axes, strip_axis
from playground.views.labels import axis_labels, plain_label
from playground.views.palette import series_color


def reading_of(steps: Sequence[Step]) -> Reading:
    """Return what the model thought of its own text: no entry is NaN, since something stood before every token."""
    return Reading(
        tuple(step.token for step in steps),
        np.array([step.log_probability for step in steps], np.float32),
        np.array([step.entropy_bits for step in steps], np.float32),
        np.array([step.end_probability for step in steps], np.float32),
    )


def draw_strip(reading: Reading) -> go.Figure:
    """Draw three strips over the tokens: probability and that of ending, entropy, running log-probability."""
    log_probs = reading.log_probabilities.astype(np.float64)
    running = np.cumsum(np.nan_to_num(log_probs, nan=0.0))
    names = axis_labels(reading.tokens)
    figure = go.Figure(layout=base_layout(height=330, bargap=0.08, meta={"hover": "plotly", "strip": True}))
    strips: list[tuple[str, Any, str, str]] = [
        ("probability, %", 100 * np.exp(log_probs), "y", "%{y:.2f} %"),
        ("entropy, bits", reading.entropies_bits, "y2", "%{y:.2f} bits"),
    ]
    for name, values, axis, shown in strips:
        figure.add_bar(
            x=names,
            y=_plain(values),
            yaxis=axis,
            name=name,
            marker={"color": series_color("after" if axis == "y" else "before")},
            meta={"series": "after" if axis == "y" else "before"},
            hovertemplate=f"'%{{x}}': {shown}<extra></extra>",
        )
    lines = [
        ("probability of ending, %", 100 * reading.end_probabilities, "y", "ends with %{y:.3g} %"),
        ("log-probability so far, nats", running, "y3", "%{y:.2f} nats so far"),
    ]
    for name, values, axis, shown in lines:
        figure.add_scatter(
            x=names,
            y=_plain(values),
            yaxis=axis,
            name=name,
            mode="lines+markers" if axis == "y" else "lines",
            line={"width": 1.5, "color": series_color("chosen")},
            marker={"size": 4, "color": series_color("chosen")},
            meta={"series": "chosen"},
            hovertemplate=f"'%{{x}}': {shown}<extra></extra>",
        )
    shared: dict[str, Any] = {"fixedrange": True, "zeroline": False, "automargin": True, "nticks": 3}
    figure.layout.showlegend = False
    figure.layout.yaxis2 = {**shared, "domain": [0.34, 0.6], "rangemode": "tozero", "title": "bits"}
    figure.layout.yaxis3 = {**shared, "domain": [0.0, 0.28], "title": "nats"}
    return set_axes(
        figure, strip_axis(names, anchor="y3"), {**shared, "domain": [0.66, 1.0], "range": [0, 102], "title": "%"}
    )


def most_uncertain(reading: Reading, most: int = 8) -> tuple[int, ...]:
    """Return the places of the tokens whose distributions had the most entropy, most uncertain first."""
    entropies = np.nan_to_num(reading.entropies_bits, nan=-1.0)
    return tuple(int(place) for place in np.argsort(-entropies, kind="stable")[:most] if entropies[place] >= 0)


def uncertain_json(reading: Reading, first: int) -> str:
    """Return the most uncertain tokens for the page's list; `first` is the place of the reading's first token."""
    return json.dumps(
        [
            {
                "index": first + place,
                "label": plain_label(reading.tokens[place]),
                "bits": round(float(reading.entropies_bits[place]), 2),
            }
            for place in most_uncertain(reading)
        ]
    )


def describe_reading(reading: Reading, what: str) -> str:
    """Return the whole in one sentence; not escaped."""
    known = reading.log_probabilities[~np.isnan(reading.log_probabilities)].astype(np.float64)
    if not len(known):
        return f"{what}: one token, which nothing stands before."
    perplexity = float(np.exp(-known.mean())) if -known.mean() < 700 else float("inf")
    return (
        f"{what}: perplexity {perplexity:.2f} over {len(known)} tokens: on average as unsure as between so many "
        f"equally likely ones; log-probability of the whole {known.sum():.1f} nats.".replace("-", "−")
    )


def strip_highlight(place: int) -> str:
    """Return which token is selected in a strip, nothing where it is not in it."""
    return json.dumps({"step": place} if place >= 0 else {})


def _plain(values: Float[np.ndarray, " token"]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
