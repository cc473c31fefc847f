"""What a model that reads both ways thinks could stand at the masks of a text."""

from dataclasses import dataclass

from playground.records.generation import Candidate
from playground.records.tokens import Token
from playground.records.words import Word


@dataclass(frozen=True)
class MaskPrediction:
    """What could stand at one mask, given all tokens before and behind it; the other masks stay masks.

    `probability` and `rank` (1 = most likely) are of what stood there before it was masked; None where the text was
    given with the mask.
    """

    place: int  # of the mask among the tokens
    candidates: tuple[Candidate, ...]  # the most likely ones, the likeliest first
    entropy_bits: float  # of the whole distribution
    given: Token | None = None
    probability: float | None = None
    rank: int | None = None


@dataclass(frozen=True)
class FillIn:
    """A text with masks, and what could stand at each.

    `given` are the tokens that the text had before words of it were masked, place by place, and `words` are theirs.
    """

    tokens: tuple[Token, ...]
    given: tuple[Token, ...]
    words: tuple[Word, ...]
    masks: tuple[MaskPrediction, ...]


@dataclass(frozen=True)
class Filling:
    """A mask that was filled: with what, and how sure the model was when its turn came."""

    place: int
    candidate: Candidate
