"""A person's guess of the next token, beside the model's."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from playground.records.errors import PlaygroundError

LEAST_SURE, MOST_SURE = 0.01, 0.99


@dataclass(frozen=True)
class Guess:
    """What was guessed before the token was shown, and what came.

    A person who is `sure` of one token says by that: this one has probability `sure`, and of all the others none more
    than another. That is a distribution as the model's is, and both are judged by what came: by its surprisal.
    """

    text: str  # as it was typed
    sure: float
    is_right: bool
    guess_probability: float  # what the model gave the guess
    came: str  # label of the token that came
    came_probability: float  # what the model gave it, before any filter
    n_tokens: int  # size of the vocabulary

    @property
    def bits(self) -> float:
        """The person's surprisal at what came, in bits."""
        return -math.log2(self.sure if self.is_right else (1 - self.sure) / max(1, self.n_tokens - 1))

    @property
    def model_bits(self) -> float:
        """The model's surprisal at what came, in bits."""
        return -math.log2(self.came_probability) if self.came_probability > 0 else math.inf


def mean_bits(guesses: Sequence[Guess]) -> tuple[float, float]:
    """Return the mean surprisal of the person and of the model, in bits a token; of no guess 0."""
    n = max(1, len(guesses))
    return sum(guess.bits for guess in guesses) / n, sum(guess.model_bits for guess in guesses) / n


def checked_sureness(value: object) -> float:
    """Return how sure somebody is, from LEAST_SURE to MOST_SURE; PlaygroundError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not LEAST_SURE <= value <= MOST_SURE:
        raise PlaygroundError(f"How sure you are must be from {LEAST_SURE:.0%} to {MOST_SURE:.0%}.")
    return float(value)
