"""What was asked of a decoding, and every step that it took."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from jaxtyping import Float32

from playground.records.beams import BeamProgress, BeamTree
from playground.records.candidates import Candidate
from playground.records.errors import PlaygroundError
from playground.records.settings import GenerationSettings
from playground.records.tokens import Token

FinishReason = Literal["length", "end-of-text", "stop-string", "stopped", "context", "nothing-left", "memory", "paused"]


@dataclass(frozen=True)
class Funnel:
    """The distribution of one step after each filter, in the order in which they were applied.

    The first stage is the model's own distribution, the last one what the token was chosen from.
    """

    names: tuple[str, ...]
    n_kept: tuple[int, ...]  # candidates that are still possible after the stage
    # What the tokens that are left had before the stage: 1 where a stage removes nothing
    survived: tuple[float, ...]
    probabilities: Float32[np.ndarray, "stage candidate"] = field(compare=False)  # as Step.candidates


@dataclass(frozen=True)
class Draw:
    """How chance chose a token.

    torch.multinomial draws one waiting time for each token, exponentially distributed and the shorter the likelier
    the token, and takes the token that comes first. That race has the same law as one uniform number on the unit
    interval that the tokens divide: the winner's part of it, and within that part the place 1 - exp(-time), which is
    uniform and independent of who won, since the time of the first of all is exponential with rate 1.
    """

    time: float  # when the chosen token came, in units of the mean time of the first of all
    place: float  # 1 - exp(-time), in [0, 1): where in its part of the unit interval the mark stands
    times: Float32[np.ndarray, " candidate"] = field(compare=False)  # as Step.candidates; infinite for removed ones
    second: Candidate | None  # who would have come next, None where one candidate was left
    second_time: float


@dataclass(frozen=True)
class Step:
    """One token being chosen.

    `candidates` are the most likely ones by raw probability, best first, and the chosen one among them even
    where it is not (then last). `rank` is the chosen token's place by raw probability, 1 = most likely.
    """

    index: int
    chosen: Candidate
    rank: int
    candidates: Sequence[Candidate]
    entropy_bits: float  # of the raw distribution
    n_kept: int  # candidates that the filters left
    token: Token  # the chosen token, with its exact share of the text
    end_probability: float = 0.0  # of all ends of the text together, in the raw distribution
    funnel: Funnel | None = None  # None in a search: its distributions are those of many hypotheses
    draw: Draw | None = None  # None where nothing was left to chance
    by_hand: bool = False  # whoever sits at the page chose the token

    @property
    def log_probability(self) -> float:
        """Of the chosen token in the raw distribution, in nats."""
        return math.log(self.chosen.raw_probability) if self.chosen.raw_probability > 0 else -math.inf

    def choosing(self, id: int) -> "Step":
        """Return the step with another of its candidates chosen by hand.

        Raises PlaygroundError where there is no such candidate. Where the token's share of the text is more or less
        than the candidate's, a run that begins with the step puts that right.
        """
        if id == self.chosen.id:
            return self
        found = [place for place, candidate in enumerate(self.candidates) if candidate.id == id]
        if not found:
            raise PlaygroundError("That token is none of the candidates of this step: choose one that is shown.")
        chosen = self.candidates[found[0]]
        token = Token(chosen.id, chosen.text, chosen.label)
        return replace(self, chosen=chosen, rank=found[0] + 1, token=token, draw=None, by_hand=True)


@dataclass(frozen=True)
class GeneratedSequence:
    """One of several texts of a run. `score` is transformers' sequences_scores, where the texts were searched for."""

    token_ids: tuple[int, ...]
    text: str
    score: float | None


@dataclass(frozen=True)
class GenerationRecord:
    """A finished decoding, with everything that it went through."""

    model: str
    prompt: str
    settings: GenerationSettings
    text: str  # what was generated, without special tokens
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]  # generated, best beam first where there are several
    prompt_tokens: tuple[Token, ...]
    steps: tuple[Step, ...]
    finish_reason: FinishReason
    beam_tree: BeamTree | None
    duration_s: float
    sequences: tuple[GeneratedSequence, ...] = ()  # all that were asked for, this record's own first
    n_begun: int = 0  # of the steps, those that had been taken before, and from which it went on

    @property
    def written(self) -> tuple[Step, ...]:
        """The steps that this run took itself."""
        return self.steps[self.n_begun :]

    @property
    def perplexity(self) -> float:
        """How many tokens the model hesitated between on average: e to the mean surprisal in nats; 1 of nothing."""
        if not self.steps:
            return 1.0
        mean = -sum(step.log_probability for step in self.steps) / len(self.steps)
        return math.exp(mean) if mean < 700 else math.inf

    @property
    def ids(self) -> tuple[int, ...]:
        """Prompt and generated ids, in order."""
        return self.prompt_ids + self.token_ids

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Prompt and generated tokens, in order."""
        return (*self.prompt_tokens, *(step.token for step in self.steps))


GenerationEvent = Step | BeamProgress | GenerationRecord
