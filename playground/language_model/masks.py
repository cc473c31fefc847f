"""What could stand at the masks of a text: for models that read both ways."""

from collections.abc import Sequence

from playground.analysis.fill_in import fill_masks, mask_places, predict_masks
from playground.language_model.texts import GivenText, Reader
from playground.records import FillIn, Filling, ReadText


class Masks(Reader):
    """Fills masks."""

    def mask(self, text: GivenText, places: Sequence[int], pair: str | None = None) -> ReadText:
        """Return a text with masks in place of the tokens at `places`, counted from 0 with the special ones.

        pair: a second sentence. Raises PlaygroundError where the model fills no masks, or there is no such token.
        """
        return mask_places(self.loaded, self._read_checked(text, None, pair).ids, places)

    def fill_in(self, text: GivenText, given: ReadText | None = None, pair: str | None = None) -> FillIn:
        """Return what could stand at each mask of a text, such as "The [MASK] sat on the mat.".

        given: the text before words of it were masked; what stood there then has its rank told. Raises PlaygroundError
        where the model fills no masks, or the text is too long.
        """
        return predict_masks(self.loaded, self._read_checked(text, None, pair), given)

    def fill_masks(self, text: GivenText, pair: str | None = None) -> tuple[Filling, ...]:
        """Return what every mask is filled with, in the order in which they are: the surest first.

        Raises PlaygroundError where the model fills no masks, there is none, or the text is too long.
        """
        return fill_masks(self.loaded, self._read_checked(text, None, pair))
