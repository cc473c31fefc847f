"""What goes on inside a language model, and what would without parts of it."""

import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from playground.analysis.embeddings import nearest_tokens, trace_tokens
from playground.analysis.head_importance import head_importance
from playground.analysis.logit_lens import ResidualStream, logit_lens, read_residuals
from playground.analysis.token_loss import token_loss, written_tokens
from playground.analysis.tuned_lens import ABSENT, TunedLens, own_tuned_lens, read_tuned_lens
from playground.analysis.what_if import MOST_WRITTEN, what_if, write_changed
from playground.attention.ranges import check_place
from playground.language_model.texts import GivenText, Reader, TextOrIds
from playground.records import (
    Change,
    ChangedKind,
    ChangedText,
    HeadImportance,
    HeadsOff,
    LogitLens,
    Neighbour,
    PlaygroundError,
    ReadText,
    TokenLoss,
    TokenPaths,
    WhatIf,
)


class Inside(Reader):
    """Looks inside a model while it reads a text."""

    def token_loss(
        self,
        text: GivenText,
        target: TextOrIds | None = None,
    ) -> TokenLoss:
        """Return the loss of each token given those before it, in nats; of an encoder-decoder, of its target's.

        Raises PlaygroundError where the text is too long, or the model predicts no token from those before it.
        """
        return token_loss(self.loaded, self._read_checked(text, target))

    def residuals(
        self,
        text: GivenText,
        target: TextOrIds | None = None,
    ) -> ResidualStream:
        """Run the model once and keep its residual stream, for `logit_lens` at several positions."""
        return read_residuals(self.loaded, self._read_checked(text, target))

    def logit_lens(
        self, stream: ResidualStream, position: int = 0, *, parts: bool = False, tuned: TunedLens | None = None
    ) -> LogitLens:
        """Return what the residual stream already holds of the next token, at the positions around `position`.

        parts: behind each layer's attention, too. tuned: read through these maps. Of an encoder-decoder positions are
        its target's. Raises PlaygroundError where the position is out of range.
        """
        position = check_place("position", position, len(stream.written))
        return logit_lens(self.loaded, stream, position, parts=parts, tuned=tuned)

    def tuned_lens(self, path: str | Path | None = None) -> TunedLens:
        """Read a tuned lens (Belrose et al. 2023) from a safetensors file, or the one that came with the model.

        Raises PlaygroundError where none came, or the file was made for another model.
        """
        return self._own_lens if path is None else read_tuned_lens(path, self.loaded)

    @cached_property
    def _own_lens(self) -> TunedLens:
        found = own_tuned_lens(self.loaded)
        if found is None:
            raise PlaygroundError(ABSENT.format(name=self.spec.name))
        return read_tuned_lens(found, self.loaded)

    @property
    def has_tuned_lens(self) -> bool:
        """Whether a tuned lens came with the model."""
        return own_tuned_lens(self.loaded) is not None

    def nearest_tokens(self, id: int, n: int = 10) -> tuple[Neighbour, ...]:
        """Return the tokens whose input embeddings are nearest to that of `id`, by the cosine of the angle.

        Raises PlaygroundError where there is no such token, or the model keeps no table of embeddings.
        """
        return nearest_tokens(self.loaded, id, n)

    def trace_tokens(self, stream: ResidualStream, places: Sequence[int], position: int = 0) -> TokenPaths:
        """Return the ways of the tokens at `places` through the layers, and the norms of the stream at `position`.

        Of an encoder-decoder places are its target's. Raises PlaygroundError where there is no such token, or where
        they are more than 20.
        """
        return trace_tokens(stream, places, position)

    def what_if(
        self,
        text: GivenText,
        token: int,
        change: Change,
        target: TextOrIds | None = None,
    ) -> WhatIf:
        """Return the prediction of `token`, and the losses of all, as they are and with a part switched off.

        Raises PlaygroundError for what there is not to switch off.
        """
        read = self._read_checked(text, target)
        return what_if(self.loaded, read, self._written_place(read, token), change)

    def write_changed(
        self,
        text: GivenText,
        token: int,
        change: Change,
        n_tokens: int = 20,
        cancel: threading.Event | None = None,
    ) -> ChangedText:
        """Return what is written greedily from the tokens before `token`, as it is and with a part switched off."""
        read = self._read_checked(text)
        if not 1 <= n_tokens <= MOST_WRITTEN:
            raise PlaygroundError(f"Write 1 to {MOST_WRITTEN} tokens, not {str(n_tokens)[:40]}.")
        place = self._written_place(read, token)
        return write_changed(self.loaded, read, place, change, n_tokens, cancel or threading.Event())

    def head_importance(
        self,
        text: GivenText,
        token: int,
        how: HeadsOff = "zero",
        kind: ChangedKind = "self",
        cancel: threading.Event | None = None,
    ) -> Iterator[HeadImportance]:
        """Yield how the log-probability of `token` changes with each head off, more heads each time."""
        read = self._read_checked(text)
        place = self._written_place(read, token)
        return head_importance(self.loaded, read, place, how, kind, cancel or threading.Event())

    def _written_place(self, read: ReadText, token: int) -> int:
        return check_place("token", token, len(written_tokens(self.loaded, read)))
