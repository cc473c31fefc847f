"""What a model reads: a text, a source and its target, or two sentences, each as its tokenizer puts it."""

import inspect
from dataclasses import replace

from playground.models.loading import LoadedModel
from playground.records import PlaygroundError, ReadText, TextIds, Token


def read_text(loaded: LoadedModel, text: str, second: str = "", *, cut: bool = False) -> ReadText:
    """Return the tokens of `text` and of a second one: an encoder-decoder's target, an encoder's second sentence.

    A second one that is blank is none; the decoder of an encoder-decoder then reads its start token alone.
    cut: leave out at the end what is beyond the context. Raises PlaygroundError where a text cannot be read, and
    for the second one of a decoder, which reads one.
    """
    spec, codec = loaded.spec, loaded.codec
    has_second = bool(second.strip())
    if spec.kind == "decoder" and has_second:
        raise PlaygroundError(f"{spec.name} reads one text: a second one is for encoders and encoder-decoders.")
    if spec.kind == "encoder-decoder":
        written = codec.encode(second, is_target=True) if has_second else ()
        read = ReadText(codec.encode(text), (*start_tokens(loaded), *written))
    elif has_second:
        read = codec.encode_pair(text, second)
        read = replace(read, type_ids=accepted_types(loaded, read.type_ids))
    else:
        read = ReadText(codec.encode(text))
    return cut_to(read, spec.context_length) if cut and spec.context_length is not None else read


def read_ids(loaded: LoadedModel, text: TextIds) -> ReadText:
    """Return the tokens of a text that is named by its ids. Raises PlaygroundError where it names none."""
    if text.target_ids and loaded.spec.kind != "encoder-decoder":
        raise PlaygroundError(f"{loaded.spec.name} reads one text: a target is for encoder-decoders.")
    if text.type_ids and len(text.type_ids) != len(text.ids):
        raise PlaygroundError("There must be a type for each token, or none at all.")
    target = (*start_tokens(loaded), *tokens_of(loaded, text.target_ids)) if text.target_ids else ()
    types = accepted_types(loaded, text.type_ids)
    return ReadText(tokens_of(loaded, text.ids), target, types, text.second_at)


def tokens_of(loaded: LoadedModel, ids: tuple[int, ...] | list[int]) -> tuple[Token, ...]:
    """Return the tokens of ids; PlaygroundError where there are none, or one is out of range."""
    embeddings = loaded.model.get_input_embeddings()
    n_rows = getattr(embeddings, "num_embeddings", loaded.spec.vocabulary_size)  # I-BERT's has no such number
    if not ids or not all(type(id) is int and 0 <= id < n_rows for id in ids):
        raise PlaygroundError(f"Token ids must be whole numbers from 0 to {n_rows - 1}, at least one.")
    return loaded.codec.tokens(ids)


def start_tokens(loaded: LoadedModel) -> tuple[Token, ...]:
    """Return the token that the decoder of an encoder-decoder begins with; PlaygroundError where it names none."""
    model = loaded.model
    for config in (model.generation_config, model.config):
        for name in ("decoder_start_token_id", "bos_token_id"):
            if (id := getattr(config, name, None)) is not None:
                return loaded.codec.tokens((int(id),))
    raise PlaygroundError(f"{loaded.spec.name} does not say which token its decoder starts with.")


def accepted_types(loaded: LoadedModel, types: tuple[int, ...]) -> tuple[int, ...]:
    """Return the types of tokens where the model takes them, and knows each of them; else none."""
    if not types or "token_type_ids" not in inspect.signature(loaded.model.forward).parameters:
        return ()
    n_types = getattr(loaded.model.config, "type_vocab_size", None)
    return types if n_types is None or 0 <= min(types) <= max(types) < n_types else ()


def cut_to(read: ReadText, context: int) -> ReadText:
    """Return a text of which each side has at most `context` tokens, its special tokens at the end kept.

    Of two sentences the longer one loses its end.
    """
    n_first = read.second_at or len(read.tokens)
    ends = [_end(read.tokens, 0, n_first), _end(read.tokens, n_first, len(read.tokens))]  # of what may be cut
    starts = [0, n_first]
    n_cut = [0, 0]
    for _ in range(len(read.tokens) - context):
        longer = max((0, 1), key=lambda side: ends[side] - n_cut[side] - starts[side])
        n_cut[longer] += 1
    kept = [
        at for at in range(len(read.tokens)) if not any(end - n <= at < end for end, n in zip(ends, n_cut, strict=True))
    ]
    target = read.target_tokens[:context]
    return ReadText(
        tuple(read.tokens[at] for at in kept),
        target,
        tuple(read.type_ids[at] for at in kept) if read.type_ids else (),
        read.second_at - n_cut[0] if read.second_at else 0,
        sum(n_cut) + len(read.target_tokens) - len(target),
    )


def _end(tokens: tuple[Token, ...], start: int, stop: int) -> int:
    """Return where the special tokens begin that end a sentence."""
    while stop > start and tokens[stop - 1].special and not tokens[stop - 1].text:
        stop -= 1
    return stop
