"""Where what a token holds came from, through all layers below."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from playground.records.maps import AttentionKind
from playground.records.tokens import Token

FlowMethod = Literal["rollout", "flow"]


@dataclass(frozen=True)
class TokenFlow:
    """How much of each input token reaches one token, after each layer (Abnar & Zuidema 2020, arXiv 2005.00928).

    Row 0 is the input: 1 for the token itself. Rows of a rollout sum to 1; those of a flow do not, since each of
    its numbers is the most that could pass from one input token if nothing else did.
    """

    kind: AttentionKind
    method: FlowMethod
    token: int
    relevance: Float32[np.ndarray, "stage token"]  # 0 to 1
    tokens: tuple[Token, ...]
