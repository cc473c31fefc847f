"""Vectors of tokens: what is near one in the vocabulary, and how those of a text move through the layers."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from playground.records.logit_lens import LensStage
from playground.records.tokens import Token

MOST_PATHS = 20


@dataclass(frozen=True)
class Neighbour:
    """A token of the vocabulary and the cosine of the angle between its input embedding and another's."""

    token: Token
    cosine: float


@dataclass(frozen=True)
class TokenPaths:
    """The vectors of some tokens of a text through the layers, seen in two dimensions.

    The picture is that of the two principal components of exactly these vectors, each scaled to length 1: norms grow
    through the layers, and what a layer reads is the direction. `norms` are those of the residual stream before that.
    """

    places: tuple[int, ...]  # of the tokens in the text
    tokens: tuple[Token, ...]  # those at these places
    stages: tuple[LensStage, ...]  # the input, then behind each layer
    points: Float32[np.ndarray, "stage token 2"]
    explained: tuple[float, float]  # what share of the variance each component has
    position: int  # whose norms are told
    norms: Float32[np.ndarray, " stage"]


@dataclass(frozen=True)
class Embeddings:
    """A token's neighbours, and the paths of the tokens of its text; absent: why there are no paths."""

    token: Token
    neighbours: tuple[Neighbour, ...]  # the nearest first
    paths: TokenPaths | None
    absent: str = ""
