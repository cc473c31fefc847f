"""Activations of one text put into the reading of another."""

import threading
from collections.abc import Iterator
from typing import Protocol

from playground.records import PatchedPart, PatchedPrediction, PatchingMap, TextIds


class Patches(Protocol):
    """Swaps activations between two texts."""

    def patching_map(
        self, model: str, text: TextIds, other: TextIds, token: int, part: PatchedPart, cancel: threading.Event
    ) -> Iterator[PatchingMap]:
        """Yield what each swap of an activation of `other` does to the prediction of a token, more swaps each time.

        Setting `cancel`, or closing the generator, ends it after the swaps that are being measured.
        """
        ...

    def patched_prediction(
        self, model: str, text: TextIds, other: TextIds, token: int, part: PatchedPart, place: tuple[int, int]
    ) -> PatchedPrediction:
        """Return the prediction of a token with the activation of `other` at one (layer, position) swapped in."""
        ...
