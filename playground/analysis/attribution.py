"""Which tokens of the input made a prediction, by four methods that need not agree.

Leave-one-out is the reference: the token's embedding is replaced by a baseline, in one run for each token (Li et al.
2016, arXiv 1612.08220). Integrated gradients: Sundararajan et al. 2017, arXiv 1703.01365. Gradient x input: Shrikumar
et al. 2016, arXiv 1605.01713. Attention x gradient: Serrano & Smith 2019, arXiv 1906.03731, here summed over all looks
at a token, in all heads and layers: to the first order what hiding it from every look would change.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32

from playground.analysis.attributed_input import AttributedInput, Replacement, Vectors
from playground.models.loading import LoadedModel
from playground.records import METHODS, Agreement, Attribution, AttributionMethod, Baseline, Completeness, ReadText

_FEWEST_STEPS, _MOST_STEPS = 8, 256
_GOOD_PART, _GOOD_NATS = 0.005, 0.005  # an error below either is small enough


def gradient_attribution(loaded: LoadedModel, read: ReadText, token: int, baseline: Baseline = "mean") -> Attribution:
    """Return what one pass with its gradients tells: gradient x input and attention x gradient.

    token: counted on the side that writes, of an encoder in its text. Raises PlaygroundError where nothing predicts
    the token, and where gradients are not numbers.
    """
    return _first(AttributedInput(loaded, read, token), baseline)


def attribution(
    loaded: LoadedModel, read: ReadText, token: int, baseline: Baseline, cancel: threading.Event
) -> Iterator[Attribution]:
    """Yield the attribution of one prediction, more of it each time: as above, then leave-one-out, then integrated.

    Setting `cancel` ends it after the copies that run. Raises PlaygroundError as gradient_attribution does.
    """
    given = AttributedInput(loaded, read, token)
    found = _first(given, baseline)
    yield found
    base = given.baseline(baseline)
    scores = np.full(given.n_inputs, np.nan, np.float32)
    n_copies = given.n_copies(gradients=False)
    for start in range(0, given.n_inputs, n_copies):
        if cancel.is_set():
            return
        places = range(start, min(start + n_copies, given.n_inputs))
        left_out = given.log_probs(_without(given, base, places)).cpu().numpy()
        scores[places.start : places.stop] = found.log_prob - left_out
        found = replace(_with(found, given, "leave-one-out", scores), n_left_out=places.stop)
        yield found
    for scores, completeness in _integrated(given, base, found.log_prob, cancel):
        found = replace(_with(found, given, "integrated gradients", scores), completeness=completeness)
        yield found
    if not cancel.is_set():
        yield replace(found, is_complete=True)


def _first(given: AttributedInput, baseline: Baseline) -> Attribution:
    gradients = given.gradients()
    found = Attribution(
        given.tokens, given.predicted_at, given.predicted, gradients.log_prob, baseline, {}, {}, _agreement({}),
        given.n_inputs,
    )  # fmt: skip
    products = [
        (vectors.float() * gradient.float()).sum(-1)[0]
        for vectors, gradient in zip(given.vectors, gradients.vectors, strict=True)
    ]
    found = _with(found, given, "gradient × input", torch.cat(products).cpu().numpy())
    if gradients.looks is None:
        return replace(found, absent={"attention × gradient": gradients.looks_absent})
    return _with(found, given, "attention × gradient", gradients.looks.numpy())


def _with(
    found: Attribution, given: AttributedInput, method: AttributionMethod, scores: Float32[np.ndarray, " input"]
) -> Attribution:
    """Return the attribution with one more method; tokens behind the prediction have NaN."""
    wide = np.full(len(given.tokens), np.nan, np.float32)
    wide[: len(scores)] = scores  # all inputs stand at the beginning
    every: dict[AttributionMethod, Float32[np.ndarray, " token"]] = {**found.scores, method: wide}
    return replace(found, scores=every, agreement=_agreement(every))


def _agreement(scores: Mapping[AttributionMethod, Float32[np.ndarray, " token"]]) -> Agreement:
    """Return how alike the methods order the tokens that all of them have measured."""
    from scipy.stats import spearmanr  # the page need not wait for it when it starts

    methods: tuple[AttributionMethod, ...] = tuple(method for method in METHODS if method in scores)
    correlations = np.full((len(methods), len(methods)), np.nan, np.float32)
    if not methods:
        return Agreement(methods, correlations, 0)
    table = np.stack([scores[method] for method in methods])
    table = table[:, ~np.isnan(table).any(axis=0)]
    for one, first in enumerate(table):
        for other, second in enumerate(table):
            if table.shape[1] > 2 and np.ptp(first) > 0 and np.ptp(second) > 0:
                found: Any = spearmanr(first, second)
                correlations[one, other] = found.statistic
    return Agreement(methods, correlations, table.shape[1])


def _without(given: AttributedInput, base: Replacement, places: range) -> Vectors:
    """Return copies of the input, in each of which one token is replaced by the baseline."""
    copies, start = [], 0
    for vectors, nothing in zip(given.vectors, base, strict=True):
        changed = vectors.repeat(len(places), 1, 1)
        for copy, place in enumerate(places):
            if 0 <= place - start < vectors.shape[1]:
                changed[copy, place - start] = nothing[0, 0]
        copies.append(changed)
        start += vectors.shape[1]
    return copies


def _integrated(
    given: AttributedInput, base: Replacement, log_prob: float, cancel: threading.Event
) -> Iterator[tuple[Float32[np.ndarray, " input"], Completeness]]:
    """Yield integrated gradients with ever more steps, until they add up to the difference that they explain."""
    nothing = [one.expand_as(vectors) for one, vectors in zip(base, given.vectors, strict=True)]
    at_baseline = float(given.log_probs(nothing)[0])
    difference = log_prob - at_baseline
    n_steps = _FEWEST_STEPS
    while n_steps <= _MOST_STEPS and (sums := _sums_on_the_way(given, base, n_steps, cancel)) is not None:
        ways = [one[0].float() - start[0].float() for one, start in zip(given.vectors, nothing, strict=True)]
        products = torch.cat([(way * total).sum(-1) for way, total in zip(ways, sums, strict=True)])
        found = Completeness(n_steps, float(products.sum()), at_baseline, difference)
        yield products.cpu().numpy(), found
        if found.error_nats <= max(_GOOD_NATS, _GOOD_PART * abs(difference)):
            return
        n_steps *= 2


def _sums_on_the_way(
    given: AttributedInput, base: Replacement, n_steps: int, cancel: threading.Event
) -> list[Float32[torch.Tensor, "_token _d_embedding"]] | None:
    """Return the mean gradients on the way from baseline to input; None if stopped.

    The way is a = t^3: behind a norm the gradient is large next to the baseline, and so are most steps there. In t
    the integral is taken by Gauss and Legendre's rule.
    """
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    t = torch.tensor((nodes + 1) / 2)
    parts, shares = t**3, torch.tensor(weights / 2) * 3 * t**2
    n_copies = given.n_copies(gradients=True)
    sums = [torch.zeros_like(one[0], dtype=torch.float32) for one in given.vectors]
    for start in range(0, n_steps, n_copies):
        if cancel.is_set():
            return None
        part, share = (column[start : start + n_copies].float() for column in (parts, shares))
        moved = [_between(nothing, one, part) for nothing, one in zip(base, given.vectors, strict=True)]
        sums = [total + more for total, more in zip(sums, given.sum_of_gradients(moved, share), strict=True)]
    return sums


def _between(
    nothing: Float[torch.Tensor, "1 1 d_embedding"],
    vectors: Float[torch.Tensor, "1 token d_embedding"],
    parts: Float32[torch.Tensor, " part"],
) -> Float[torch.Tensor, "part token d_embedding"]:
    """Return what stands at some parts of the way from the baseline to the input."""
    along = parts[:, None, None].to(vectors.device)
    return (nothing.float() + along * (vectors.float() - nothing.float())).to(vectors.dtype)
