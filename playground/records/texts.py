"""A text as a model reads it: one, the two of an encoder-decoder, or the two sentences of an encoder."""

from dataclasses import dataclass

from playground.records.tokens import Token


@dataclass(frozen=True)
class TextIds:
    """What names a text: the ids of its tokens. Encoding a text anew need not give the ids it was generated as."""

    ids: tuple[int, ...]  # of an encoder-decoder: the source
    target_ids: tuple[int, ...] = ()  # what an encoder-decoder wrote, without the token that its decoder starts with
    type_ids: tuple[int, ...] = ()  # the sentence of each token, for models that are told; else empty
    second_at: int = 0  # where the second sentence begins; 0 where there is one only


@dataclass(frozen=True)
class ReadText:
    """The tokens of a text; those of its parts join to exactly what was typed."""

    tokens: tuple[Token, ...]
    target_tokens: tuple[Token, ...] = ()  # of an encoder-decoder: the start token, and what was written
    type_ids: tuple[int, ...] = ()
    second_at: int = 0
    n_left_out: int = 0  # tokens beyond what the model reads, that were cut off

    @property
    def ids(self) -> TextIds:
        """What names this text."""
        source, target = (tuple(token.id for token in side) for side in (self.tokens, self.target_tokens))
        return TextIds(source, target[1:], self.type_ids, self.second_at)
