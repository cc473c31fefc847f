"""What it costs to let a model write: operations, bytes, seconds, and money."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Speed:
    """How fast a model writes one text at a time, as it was measured: the medians over some rounds."""

    tokens_per_s: float  # after the first token
    first_token_s: float  # from the text to the first token
    n_tokens: int  # of the text
    n_rounds: int
