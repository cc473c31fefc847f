"""What goes on inside the models in this process."""

import threading
from collections.abc import Iterator, Sequence

from playground.analysis.head_importance import compare_with_attention
from playground.attention.ranges import check_place
from playground.backends.holding import holds_models
from playground.backends.local.models import LocalModels
from playground.models.reading import read_ids
from playground.records import (
    AttentionExplains,
    AttentionKind,
    Change,
    ChangedKind,
    ChangedText,
    Embeddings,
    HeadImportance,
    HeadsOff,
    LogitLens,
    PlaygroundError,
    TextIds,
    TokenLoss,
    WhatIf,
)


@holds_models()
class LocalInside(LocalModels):
    """Looks inside a model while it reads a text."""

    def token_loss(self, model: str, text: TextIds) -> TokenLoss:
        """Return the loss of each token given those before it; of an encoder-decoder, of its target's tokens."""
        return self._pool.get(model).token_loss(text)

    def logit_lens(
        self, model: str, text: TextIds, position: int, *, parts: bool = False, tuned: bool = False
    ) -> LogitLens:
        """Return what the residual stream already holds of the next token, stage by stage, around a position.

        parts: behind each layer's attention, too. tuned: read through the tuned lens that came with the model. Of an
        encoder-decoder positions are those of its target.
        """
        language_model = self._pool.get(model)
        stream = self._kept.get((model, text), lambda: language_model.residuals(text))
        lens = language_model.tuned_lens() if tuned else None
        return language_model.logit_lens(stream, position, parts=parts, tuned=lens)

    def has_tuned_lens(self, model: str) -> bool:
        """Return whether a tuned lens came with the model."""
        return self._pool.get(model).has_tuned_lens

    def embeddings(self, model: str, text: TextIds, position: int, places: Sequence[int]) -> Embeddings:
        """Return what is near a token of the text in the vocabulary, and the ways of the tokens at `places`.

        Of an encoder-decoder positions are those of its target.
        """
        lm = self._pool.get(model)
        read = read_ids(lm.loaded, text)
        tokens = read.target_tokens or read.tokens
        token = tokens[check_place("position", position, len(tokens))]
        near = lm.nearest_tokens(token.id)
        try:
            stream = self._kept.get((model, text), lambda: lm.residuals(text))
            return Embeddings(token, near, lm.trace_tokens(stream, places, position))
        except PlaygroundError as error:
            return Embeddings(token, near, None, str(error))

    def what_if(self, model: str, text: TextIds, token: int, change: Change) -> WhatIf:
        """Return the prediction of a token, and the losses of all, as they are and with a part switched off.

        Of an encoder-decoder tokens are those of its target, here and in the following.
        """
        return self._pool.get(model).what_if(text, token, change)

    def write_changed(
        self, model: str, text: TextIds, token: int, change: Change, n_tokens: int, cancel: threading.Event
    ) -> ChangedText:
        """Return what is written greedily from the tokens before one, as it is and with a part switched off.

        Setting `cancel` ends it within one token.
        """
        return self._pool.get(model).write_changed(text, token, change, n_tokens, cancel)

    def head_importance(
        self, model: str, text: TextIds, token: int, how: HeadsOff, kind: ChangedKind, cancel: threading.Event
    ) -> Iterator[HeadImportance]:
        """Yield how the log-probability of a token changes with each head off, more heads each time.

        Setting `cancel`, or closing the generator, ends it after the heads that are being measured.
        """
        yield from self._pool.get(model).head_importance(text, token, how, kind, cancel)

    def attention_explains(self, model: str, text: TextIds, importance: HeadImportance) -> AttentionExplains:
        """Return how strongly each head looks from where a token is predicted, and whether these heads matter."""
        kind: AttentionKind = "decoder" if text.target_ids and importance.kind == "self" else importance.kind
        rows = self._attention(model, text).rows(importance.token - 1, kind)
        return compare_with_attention(importance, rows)
