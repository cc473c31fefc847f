"""What was asked of a decoding, and every step that it took."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from playground.records.beams import BeamProgress, BeamTree
from playground.records.errors import PlaygroundError
from playground.records.tokens import Token

Strategy = Literal["greedy", "sample", "beam"]
FinishReason = Literal["length", "end-of-text", "stop-string", "stopped", "context"]

STRATEGIES: tuple[Strategy, ...] = ("greedy", "sample", "beam")


def _number(name: str, value: object, low: float, high: float, *, whole: bool) -> float | int:
    wanted = "a whole number" if whole else "a number"
    message = f"{name} must be {wanted} from {low:g} to {high:g}, not {str(value)[:40]!r}."
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PlaygroundError(message)
    if not math.isfinite(value) or (whole and value != int(value)) or not low <= value <= high:
        raise PlaygroundError(message)
    return int(value) if whole else float(value)


@dataclass(frozen=True)
class GenerationSettings:
    """How to decode; names and meaning are those of transformers' GenerationConfig.

    Raises PlaygroundError where a value is out of its range or of the wrong type. Values that the strategy
    does not use are checked too, and kept, so that changing the strategy loses nothing.
    """

    strategy: Strategy = "sample"
    temperature: float = 0.8
    top_k: int = 40  # 0 switches the filter off
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    num_beams: int = 4
    length_penalty: float = 1.0
    early_stopping: bool = False
    max_new_tokens: int = 64
    stop: tuple[str, ...] = ()
    seed: int = 7

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise PlaygroundError(f"strategy must be one of {', '.join(STRATEGIES)}, not {str(self.strategy)[:40]!r}.")
        bounds: dict[str, tuple[float, float, bool]] = {
            "temperature": (0.01, 100.0, False),
            "top_k": (0, 1_000_000, True),
            "top_p": (0.0, 1.0, False),
            "repetition_penalty": (0.01, 100.0, False),
            "num_beams": (1, 16, True),
            "length_penalty": (-10.0, 10.0, False),
            "max_new_tokens": (1, 100_000, True),
            "seed": (0, 2**63 - 1, True),
        }
        for name, (low, high, whole) in bounds.items():
            object.__setattr__(self, name, _number(name, getattr(self, name), low, high, whole=whole))
        if not isinstance(self.early_stopping, bool):
            raise PlaygroundError(f"early_stopping must be true or false, not {str(self.early_stopping)[:40]!r}.")
        stop = (self.stop,) if isinstance(self.stop, str) else self.stop
        if not isinstance(stop, list | tuple) or not all(isinstance(text, str) and text for text in stop):
            raise PlaygroundError("stop must be a list of texts that are not empty.")
        if len(stop) > 16 or any(len(text) > 200 for text in stop):
            raise PlaygroundError("stop takes at most 16 texts of at most 200 characters.")
        object.__setattr__(self, "stop", tuple(stop))


class Candidate(NamedTuple):
    """A token that could come next; a named tuple, since fifty are made for every token that is written.

    `raw_probability` is the softmax of the model's logits; `probability` is what was left after every filter
    (penalty, temperature, top-k, top-p), 0 where a filter removed it.
    """

    id: int
    text: str
    label: str
    raw_probability: float
    probability: float


@dataclass(frozen=True)
class Step:
    """One token being chosen.

    `candidates` are the most likely ones by raw probability, best first, and the chosen one among them even
    where it is not (then last). `rank` is the chosen token's place by raw probability, 1 = most likely.
    """

    index: int
    chosen: Candidate
    rank: int
    candidates: tuple[Candidate, ...]
    entropy_bits: float  # of the raw distribution
    n_kept: int  # candidates that the filters left
    token: Token  # the chosen token, with its exact share of the text


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

    @property
    def ids(self) -> tuple[int, ...]:
        """Prompt and generated ids, in order."""
        return self.prompt_ids + self.token_ids

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Prompt and generated tokens, in order."""
        return (*self.prompt_tokens, *(step.token for step in self.steps))


GenerationEvent = Step | BeamProgress | GenerationRecord
