"""The same asked several times: which continuations come, how often, and how often they were to be expected."""

import math
from collections.abc import Sequence

from playground.records import Continuation, GenerationRecord


def count_continuations(records: Sequence[GenerationRecord]) -> tuple[Continuation, ...]:
    """Return the different continuations of runs that differ in their seed alone, the most frequent first."""
    groups: dict[tuple[int, ...], list[GenerationRecord]] = {}
    for record in records:
        groups.setdefault(record.token_ids, []).append(record)
    found = [
        Continuation(
            text=runs[0].text,
            count=len(runs),
            share=len(runs) / len(records),
            probability=math.prod(step.chosen.probability for step in runs[0].steps),
        )
        for runs in groups.values()
    ]
    return tuple(sorted(found, key=lambda one: (-one.count, -one.probability, one.text)))
