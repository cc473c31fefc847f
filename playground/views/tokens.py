"""Tokens as lines of JSON for the chips of the page: it only grows while a run goes on, so little is sent twice."""

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from jaxtyping import Float32

from playground.records import Step, Token, TokenScore

PROMPT, SPECIAL, PARTIAL, READ, START, BY_HAND = 1, 2, 4, 8, 16, 32

# Where a part of the text begins: what it is called, and the number of its first token
Parts = Mapping[int, tuple[str, int]]
NO_PARTS: Parts = MappingProxyType({})


def chip_line(
    token: Token, probability: float | None, rank: int | None, flags: int = 0, part: tuple[str, int] | None = None
) -> str:
    """Return one chip: [id, exact text, label, probability, rank, flags], and what part begins with it, as a line.

    "<" is written as an escape, so that no layer between here and the page takes a token for markup.
    """
    flags |= SPECIAL * token.special | PARTIAL * token.partial
    values = [token.id, token.text, token.label, _rounded(probability), rank, flags, *([part] if part else [])]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c") + "\n"


def prompt_lines(tokens: Iterable[Token], parts: Parts = NO_PARTS, n_read: int = 0) -> str:
    """Return chips for a text that was given and whose probabilities are not known yet.

    n_read: tokens at the beginning that are read and never predicted: an encoder's, and a decoder's start token.
    """
    return "".join(_given_line(at, token, None, parts, n_read) for at, token in enumerate(tokens))


def scored_lines(
    scores: Sequence[TokenScore], tokens: Sequence[Token], parts: Parts = NO_PARTS, n_read: int = 0
) -> str:
    """Return chips for a text that was given, with what the model thought of each token.

    `tokens` are the tokens of the text itself, whose shares join to exactly what was typed; there may be more.
    """
    pairs = zip(tokens, scores, strict=False)
    return "".join(_given_line(at, token, score, parts, n_read) for at, (token, score) in enumerate(pairs))


def given_json(scores: Sequence[TokenScore]) -> str:
    """Return what the model thought of the first tokens of a text, for chips: [[id, probability, rank]].

    Both are None where nothing was predicted.
    """
    return json.dumps([[score.token.id, _rounded(score.probability), score.rank] for score in scores])


def _rounded(probability: float | None) -> float | None:
    return None if probability is None else float(f"{probability:.6g}")


def _given_line(at: int, token: Token, score: TokenScore | None, parts: Parts, n_read: int) -> str:
    is_start = 0 < at == n_read - 1 and at in parts
    flags = PROMPT | READ * (at < n_read) | START * is_start
    probability, rank = (None, None) if score is None else (score.probability, score.rank)
    return chip_line(token, probability, rank, flags, parts.get(at))


def step_lines(steps: Iterable[Step]) -> str:
    """Return chips for generated tokens; the probability is the model's own, before any filter."""
    return "".join(
        chip_line(step.token, step.chosen.raw_probability, step.rank, BY_HAND * step.by_hand) for step in steps
    )


def tint_of(weights: Float32[np.ndarray, " key"], looking: int, first: int = 0, *, causal: bool = True) -> str:
    """Return where one head looked, for the chips: JSON of {looking, first, causal, weights}.

    weights: of the tokens from `first` on; looking: the token that looked; causal: it could not see
    what comes after it.
    """
    rounded = [float(f"{weight:.3g}") for weight in weights]
    return json.dumps({"looking": looking, "first": first, "causal": causal, "weights": rounded})
