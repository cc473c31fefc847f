"""A model made smaller, and what that costs: its size, its speed, and how far it still says the same."""

from dataclasses import dataclass
from typing import Literal

from playground.records.comparison import ComparedRun
from playground.records.maps import HeadMap
from playground.records.what_if import ChangedKind

CompressionMethod = Literal[
    "float32",
    "bfloat16",
    "float16",
    "int8-dynamic",
    "int8",
    "int4",
    "magnitude",
    "heads",
    "shared",
    "dropped",
    "distilled",
    "student",
]
PrunedHead = tuple[ChangedKind, int, int]  # kind, layer, head

GROUPS = (16, 32, 64, 128)  # weights of a row that share one scale in int4
MOST_PERCENT = 95
MOST_DISTILLED = 500  # steps


@dataclass(frozen=True)
class Compression:
    """How a model is made smaller, and by how much. Layers have the model's own numbers."""

    method: CompressionMethod
    percent: float = 50  # magnitude: the smallest weights of every matrix that become zero
    group: int = 32  # int4: weights that share one scale
    n_heads: int = 1  # heads: how many of the least useful ones go
    heads: tuple[PrunedHead, ...] = ()  # heads: which these are, once they were ranked
    shared: tuple[tuple[int, int], ...] = ()  # shared: (layer, the layer whose weights it uses)
    layers: tuple[int, ...] = ()  # dropped
    steps: int = 100  # distilled: for how long the student is trained


@dataclass(frozen=True)
class ModelMeasures:
    """Size and speed of a model, and how well it predicts a text."""

    disk_bytes: int  # of one safetensors file
    packed_bytes: int  # the same with a bit for each weight and without those that are zero, where that is smaller
    memory_bytes: int  # weights and buffers
    n_weights: int  # numbers in them
    n_zero: int
    tokens_per_s: float  # NaN where it was not measured
    mean_nats: float  # the mean loss of the text; NaN of a single token
    perplexity: float


@dataclass(frozen=True)
class CompressedModel:
    """A compressed copy beside its original: measured in turns, on the same text, from the same prompt."""

    compression: Compression
    original: ModelMeasures
    compressed: ModelMeasures
    n_tokens: int  # next-token distributions that were compared
    n_left_out: int  # tokens at the end of the text that were not read
    divergence_nats: float  # mean Kullback-Leibler divergence of the copy's distributions from the original's
    agreement: float  # share of places where both find the same token likeliest
    runs: tuple[ComparedRun, ...]  # what the original and the copy wrote; empty where it was stopped before
    maps: tuple[HeadMap, HeadMap] | None  # of one head, the original's first
    maps_absent: str = ""  # why there are none


@dataclass(frozen=True)
class CompressionProgress:
    """How far a compression is."""

    doing: str
    done: int
    total: int
