"""Several runs side by side: what is measured of each text, and how often a continuation comes."""

from dataclasses import dataclass

from playground.records.generation import GenerationRecord


@dataclass(frozen=True)
class TextMetrics:
    """What is measured of one generated text; None where it is too short for it."""

    n_tokens: int
    distinct_1: float | None  # different tokens per token, 0 to 1
    distinct_2: float | None  # different pairs per token, 0 to 1
    repetition: float | None  # share of sequences of four tokens that had come before, 0 to 1
    surprisal_bits: float | None  # mean over the tokens, by the model alone
    duration_s: float


@dataclass(frozen=True)
class ComparedRun:
    """A run among others: its text measured, and the tokens that the first run does not have there."""

    record: GenerationRecord
    metrics: TextMetrics
    differs: tuple[bool, ...]  # of each generated token


@dataclass(frozen=True)
class Continuation:
    """One of the texts that came when the same was asked several times."""

    text: str
    count: int
    share: float  # of all runs, 0 to 1
    probability: float  # of its tokens by the model and the filters: the share that is to be expected in the long run
