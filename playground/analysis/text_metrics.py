"""What can be measured of a generated text alone: variety, repetition, surprise."""

import math
from collections.abc import Sequence
from difflib import SequenceMatcher

from playground.records import ComparedRun, GenerationRecord, TextMetrics

REPEATED_LENGTH = 4


def distinct_n(ids: Sequence[int], n: int) -> float | None:
    """Return the number of different n-grams over the number of tokens; None where there is no n-gram.

    Li et al. 2016 (A Diversity-Promoting Objective Function for Neural Conversation Models), who scale by tokens.
    """
    grams = _n_grams(ids, n)
    return len(set(grams)) / len(ids) if grams else None


def repetition(ids: Sequence[int], n: int = REPEATED_LENGTH) -> float | None:
    """Return the share of n-grams that are repetitions: 1 - different / all; None where there is no n-gram.

    Welleck et al. 2020 (Neural Text Generation With Unlikelihood Training): seq-rep-n.
    """
    grams = _n_grams(ids, n)
    return 1 - len(set(grams)) / len(grams) if grams else None


def mean_surprisal_bits(record: GenerationRecord) -> float | None:
    """Return the mean of -log2 P of the generated tokens, by the model's own probabilities; None without a token."""
    surprisals = [-math.log2(step.chosen.raw_probability) for step in record.steps if step.chosen.raw_probability > 0]
    return math.fsum(surprisals) / len(surprisals) if surprisals else None


def measure_text(record: GenerationRecord) -> TextMetrics:
    """Return all of it for one run."""
    ids = record.token_ids
    return TextMetrics(
        n_tokens=len(ids),
        distinct_1=distinct_n(ids, 1),
        distinct_2=distinct_n(ids, 2),
        repetition=repetition(ids),
        surprisal_bits=mean_surprisal_bits(record),
        duration_s=record.duration_s,
    )


def compare_runs(records: Sequence[GenerationRecord]) -> tuple[ComparedRun, ...]:
    """Return each run measured, with the tokens that differ from the first run's text."""
    first = records[0].token_ids if records else ()
    return tuple(ComparedRun(record, measure_text(record), differing(record.token_ids, first)) for record in records)


def differing(ids: Sequence[int], reference: Sequence[int]) -> tuple[bool, ...]:
    """Return which of `ids` are not part of what the two sequences share, in order (Ratcliff & Obershelp)."""
    differs = [True] * len(ids)
    for block in SequenceMatcher(None, reference, ids, autojunk=False).get_matching_blocks():
        differs[block.b : block.b + block.size] = [False] * block.size
    return tuple(differs)


def _n_grams(ids: Sequence[int], n: int) -> list[tuple[int, ...]]:
    return [tuple(ids[at : at + n]) for at in range(len(ids) - n + 1)]
