"""Activations of one text put into the reading of another."""

import threading
from collections.abc import Iterator

from playground.analysis.patching import patched_prediction, patching_map
from playground.analysis.token_loss import written_tokens
from playground.attention.ranges import check_place
from playground.language_model.texts import Reader
from playground.records import PatchedPart, PatchedPrediction, PatchingMap, ReadText, TextIds


class Patches(Reader):
    """Swaps activations between two texts."""

    def patching_map(
        self,
        text: TextIds,
        other: TextIds,
        token: int,
        part: PatchedPart = "layer",
        cancel: threading.Event | None = None,
    ) -> Iterator[PatchingMap]:
        """Yield what each swap of an activation of `other` does to the prediction of `token`, more each time.

        other: as many tokens as stand before `token`, or as the whole text; of an encoder-decoder another target.
        Raises PlaygroundError for texts of different length, and where the model's parts cannot be swapped.
        """
        read, second = self._read_checked(text), self._read_checked(other)
        return patching_map(self.loaded, read, second, self._place(read, token), part, cancel or threading.Event())

    def patched_prediction(
        self, text: TextIds, other: TextIds, token: int, part: PatchedPart, place: tuple[int, int]
    ) -> PatchedPrediction:
        """Return the prediction of `token` with the activation of `other` at one (layer, position) swapped in."""
        read, second = self._read_checked(text), self._read_checked(other)
        return patched_prediction(self.loaded, read, second, self._place(read, token), part, place)

    def _place(self, read: ReadText, token: int) -> int:
        return check_place("token", token, len(written_tokens(self.loaded, read)))
