"""What a model would predict if it ended after one of its layers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int

from playground.records.tokens import Token

LensPart = Literal["input", "attention", "layer"]


N_POSITIONS = 24  # that are shown at a time: more names could not be read


def first_shown(position: int, n_tokens: int) -> int:
    """Return the first of the positions that are shown around one."""
    return max(0, min(position - N_POSITIONS // 2, n_tokens - N_POSITIONS))


@dataclass(frozen=True)
class LensStage:
    """A place on the way through the model: its input, behind a layer's attention, or behind a whole layer."""

    part: LensPart
    layer: int = 0


@dataclass(frozen=True)
class LogitLens:
    """The next-token candidates that the residual stream holds at each stage (nostalgebraist 2020).

    Read by the model's own final norm and unembedding; the last stage is the model's own prediction. Positions are
    those of `tokens` from `start` on; each predicts the token behind it.
    """

    tokens: tuple[Token, ...]  # all that the model reads on the side that writes
    start: int
    stages: tuple[LensStage, ...]
    candidates: tuple[tuple[tuple[Token, ...], ...], ...]  # [stage][position][candidate], best first
    probabilities: Float32[np.ndarray, "stage position candidate"]
    entropies_bits: Float32[np.ndarray, "stage position"]
    answer_ranks: Int[np.ndarray, "stage position"]  # 1 = likeliest: of what the model finally finds likeliest
    answer_probabilities: Float32[np.ndarray, "stage position"]
    following_probabilities: Float32[np.ndarray, "stage position"]  # of the next token; NaN behind the last
    parts_absent: str = ""  # why no stages behind attention can be shown; empty where they can
    is_tuned: bool = False  # whether each stage was first brought into the basis of the last (Belrose et al. 2023)

    @property
    def n_positions(self) -> int:
        """Positions that are shown."""
        return self.probabilities.shape[1]

    @property
    def answers(self) -> tuple[Token, ...]:
        """What the model finally finds likeliest, for each position."""
        return tuple(candidates[0] for candidates in self.candidates[-1])
