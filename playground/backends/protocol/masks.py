"""Masks in a text, and what could stand there."""

from collections.abc import Sequence
from typing import Protocol

from playground.records import FillIn, Filling, ReadText, TextIds


class FillsMasks(Protocol):
    """Fills masks, by models that read both ways."""

    def mask(self, model: str, text: TextIds, places: Sequence[int]) -> ReadText:
        """Return a text with masks in place of some of its tokens."""
        ...

    def read_ids(self, model: str, text: TextIds) -> ReadText:
        """Return the tokens of a text that is named by its ids."""
        ...

    def fill_in(self, model: str, text: TextIds, given: ReadText) -> FillIn:
        """Return what could stand at each mask of a text; `given` is the text before words of it were masked."""
        ...

    def fill_masks(self, model: str, text: TextIds) -> tuple[Filling, ...]:
        """Return what every mask is filled with, the surest first, so that the others are read with it."""
        ...
