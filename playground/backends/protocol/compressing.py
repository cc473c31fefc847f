"""Models made smaller, and what it costs to run them."""

import threading
from collections.abc import Iterator
from typing import Protocol

from playground.records import (
    AttentionKind,
    CompressedModel,
    Compression,
    CompressionProgress,
    GenerationSettings,
    HeadMap,
    ModelCost,
    Speed,
    TextIds,
)


class Compresses(Protocol):
    """Compresses copies of a model, which itself stays as it is."""

    def compare_compressed(
        self,
        model: str,
        text: TextIds,
        compression: Compression,
        *,
        prompt: str,
        settings: GenerationSettings,
        head: tuple[AttentionKind, int, int] | None,
        cancel: threading.Event,
    ) -> Iterator[CompressionProgress | CompressedModel]:
        """Yield how far it is, and last a compressed copy beside the model.

        prompt, settings: what both write from. head: kind, layer and head whose maps are kept. Setting `cancel` ends it
        soon, without a result.
        """
        ...

    def compressed_maps(
        self, model: str, text: TextIds, compression: Compression, head: tuple[AttentionKind, int, int]
    ) -> tuple[HeadMap, HeadMap]:
        """Return one head's map in the model and in a compressed copy of it."""
        ...

    def has_student(self, model: str) -> bool:
        """Return whether a distilled student came with the model."""
        ...

    def cost(self, model: str) -> ModelCost:
        """Return what a model computes, reads and keeps for each token."""
        ...

    def measure_speed(self, model: str, text: TextIds, cancel: threading.Event) -> Iterator[Speed]:
        """Yield how fast a model writes behind a text, after each of a few rounds. Setting `cancel` ends it soon."""
        ...
