"""Which tokens of the input made a prediction."""

import threading
from collections.abc import Iterator

from playground.analysis.attribution import attribution, gradient_attribution
from playground.attention.ranges import check_place
from playground.language_model.texts import GivenText, Reader, TextOrIds
from playground.records import Attribution, Baseline, ReadText


class Attributes(Reader):
    """Attributes predictions to tokens of the input."""

    def gradient_attribution(
        self, text: GivenText, token: int, target: TextOrIds | None = None, baseline: Baseline = "mean"
    ) -> Attribution:
        """Return what one pass tells of the prediction of `token`: gradient x input, attention x gradient.

        Raises PlaygroundError where nothing predicts the token, and where gradients are not numbers.
        """
        read = self._read_checked(text, target)
        return gradient_attribution(self.loaded, read, self._predicted_place(read, token), baseline)

    def attribution(
        self,
        text: GivenText,
        token: int,
        baseline: Baseline = "mean",
        target: TextOrIds | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[Attribution]:
        """Yield the attribution of the prediction of `token` by all methods, more of it each time.

        baseline: what stands for a token that is left out, and where integrated gradients begin: the mean of all
        embeddings, or zero. Of an encoder `token` is predicted under its mask.
        """
        read = self._read_checked(text, target)
        place = self._predicted_place(read, token)
        return attribution(self.loaded, read, place, baseline, cancel or threading.Event())

    def _predicted_place(self, read: ReadText, token: int) -> int:
        written = read.target_tokens if self.spec.kind == "encoder-decoder" else read.tokens
        return check_place("token", token, max(1, len(written)))
