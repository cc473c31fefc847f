"""Text to tokens and back, without losing a character."""

import codecs
import json
from itertools import accumulate
from typing import Any, Protocol

from playground.records import PlaygroundError, ReadText, Token

MAX_CHARACTERS = 100_000
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def check_text(text: object) -> str:
    """Return `text` if it can be read; NUL, right-to-left, combining characters and HTML are ordinary text.

    Raises PlaygroundError where it is no text, is blank, holds a lone surrogate, or is too long.
    """
    if not isinstance(text, str):
        raise PlaygroundError(f"The text must be a text, not {type(text).__name__}.")
    if not text.strip():
        raise PlaygroundError("Type a few words first.")
    if len(text) > MAX_CHARACTERS:
        raise PlaygroundError(f"The text has {len(text):,} characters; at most {MAX_CHARACTERS:,} can be read.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PlaygroundError(
            f"Character {error.start + 1} of the text is half of a character (a lone surrogate, "
            f"U+{ord(text[error.start]):04X}): remove it."
        ) from None
    return text


class IncrementalDecoder(Protocol):
    """Turns ids into tokens as they come."""

    def push(self, id: int) -> Token:
        """Return the next token, with the text that it completes."""
        ...

    def finish(self) -> str:
        """Return what is left of a text that ended within a character: replacement characters, or nothing."""
        ...


