"""What each head does in one text, as scores for patterns that the literature names, and a sentence made from them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from playground.records.maps import AttentionKind

PatternName = Literal["previous", "next", "first", "same", "duplicate", "induction", "local", "uniform"]

# A head is named after a pattern only where its score is at least this, and this many times that of even weights ...
NAMED_SCORE = 0.4
NAMED_LIFT = 2.0
# ... and the mean is over at least so many queries: one or two may be chance
NAMED_QUERIES = 3
NAMED_UNIFORMITY = 0.9

_PHRASES: dict[PatternName, str] = {
    "previous": "puts {share} of its weight on the token just before (previous-token head)",
    "next": "puts {share} of its weight on the token just after (next-token head)",
    "first": "puts {share} of its weight on the first token (a resting place, or sink)",
    "same": "puts {share} of its weight on the token itself (same-token head)",
    "duplicate": "where the same token stands elsewhere, puts {share} of its weight there (duplicate-token head)",
    "induction": "where its token stood before, puts {share} of its weight on what came after it (induction head)",
    "local": "puts {share} of its weight on the tokens 2 to 5 places away (local head)",
    "uniform": "spreads its weight almost evenly over all that it may see ({share} of the greatest entropy)",
}


class PatternScore(NamedTuple):
    """One head's score for one pattern; `even` is what weights spread evenly would score."""

    score: float  # 0 to 1; NaN: the pattern does not occur in this text
    even: float
    n_queries: int


@dataclass(frozen=True)
class HeadPatterns:
    """Every head scored for every pattern that this kind of attention can show.

    A score is the mean, over the queries that have such keys, of the weight put on them; NaN where no query has
    one, and where a layer has fewer heads than others. `even` is the score of a head that spreads its weight
    evenly, to compare with: in a short text it is high.
    """

    kind: AttentionKind
    names: tuple[PatternName, ...]
    scores: Float32[np.ndarray, "pattern layer head"]
    even: Float32[np.ndarray, "pattern layer"]
    n_queries: Int64[np.ndarray, "pattern layer"]
    layers: tuple[int, ...]  # by their numbers in the model: some layers may have no attention

    def of(self, layer: int, head: int) -> dict[PatternName, PatternScore]:
        """Return the scores of one head."""
        return {
            name: PatternScore(
                float(self.scores[place, layer, head]),
                float(self.even[place, layer]),
                int(self.n_queries[place, layer]),
            )
            for place, name in enumerate(self.names)
        }


def fitting(scores: Mapping[PatternName, PatternScore]) -> tuple[PatternName, ...]:
    """Return the patterns that one head fits, the strongest first; none where it fits none."""

    def fits(name: PatternName, found: PatternScore) -> bool:
        if found.n_queries < NAMED_QUERIES:
            return False
        if name == "uniform":
            return found.score >= NAMED_UNIFORMITY
        return found.score >= max(NAMED_SCORE, NAMED_LIFT * found.even)

    named: list[PatternName] = [name for name, found in scores.items() if fits(name, found)]
    return tuple(sorted(named, key=lambda name: -scores[name].score))


def describe(scores: Mapping[PatternName, PatternScore]) -> str:
    """Say in one sentence what one head does in this text, from its scores and nothing else."""
    known: dict[PatternName, PatternScore] = {
        name: found for name, found in scores.items() if not math.isnan(found.score)
    }
    if not known:
        if any(found.n_queries for found in scores.values()):
            return "Nothing can be said of this head: its weights are not numbers (NaN)."
        return "Nothing can be said of this head: no token of this text has a choice of where to look."
    if named := fitting(known):
        first, *rest = (_PHRASES[name].format(share=_percent(known[name].score)) for name in named)
        return first[0].upper() + "; also ".join([first[1:], *rest]) + "."
    shares: dict[PatternName, float] = {name: found.score for name, found in known.items() if name != "uniform"}
    if not shares:
        return "Fits none of the patterns."
    best = max(shares, key=lambda name: shares[name])
    return (
        f"Fits none of the patterns; nearest: it {_PHRASES[best].format(share=_percent(shares[best])).split(' (')[0]}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
