"""What goes on between the layers, and what parts of the model matter."""

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from playground.records import (
    AttentionExplains,
    Change,
    ChangedKind,
    ChangedText,
    Embeddings,
    HeadImportance,
    HeadsOff,
    LogitLens,
    TextIds,
    TokenLoss,
    WhatIf,
)


class LooksInside(Protocol):
    """Looks inside a model while it reads a text."""

    def token_loss(self, model: str, text: TextIds) -> TokenLoss:
        """Return the loss of each token given those before it; of an encoder-decoder, of its target's tokens."""
        ...

    def logit_lens(
        self, model: str, text: TextIds, position: int, *, parts: bool = False, tuned: bool = False
    ) -> LogitLens:
        """Return what the residual stream already holds of the next token, stage by stage, around a position.

        parts: behind each layer's attention, too. tuned: read through the tuned lens that came with the model. Of an
        encoder-decoder positions are those of its target.
        """
        ...

    def has_tuned_lens(self, model: str) -> bool:
        """Return whether a tuned lens came with the model."""
        ...

    def embeddings(self, model: str, text: TextIds, position: int, places: Sequence[int]) -> Embeddings:
        """Return what is near a token of the text in the vocabulary, and the ways of the tokens at `places`.

        Of an encoder-decoder positions are those of its target.
        """
        ...

    def what_if(self, model: str, text: TextIds, token: int, change: Change) -> WhatIf:
        """Return the prediction of a token, and the losses of all, as they are and with a part switched off.

        Of an encoder-decoder tokens are those of its target, here and in the following.
        """
        ...

    def write_changed(
        self, model: str, text: TextIds, token: int, change: Change, n_tokens: int, cancel: threading.Event
    ) -> ChangedText:
        """Return what is written greedily from the tokens before one, as it is and with a part switched off.

        Setting `cancel` ends it within one token.
        """
        ...

    def head_importance(
        self, model: str, text: TextIds, token: int, how: HeadsOff, kind: ChangedKind, cancel: threading.Event
    ) -> Iterator[HeadImportance]:
        """Yield how the log-probability of a token changes with each head off, more heads each time.

        Setting `cancel`, or closing the generator, ends it after the heads that are being measured.
        """
        ...

    def attention_explains(self, model: str, text: TextIds, importance: HeadImportance) -> AttentionExplains:
        """Return how strongly each head looks from where a token is predicted, and whether these heads matter."""
        ...
