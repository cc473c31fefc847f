"""Which tokens of the input made a prediction, by the models in this process."""

import threading
from collections.abc import Iterator

from playground.backends.holding import holds_models
from playground.backends.local.models import LocalModels
from playground.records import Attribution, Baseline, TextIds


@holds_models()
class LocalAttribution(LocalModels):
    """Attributes predictions to tokens of the input."""

    def gradient_attribution(self, model: str, text: TextIds, token: int, baseline: Baseline) -> Attribution:
        """Return what one pass with its gradients tells of the prediction of a token, in about three passes' time.

        Of an encoder-decoder tokens are those of its target; of an encoder it is predicted under its mask.
        """
        return self._pool.get(model).gradient_attribution(text, token, baseline=baseline)

    def attribution(
        self, model: str, text: TextIds, token: int, baseline: Baseline, cancel: threading.Event
    ) -> Iterator[Attribution]:
        """Yield the attribution of the prediction of a token by all methods, more of it each time.

        Setting `cancel`, or closing the generator, ends it after what is being measured.
        """
        yield from self._pool.get(model).attribution(text, token, baseline, cancel=cancel)
