"""Which tokens of the input made a prediction."""

import threading
from collections.abc import Iterator
from typing import Protocol

from playground.records import Attribution, Baseline, TextIds


class Attributes(Protocol):
    """Attributes predictions to tokens of the input."""

    def gradient_attribution(self, model: str, text: TextIds, token: int, baseline: Baseline) -> Attribution:
        """Return what one pass with its gradients tells of the prediction of a token, in about three passes' time.

        Of an encoder-decoder tokens are those of its target; of an encoder it is predicted under its mask.
        """
        ...

    def attribution(
        self, model: str, text: TextIds, token: int, baseline: Baseline, cancel: threading.Event
    ) -> Iterator[Attribution]:
        """Yield the attribution of the prediction of a token by all methods, more of it each time.

        Setting `cancel`, or closing the generator, ends it after what is being measured.
        """
        ...
