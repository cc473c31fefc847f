"""Tokens as lines of JSON for the chips of the page: it only grows while a run goes on, so little is sent twice."""

import json
from collections.abc import Iterable, Sequence

import numpy as np

from playground.records import Step, Token, TokenScore

PROMPT, SPECIAL, PARTIAL = 1, 2, 4


def chip_line(token: Token, probability: float | None, rank: int | None, flags: int = 0) -> str:
    """Return one chip: [id, exact text, label, probability, rank, flags], as a line.

    "<" is written as an escape, so that no layer between here and the page takes a token for markup.
    """
    flags |= SPECIAL * token.special | PARTIAL * token.partial
    rounded = None if probability is None else float(f"{probability:.6g}")
    values = [token.id, token.text, token.label, rounded, rank, flags]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c") + "\n"


def prompt_lines(tokens: Iterable[Token]) -> str:
    """Return chips for a prompt whose probabilities are not known yet."""
    return "".join(chip_line(token, None, None, PROMPT) for token in tokens)


def scored_lines(scores: Sequence[TokenScore], tokens: Sequence[Token]) -> str:
    """Return chips for a text that was given, with what the model thought of each token.

    `tokens` are the tokens of the text itself, whose shares join to exactly what was typed; there may be more.
    """
    return "".join(
        chip_line(token, score.probability, score.rank, PROMPT) for score, token in zip(scores, tokens, strict=False)
    )


def step_lines(steps: Iterable[Step]) -> str:
    """Return chips for generated tokens; the probability is the model's own, before any filter."""
    return "".join(chip_line(step.token, step.chosen.raw_probability, step.rank) for step in steps)


def tint_of(weights: np.ndarray, query: int) -> str:
    """Return where one head looked from `query`, for the chips: JSON of {query, weights}.

    weights: float32 [key]
    """
    return json.dumps({"query": query, "weights": [float(f"{weight:.3g}") for weight in weights]})