class TokenCodec:
    """Turns text into tokens and ids into tokens, for one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        added = getattr(tokenizer, "added_tokens_decoder", {})
        self.special_ids = frozenset(id for id, token in added.items() if token.special)
        self.special_ids |= frozenset(tokenizer.all_special_ids)
        decoders = _component_types(getattr(tokenizer, "backend_tokenizer", None))
        self.is_byte_level = "ByteLevel" in decoders
        self._has_byte_fallback = "ByteFallback" in decoders
        self._candidates: dict[int, tuple[str, str]] = {}
        self._bytes: dict[int, bytes | None] = {}
        self._anchor = self._find_anchor()

    def encode(self, text: str, *, is_target: bool = False) -> tuple[Token, ...]:
        """Return the tokens of `text`; their texts joined are `text`.

        They are what the model reads or, with `is_target`, would write. Tokens that the tokenizer adds have an
        empty text. Raises PlaygroundError as check_text does, and where nothing of the text is left to read.
        """
        check_text(text)
        side = "text_target" if is_target else "text"
        if not getattr(self.tokenizer, "is_fast", False):  # no offsets: the text as decoding gives it back
            ids = self.tokenizer(**{side: text})["input_ids"]
            return self.tokens(ids)
        encoding = self.tokenizer(
            **{side: text},
            return_offsets_mapping=True,
            return_attention_mask=False,
            verbose=False,  # a text beyond the context is refused later, with the numbers
        )
        ids, offsets = encoding["input_ids"], encoding["offset_mapping"]
        if not ids:
            raise PlaygroundError("The model's tokenizer finds nothing in this text that it can read.")
        shares = share_text(text, offsets)
        return tuple(self._token(id, share) for id, share in zip(ids, shares, strict=True))

    def encode_pair(self, text: str, second: str) -> ReadText:
        """Return two sentences as the tokenizer joins them, with its special tokens and types of tokens.

        Each sentence's tokens join to it, as of `encode`. Raises PlaygroundError as check_text does.
        """
        check_text(text)
        check_text(second)
        if not getattr(self.tokenizer, "is_fast", False):
            encoding = self.tokenizer(text, second)
            types = tuple(encoding.get("token_type_ids") or ())
            return ReadText(self.tokens(encoding["input_ids"]), (), types, types.index(1) if 1 in types else 0)
        encoding = self.tokenizer(text, second, return_offsets_mapping=True, return_attention_mask=False, verbose=False)
        ids, offsets, sides = encoding["input_ids"], encoding["offset_mapping"], encoding.sequence_ids(0)
        shares = [""] * len(ids)
        places = [[place for place, side in enumerate(sides) if side == wanted] for wanted in (0, 1)]
        if not all(places):
            raise PlaygroundError("The model's tokenizer finds nothing in one of the sentences that it can read.")
        for sentence, of_sentence in zip((text, second), places, strict=True):
            found = share_text(sentence, [offsets[place] for place in of_sentence])
            for place, share in zip(of_sentence, found, strict=True):
                shares[place] = share
        tokens = tuple(self._token(id, share) for id, share in zip(ids, shares, strict=True))
        return ReadText(tokens, (), tuple(encoding.get("token_type_ids") or ()), places[1][0])

    def tokens(self, ids: list[int] | tuple[int, ...]) -> tuple[Token, ...]:
        """Return the tokens of `ids`; their texts joined are `decode(ids)`. Special tokens have an empty text.

        Where bytes make no character, tokenizers of the SentencePiece kind may show another number of U+FFFD.
        """
        decoder = self.incremental()
        tokens = [decoder.push(id) for id in ids]
        rest = decoder.finish()
        if rest and tokens:
            tokens[-1] = with_rest(tokens[-1], rest)
        return tuple(tokens)

    def incremental(self, prefix: tuple[int, ...] = ()) -> IncrementalDecoder:
        """Return a decoder for tokens that continue `prefix`, of which it gives nothing back."""
        if self.is_byte_level:
            return _ByteDecoder(self)
        return _WindowDecoder(self, prefix)

    def decode(self, ids: list[int] | tuple[int, ...]) -> str:
        """Return the text of `ids`, without special tokens."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def candidate_text(self, id: int) -> tuple[str, str]:
        """Return text and label of a token in the middle of a text; a special or partial one has no text."""
        found = self._candidates.get(id)
        if found is None:
            found = self._candidates[id] = self._candidate_text(id)
        return found

    def token_bytes(self, id: int) -> bytes | None:
        """Return the bytes that a token stands for, None where its tokenizer does not work on bytes."""
        if id not in self._bytes:
            self._bytes[id] = self._token_bytes(id)
        return self._bytes[id]

    def _token_bytes(self, id: int) -> bytes | None:
        name = self.tokenizer.convert_ids_to_tokens(id)
        if name is None:
            return b"" if self.is_byte_level else None
        if self.is_byte_level:
            try:
                return bytes(_BYTE_OF[character] for character in name)
            except KeyError:  # an added token, kept as it is
                return name.encode()
        if self._has_byte_fallback and len(name) == 6 and name.startswith("<0x") and name.endswith(">"):
            return bytes([int(name[3:5], 16)])
        return None

    def partial_label(self, id: int) -> str | None:
        """Return `⟨E4 B8⟩` for a token whose bytes are not whole characters, else None."""
        data = self.token_bytes(id)
        if not data:
            return None
        try:
            data.decode()
        except UnicodeDecodeError:
            return f"⟨{data.hex(' ').upper()}⟩"
        return None

    def _candidate_text(self, id: int) -> tuple[str, str]:
        if id in self.special_ids:
            return "", self._name(id)
        if (partial := self.partial_label(id)) is not None:
            return "", partial
        if self.is_byte_level:
            text = (self.token_bytes(id) or b"").decode()
        else:
            # Alone, a token loses the space in front of it: decode it behind another one
            alone, both = self.decode([self._anchor]), self.decode([self._anchor, id])
            text = both.removeprefix(alone) if both.startswith(alone) else self.decode([id])
        return text, text or self._name(id)

    def _token(self, id: int, text: str) -> Token:
        special = id in self.special_ids
        if special:
            return Token(id, text, self._name(id), special=True)
        if (partial := self.partial_label(id)) is not None:
            return Token(id, text, partial, partial=True)
        return Token(id, text, text or self._name(id))

    def _name(self, id: int) -> str:
        return self.tokenizer.convert_ids_to_tokens(id) or f"⟨{id}⟩"  # a model may have more rows than its tokenizer

    def _find_anchor(self) -> int:
        ids = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        ordinary = [id for id in ids if id not in self.special_ids]
        return ordinary[-1] if ordinary else 0


