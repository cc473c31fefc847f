"""What a model is."""

import re
from dataclasses import dataclass
from typing import Literal

ModelKind = Literal["decoder", "encoder", "encoder-decoder"]

_SECRET = re.compile(r"#[0-9a-f]{32}\Z")


def shown_name(name: str) -> str:
    """Return a model's name as it is shown and exported: without what keeps a visitor's gated model their own."""
    return _SECRET.sub("", name)


@dataclass(frozen=True)
class ModelSpec:
    """Sizes and place of a loaded model.

    `context_length` is None where positions are not bounded; `n_kv_heads` is below `n_query_heads` where
    query heads share keys and values (grouped-query attention, Ainslie et al. 2023).
    """

    name: str
    kind: ModelKind
    architecture: str
    n_layers: int
    n_query_heads: int
    n_kv_heads: int
    d_model: int
    vocabulary_size: int
    context_length: int | None
    n_parameters: int
    dtype: str
    device: str


@dataclass(frozen=True)
class Placement:
    """Where a model was loaded, in which numbers, and why."""

    device: str
    dtype: str
    why_device: str
    why_dtype: str
