"""What was seen of a step: the distribution before, between and after the filters, and how chance chose."""

import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64

from playground.models.codec import TokenCodec
from playground.records import Candidates, Draw, Funnel, Step, Token

N_CANDIDATES = 50
_LOWEST = np.finfo(np.float32).min


@dataclass(frozen=True)
class Choice:
    """A chosen token in the distribution that it was chosen from."""

    id: int
    probabilities: np.ndarray  # float32 [stage]; unchecked: each node of a search has one
    rank: int


@dataclass(frozen=True)
class Distribution:
    """The most likely tokens of one step; best first."""

    ids: Int64[np.ndarray, " candidate"]
    probabilities: Float32[np.ndarray, "stage candidate"]  # the model's own, and after each stage of the filters
    entropy_bits: float
    n_kept: int
    end_probability: float


def observe(
    raw: Float32[torch.Tensor, "row vocabulary"],
    filtered: Float32[torch.Tensor, "row vocabulary"],
    ids: list[int],
    rows: list[int] | None = None,
    end_ids: Collection[int] = (),
) -> tuple[list[Distribution], list[Choice]]:
    """Return the distribution of each row, and of each chosen id its place in the distribution of its row.

    raw, filtered: logits (or log-probabilities) before and after the filters
    ids, rows: of each choice its token id and its row; without `rows` one choice a row
    end_ids: the tokens that end a text
    """
    stages = observe_stages(raw, [] if filtered is raw else [filtered])
    return describe_stages(stages, ids, rows, end_ids)


class Survivors(NamedTuple):
    """What the filters left of a distribution: before them, and after each stage of them."""

    n_kept: tuple[int, ...]
    survived: tuple[float, ...]  # of what there was before the stage


class Race(NamedTuple):
    """How a token was drawn: each waits its time, and the first one wins (see records.Draw)."""

    time: float  # of the chosen one
    likely_times: Float32[np.ndarray, " candidate"]
    second: int
    second_place: int | None  # among the likely ones
    second_time: float  # infinite where nothing else was possible
    second_prob: float


class Stages(NamedTuple):
    """What is computed of the distributions of several rows, stage by stage."""

    logits: Float32[np.ndarray, "row vocabulary"]  # of the first stage, the model's own
    log_probs: Float32[np.ndarray, "row vocabulary"]
    kept: list[Bool[np.ndarray, "row vocabulary"]]  # what is possible after each stage
    probs: list[Float32[np.ndarray, "row vocabulary"]]


def observe_stages(
    raw: Float32[torch.Tensor, "row vocabulary"], filtered: Sequence[Float32[torch.Tensor, "row vocabulary"]]
) -> Stages:
    """Return the distributions before the filters and after each of them.

    raw, filtered: logits (or log-probabilities)
    """
    # NumPy, since this runs beside the decoding: torch would gather a second team of threads for the same cores
    logits = raw.cpu().numpy()
    shifted, exponentials, totals = _exponentials(logits)
    kept, all_probs = [logits > -np.inf], [exponentials / totals]
    log_probs = shifted - np.log(totals)
    before = logits
    for stage in filtered:
        left = stage.cpu().numpy()
        is_left = left > -np.inf
        if _only_removes(left, is_left, before):
            exponentials = np.where(is_left, exponentials, np.float32(0.0))  # what they are needs no telling again
            totals = _totals(exponentials)
        else:
            _, exponentials, totals = _exponentials(left)
        kept.append(is_left)
        all_probs.append(exponentials / totals)
        before = left
    return Stages(logits, log_probs, kept, all_probs)


def describe_stages(
    stages: Stages, ids: list[int], rows: list[int] | None = None, end_ids: Collection[int] = ()
) -> tuple[list[Distribution], list[Choice]]:
    """Return what observe() does."""
    logits, log_probs, probs = stages.logits, stages.log_probs, stages.probs[0]
    ends = [id for id in end_ids if id < logits.shape[-1]]
    # 0 * log 0 is 0: a logit of -inf adds nothing
    finite = log_probs if stages.kept[0].all() else np.maximum(log_probs, _LOWEST)
    entropy_bits = np.einsum("rv,rv->r", probs, finite) / -math.log(2)
    top_ids = _most_likely(logits, min(N_CANDIDATES, logits.shape[-1]))  # (row, candidate)
    top_probs = np.stack([np.take_along_axis(of_stage, top_ids, -1) for of_stage in stages.probs], axis=1)
    distributions = [
        Distribution(*values)
        for values in zip(
            top_ids,
            top_probs,
            entropy_bits.tolist(),
            _count(stages.kept[-1]),
            probs[:, ends].sum(axis=-1).tolist(),
            strict=True,
        )
    ]
    at = (np.arange(len(ids)) if rows is None else np.asarray(rows), np.asarray(ids))  # (choice,)
    of_choices = logits if rows is None else logits[at[0]]  # (choice, vocabulary)
    ranks = [1 + n_likelier for n_likelier in _count(of_choices > logits[at][:, None])]
    chosen_probs = np.stack([of_stage[at] for of_stage in stages.probs], axis=1)  # (choice, stage)
    return distributions, [Choice(*values) for values in zip(ids, chosen_probs, ranks, strict=True)]


def _count(rows: Bool[np.ndarray, "row vocabulary"]) -> list[int]:
    """Return how many are true in each row; row by row NumPy is ten times as fast."""
    return [int(np.count_nonzero(row)) for row in rows]


