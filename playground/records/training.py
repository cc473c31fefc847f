"""Training a copy of a model: what is asked for, what it takes, and what came of it."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from playground.records.errors import PlaygroundError
from playground.records.settings import checked_number

TrainingMethod = Literal["auto", "full", "lora"]
TrainingState = Literal["running", "done", "stopped", "diverged"]

METHODS: tuple[TrainingMethod, ...] = ("auto", "full", "lora")
MOST_STEPS, MOST_BATCH, SHORTEST_SEQUENCE, LONGEST_SEQUENCE = 500, 16, 8, 256
MOST_TRAINED_TOKENS = 4096
MOST_TRAINED_CHARACTERS = 20_000

_BOUNDS: dict[str, tuple[float, float, bool]] = {  # lowest, highest, whole numbers only
    "n_steps": (1, MOST_STEPS, True),
    "learning_rate": (1e-8, 1e6, False),
    "batch_size": (1, MOST_BATCH, True),
    "sequence_length": (SHORTEST_SEQUENCE, LONGEST_SEQUENCE, True),
}


@dataclass(frozen=True)
class TrainingSettings:
    """How to train: AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) with torch's defaults but for these.

    Each step reads the next `batch_size` sequences of the text, from its beginning again where it ends. Raises
    PlaygroundError where a value is out of its range.
    """

    n_steps: int = 1
    learning_rate: float = 3e-4
    batch_size: int = 4
    sequence_length: int = 64  # tokens

    def __post_init__(self) -> None:
        for name, (low, high, whole) in _BOUNDS.items():
            object.__setattr__(self, name, checked_number(name, getattr(self, name), low, high, whole=whole))


def check_method(method: object) -> None:
    """Raise PlaygroundError for a method that there is not."""
    if method not in METHODS:
        raise PlaygroundError(f"method must be one of {', '.join(METHODS)}, not {str(method)[:40]!r}.")


@dataclass(frozen=True)
class TrainingPlan:
    """How a copy of a model would be trained, and the memory that it takes."""

    model: str
    method: Literal["full", "lora"]
    why: str  # this method
    n_parameters: int  # of the model
    n_trained: int  # parameters that change
    n_bytes: int  # for all of it but what a batch needs on its way
    room_bytes: int  # that there are


@dataclass(frozen=True)
class Training:
    """How far a training is. Losses are means over predicted tokens, in nats; steps count from the untrained copy.

    `losses_nats[step]` is the loss of the step's sequences before its update, `gradient_norms[step]` the length of the
    whole gradient, `part_norms[part]` that of each part in the last step.
    """

    state: TrainingState
    n_wanted: int  # steps, with those of earlier trainings
    losses_nats: Float32[np.ndarray, " step"]
    gradient_norms: Float32[np.ndarray, " step"]
    parts: tuple[str, ...]  # the layers, and what stands around them
    part_norms: Float32[np.ndarray, " part"]
    loss_after_nats: float  # of the last step's sequences after its update; NaN until the training has ended
    n_sequences: int  # in the text
    n_tokens: int  # in the text
    duration_s: float

    @property
    def n_done(self) -> int:
        """Steps that were taken."""
        return len(self.losses_nats)


@dataclass(frozen=True)
class TrainedLoss:
    """The mean loss of a text that is trained on, in nats a predicted token."""

    mean_nats: float
    n_predicted: int

    @property
    def perplexity(self) -> float:
        """E to the mean loss."""
        return math.exp(self.mean_nats) if self.mean_nats < 700 else math.inf
