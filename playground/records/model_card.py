"""What there is to say of a loaded model: its sizes, how it was loaded and why, and under which licence it is."""

from dataclasses import dataclass
from typing import Literal

from playground.records.positions import PositionKind
from playground.records.spec import ModelSpec, Placement

Side = Literal["encoder", "decoder"]


@dataclass(frozen=True)
class StackSizes:
    """One stack of layers; a number that the configuration does not name is 0, of layers that differ the largest."""

    side: Side
    n_layers: int
    n_query_heads: int
    n_kv_heads: int  # below n_query_heads where query heads share keys and values
    d_head: int
    d_feed_forward: int
    n_experts: int = 0  # feed-forward networks of a layer, where a router chooses among several
    n_experts_used: int = 0  # for each token
    has_cross_attention: bool = False


@dataclass(frozen=True)
class ModelCard:
    """A model's sizes, place and licence."""

    spec: ModelSpec
    stacks: tuple[StackSizes, ...]  # the encoder before the decoder
    n_bytes: int  # of memory that weights and buffers take
    norm: str  # the kind of normalization: "LayerNorm", "RMSNorm"; empty where none was found
    positions: PositionKind | None  # None where the model tells places in a way that is not known here
    is_tied: bool  # the output uses the embeddings' weights
    placement: Placement | None  # None where the model was in memory already
    licence: str  # empty where it is not known
