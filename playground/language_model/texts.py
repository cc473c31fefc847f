"""A loaded model, and the texts that can be asked of it, in whatever form they are given."""

from playground.attention.interface import install
from playground.decoding.plan import check_context
from playground.models.loading import LoadedModel
from playground.models.reading import read_ids, read_text, start_tokens, tokens_of
from playground.records import (
    GenerationRecord,
    ModelSpec,
    PlaygroundError,
    ReadText,
    TextIds,
    Token,
)

TextOrIds = str | tuple[int, ...] | list[int]
GivenText = TextOrIds | GenerationRecord | TextIds


class Reader:
    """A transformers model with its tokenizer, which reads what it is asked of."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        install(loaded.model)

    @property
    def spec(self) -> ModelSpec:
        """What the model is: name, kind, sizes, dtype, device."""
        return self.loaded.spec

    def _tokens(self, text: TextOrIds, *, is_target: bool = False) -> tuple[Token, ...]:
        if isinstance(text, list | tuple):
            return tokens_of(self.loaded, text)
        return self.loaded.codec.encode(text, is_target=is_target)

    def _read(
        self,
        text: GivenText,
        target: TextOrIds | None,
        pair: str | None,
    ) -> ReadText:
        """Return what `attention` is asked of. Raises PlaygroundError for what the model has no second text for."""
        kind, name = self.spec.kind, self.spec.name
        if target is not None and kind != "encoder-decoder":
            raise PlaygroundError(f"{name} reads one text: a target is for encoder-decoders.")
        if pair is not None and (kind != "encoder" or not isinstance(text, str)):
            raise PlaygroundError(f"A pair is two sentences, both as text, for an encoder; {name} is of kind {kind}.")
        if isinstance(target, str) and not target.strip():
            raise PlaygroundError(
                "The target is empty: give what the model wrote, or should have written; without any target there is "
                "the encoder's attention alone."
            )
        if pair is not None:
            return read_text(self.loaded, str(text), pair)
        if isinstance(text, TextIds):
            return read_ids(self.loaded, text)
        if not isinstance(text, GenerationRecord):
            tokens, written = self._tokens(text), () if target is None else self._tokens(target, is_target=True)
        elif kind == "encoder-decoder":
            tokens, written = text.prompt_tokens, tuple(step.token for step in text.steps)
        else:
            tokens, written = text.tokens, ()
        return ReadText(tokens, (*start_tokens(self.loaded), *written) if written else ())

    def _read_checked(
        self,
        text: GivenText,
        target: TextOrIds | None = None,
        pair: str | None = None,
    ) -> ReadText:
        """Return what is asked of. Raises PlaygroundError where it does not fit the context."""
        read = self._read(text, target, pair)
        check_context(self.loaded, len(read.tokens))
        check_context(self.loaded, len(read.target_tokens), what="target")
        return read