def _exponentials(
    logits: Float32[np.ndarray, "row vocabulary"],
) -> tuple[Float32[np.ndarray, "row vocabulary"], Float32[np.ndarray, "row vocabulary"], Float32[np.ndarray, "row 1"]]:
    """Return logits less the highest of the row, their exponentials, and the sums of these."""
    highest = logits.max(axis=-1, keepdims=True)
    highest[highest == -np.inf] = 0.0  # of several beams, the filters may have left nothing to one
    shifted = logits - highest
    exponentials = np.exp(shifted)
    return shifted, exponentials, _totals(exponentials)


def _totals(exponentials: Float32[np.ndarray, "row vocabulary"]) -> Float32[np.ndarray, "row 1"]:
    """Return what makes probabilities of exponentials; 1 where none is possible, so that all are 0."""
    totals = exponentials.sum(axis=-1, keepdims=True)
    totals[totals == 0.0] = 1.0
    return totals


def _only_removes(
    left: Float32[np.ndarray, "row vocabulary"],
    is_left: Bool[np.ndarray, "row vocabulary"],
    before: Float32[np.ndarray, "row vocabulary"],
) -> bool:
    """Tell whether a filter removed tokens and changed no other, and left the likeliest of each row."""
    if not np.array_equal(left.max(axis=-1), before.max(axis=-1)):
        return False
    return bool(((left == before) | ~is_left).all())


def _most_likely(logits: Float32[np.ndarray, "row vocabulary"], count: int) -> Int64[np.ndarray, "row candidate"]:
    """Return the ids of the `count` largest logits of each row, largest first."""
    largest = np.argpartition(logits, -count, axis=-1)[:, -count:]
    order = np.argsort(-np.take_along_axis(logits, largest, -1), axis=-1, kind="stable")
    return np.take_along_axis(largest, order, -1)


def count_survivors(stages: Stages) -> list[Survivors]:
    """Return of each row what the filters left, stage by stage."""
    n_kept = [np.array(_count(kept)) for kept in stages.kept]
    survived = [np.ones(len(stages.logits))]
    for before, probs, kept, now in zip(n_kept, stages.probs, stages.kept[1:], n_kept[1:], strict=False):
        left = np.einsum("rv,rv->r", probs, kept, dtype=np.float32) if np.any(before != now) else 1.0
        survived.append(np.where(before == now, 1.0, left))
    counts, shares = np.stack(n_kept, axis=1).tolist(), np.stack(survived, axis=1).tolist()
    return [Survivors(tuple(count), tuple(share)) for count, share in zip(counts, shares, strict=True)]


def run_races(
    probs: Float32[np.ndarray, "row vocabulary"],
    exponentials: Float32[np.ndarray, "row vocabulary"],
    ids: Sequence[int],
    likely: Int64[np.ndarray, "row candidate"],
) -> list[Race]:
    """Return of each row the race that chose its token.

    probs, exponentials: what was drawn from, and what torch.multinomial divided it by
    ids, likely: of each row the chosen token, and those whose times are kept
    """
    speeds = probs / exponentials
    rows = np.arange(len(ids))
    chosen = (rows, np.asarray(ids))
    with np.errstate(divide="ignore"):
        times = (1.0 / speeds[chosen]).tolist()
        likely_times = 1.0 / np.take_along_axis(speeds, likely, -1)
        speeds[chosen] = 0.0
        seconds = speeds.argmax(axis=-1)
        second_times = (1.0 / speeds[rows, seconds]).tolist()
    is_second = likely == seconds[:, None]
    places = [at if found else None for at, found in zip(is_second.argmax(-1).tolist(), is_second.any(-1), strict=True)]
    second_probs = probs[rows, seconds].tolist()
    values = zip(times, likely_times, seconds.tolist(), places, second_times, second_probs, strict=True)
    return list(itertools.starmap(Race, values))


def build_draw(race: Race, candidates: Candidates) -> Draw:
    """Return the record of a race; where there is a candidate more than the likely ones, it is the chosen one."""
    times = race.likely_times
    if len(candidates) > len(times):
        times = np.append(times, np.float32(race.time))
    second = None
    if race.second_time < math.inf:
        if race.second_place is None:
            second = candidates.named(race.second, math.nan, race.second_prob)
        else:
            second = candidates[race.second_place]
    return Draw(race.time, -math.expm1(-race.time), times, second, race.second_time)


def build_candidates(distribution: Distribution, choice: Choice, codec: TokenCodec) -> Candidates:
    """Return the candidates of a distribution, the chosen token among them: last where it is not a likely one."""
    ids, probabilities = distribution.ids, distribution.probabilities
    if choice.id not in ids:
        ids = np.append(ids, choice.id)
        probabilities = np.concatenate([probabilities, choice.probabilities[:, None]], axis=1)
    return Candidates(ids, probabilities, codec.candidate_text)


def build_step(
    index: int,
    distribution: Distribution,
    choice: Choice,
    token: Token,
    candidates: Candidates,
    *,
    funnel: Funnel | None = None,
    draw: Draw | None = None,
) -> Step:
    """Return the record of a step."""
    return Step(
        index=index,
        chosen=candidates.named(choice.id, float(choice.probabilities[0]), float(choice.probabilities[-1])),
        rank=choice.rank,
        candidates=candidates,
        entropy_bits=distribution.entropy_bits,
        n_kept=distribution.n_kept,
        token=token,
        end_probability=distribution.end_probability,
        funnel=funnel,
        draw=draw,
    )