def share_text(text: str, offsets: list[tuple[int, int]]) -> list[str]:
    """Divide `text` among tokens by the spans of characters that each one touches; joined the shares are `text`.

    A character that several tokens touch goes to the last of them, one that none touches to the token after it,
    and the rest to the last token that touches anything.
    """
    touching = [index for index, (start, end) in enumerate(offsets) if end > start] or [len(offsets) - 1]
    shares = [""] * len(offsets)
    # A token's share ends where any later token starts: reversed running minimum
    starts = [offsets[index][0] for index in touching[1:]] + [len(text)]
    latest_ends = list(accumulate(reversed(starts), min))[::-1]
    cursor = 0
    for index, latest_end in zip(touching, latest_ends, strict=True):
        end = len(text) if index == touching[-1] else max(cursor, min(offsets[index][1], latest_end))
        shares[index] = text[cursor:end]
        cursor = end
    return shares


def with_rest(token: Token, rest: str) -> Token:
    """Return the last token of a text that ended within a character, with the replacement characters for it."""
    return Token(token.id, token.text + rest, token.label, token.special, token.partial)


class _ByteDecoder:
    """For byte-level tokenizers: every token is some bytes, and UTF-8 says when a character is complete."""

    def __init__(self, codec: TokenCodec) -> None:
        self._codec = codec
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, id: int) -> Token:
        if id in self._codec.special_ids:
            return self._codec._token(id, "")
        return self._codec._token(id, self._utf8.decode(self._codec.token_bytes(id) or b""))

    def finish(self) -> str:
        return self._utf8.decode(b"", final=True)


class _WindowDecoder:
    """For all others: what decoding a window of the last tokens gives more than it gave without the newest.

    Tokens that stand for a byte are put together here: the tokenizer's own decoder gives up a whole run of them
    where one is wrong, which would take back text that has been given.
    """

    def __init__(self, codec: TokenCodec, prefix: tuple[int, ...]) -> None:
        self._codec = codec
        self._ids = [id for id in prefix[-_WINDOW:] if id not in codec.special_ids]
        self._given = len(self._ids)  # ids whose text has been given
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, id: int) -> Token:
        if id in self._codec.special_ids:
            return self._codec._token(id, "")
        data = self._codec.token_bytes(id)
        self._ids.append(id)
        if data is not None:
            text = self._utf8.decode(data)
        else:
            before, after = self._decode_window()
            if after.endswith(REPLACEMENT) or not after.startswith(before):  # within a character
                return self._codec._token(id, "")
            text = self._utf8.decode(b"", final=True) + after[len(before) :]
        self._ids = self._ids[-_WINDOW:]
        self._given = len(self._ids)
        return self._codec._token(id, text)

    def finish(self) -> str:
        before, after = self._decode_window()
        return self._utf8.decode(b"", final=True) + after.removeprefix(before)

    def _decode_window(self) -> tuple[str, str]:
        return self._codec.decode(self._ids[: self._given]), self._codec.decode(self._ids)


_WINDOW = 8  # tokens: more than what any decoder looks back at


def _component_types(backend: Any) -> set[str]:
    """Return the types of a fast tokenizer's decoder and, where it is a sequence, of its parts."""
    decoder = getattr(backend, "decoder", None)
    if decoder is None:
        return set()
    state = json.loads(decoder.__getstate__())
    return {part["type"] for part in [state, *state.get("decoders", [])]}


def _byte_alphabet() -> dict[str, int]:
    """Return which byte each character stands for in byte-level BPE (GPT-2, Radford et al. 2019).

    Printable bytes of Latin-1 stand for themselves, the 68 others for the characters from U+0100 on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + index): byte for index, byte in enumerate(others)}


_BYTE_OF = _byte_alphabet()
