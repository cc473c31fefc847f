"""Masks in a text, and what the models in this process think could stand there."""

from collections.abc import Sequence

from playground.backends.holding import holds_models
from playground.backends.local.models import LocalModels
from playground.models.reading import read_ids
from playground.records import FillIn, Filling, ReadText, TextIds


@holds_models()
class LocalMasks(LocalModels):
    """Fills masks, by models that read both ways."""

    def mask(self, model: str, text: TextIds, places: Sequence[int]) -> ReadText:
        """Return a text with masks in place of some of its tokens."""
        return self._pool.get(model).mask(text, places)

    def read_ids(self, model: str, text: TextIds) -> ReadText:
        """Return the tokens of a text that is named by its ids."""
        return read_ids(self._pool.get(model).loaded, text)

    def fill_in(self, model: str, text: TextIds, given: ReadText) -> FillIn:
        """Return what could stand at each mask of a text; `given` is the text before words of it were masked."""
        return self._pool.get(model).fill_in(text, given)

    def fill_masks(self, model: str, text: TextIds) -> tuple[Filling, ...]:
        """Return what every mask is filled with, the surest first, so that the others are read with it."""
        return self._pool.get(model).fill_masks(text)
