"""Activations of one text put into the reading of another, in the models of this process."""

import threading
from collections.abc import Iterator

from playground.backends.holding import holds_models
from playground.backends.local.models import LocalModels
from playground.records import PatchedPart, PatchedPrediction, PatchingMap, TextIds


@holds_models()
class LocalPatching(LocalModels):
    """Swaps activations between two texts."""

    def patching_map(
        self, model: str, text: TextIds, other: TextIds, token: int, part: PatchedPart, cancel: threading.Event
    ) -> Iterator[PatchingMap]:
        """Yield what each swap of an activation of `other` does to the prediction of a token, more swaps each time.

        Setting `cancel`, or closing the generator, ends it after the swaps that are being measured.
        """
        yield from self._pool.get(model).patching_map(text, other, token, part, cancel)

    def patched_prediction(
        self, model: str, text: TextIds, other: TextIds, token: int, part: PatchedPart, place: tuple[int, int]
    ) -> PatchedPrediction:
        """Return the prediction of a token with the activation of `other` at one (layer, position) swapped in."""
        return self._pool.get(model).patched_prediction(text, other, token, part, place)
