"""Beam search beside greedy decoding: which text is likelier, and where they part."""

import math
from itertools import takewhile

from playground.records import GenerationRecord, GreedyComparison, PlaygroundError


def compare_with_greedy(beam: GenerationRecord, greedy: GenerationRecord) -> GreedyComparison:
    """Return what the two made of the same prompt; PlaygroundError where `beam` was no beam search.

    Both are judged by the model's own probabilities of their tokens.
    """
    if beam.beam_tree is None:
        raise PlaygroundError("This text was not made by beam search: choose Beam search and generate.")
    pairs = zip(beam.token_ids, greedy.token_ids, strict=False)
    n_shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    path = beam.beam_tree.follow(step.chosen.id for step in greedy.written)
    return GreedyComparison(
        beam=beam,
        greedy=greedy,
        beam_log_probability=log_probability(beam),
        greedy_log_probability=log_probability(greedy),
        parts_at=None if beam.token_ids == greedy.token_ids else n_shared,
        last_node=path[-1].id if path else None,
    )


def log_probability(record: GenerationRecord) -> float:
    """Return the sum of the log-probabilities that the model gave the tokens that the run wrote itself, in nats."""
    probabilities = [step.chosen.raw_probability for step in record.written]
    return math.fsum(math.log(p) if p > 0 else -math.inf for p in probabilities)
