"""Which words a model knows."""

from playground.models.loading import LoadedModel
from playground.records import Token


def unknown_words(loaded: LoadedModel, text: str) -> tuple[str, ...]:
    """Return the words of `text` that the model never read, each once, in their order; most models know all.

    They are those that the tokenizer gives its token for unknown words, and those that a translator knows as words of
    the other language only: its configuration says with `source_vocab_size` from which id on. Raises PlaygroundError
    where the text cannot be read.
    """
    tokenizer = loaded.tokenizer
    unknown_id = tokenizer.unk_token_id
    if loaded.codec.is_byte_level or unknown_id == tokenizer.eos_token_id:  # GPT-2 names its last token so
        unknown_id = None
    first_other = getattr(loaded.model.config, "source_vocab_size", None)

    def is_unknown(token: Token) -> bool:
        return token.id == unknown_id or (first_other is not None and token.id >= first_other)

    words = (token.text.strip() for token in loaded.codec.encode(text) if is_unknown(token))
    return tuple(dict.fromkeys(word for word in words if word))
