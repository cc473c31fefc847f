"""A loaded model and everything that can be asked of it: what a notebook uses, and the page's backend."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from playground.analysis.masked_prediction import predict_masked
from playground.analysis.positions import read_positions
from playground.analysis.repeated import repeated_ids
from playground.attention.attention import Attention, check_places
from playground.attention.budget import DEFAULT_MAX_BYTES
from playground.attention.capture import capture_attention
from playground.attention.interface import install
from playground.decoding import run as decoding
from playground.decoding.plan import check_context
from playground.decoding.traced import speed_up
from playground.models import loading
from playground.models.loading import LoadedModel
from playground.models.vocabulary import unknown_words
from playground.records import (
    GenerationRecord,
    GenerationSettings,
    MaskedPrediction,
    ModelSpec,
    PlaygroundError,
    PositionalSignal,
    Step,
    Token,
    TokenScore,
)


class LanguageModel:
    """A transformers model with its tokenizer. Safe to use from several threads at once."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        install(loaded.model)

    @property
    def spec(self) -> ModelSpec:
        """What the model is: name, kind, sizes, dtype, device."""
        return self.loaded.spec

    def generate(self, prompt: str, settings: GenerationSettings | None = None, **options: Any) -> GenerationRecord:
        """Decode to the end and return the record of it.

        options: fields of GenerationSettings, named as in transformers: strategy, temperature, top_k, top_p,
        repetition_penalty, num_beams, length_penalty, early_stopping, max_new_tokens, stop, seed.
        Raises PlaygroundError for what cannot be done.
        """
        return decoding.DecodingRun(self.loaded, prompt, build_settings(settings, options)).complete()

    def stream(self, prompt: str, settings: GenerationSettings | None = None, **options: Any) -> Iterator[Step]:
        """Yield the steps of a decoding as they happen (beam search: when it is over); closing it ends the decoding."""
        events = decoding.stream(self.loaded, prompt, build_settings(settings, options))
        return (event for event in events if isinstance(event, Step))

    def speed_up(self) -> bool:
        """Trace the model's step, so that `generate` and `stream` run faster; return whether that could be done.

        It takes about a second, and pays for small models on a CPU. Hooks and changes to the model's modules made
        later are not seen while decoding; the numbers are the same.
        """
        return speed_up(self.loaded.model)

    def tokenize(self, text: str) -> tuple[Token, ...]:
        """Return the tokens of `text` as `generate` would see them; their texts joined are `text`."""
        return self.loaded.codec.encode(text)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words of `text` that the model never read, each once: what it makes of them means nothing."""
        return unknown_words(self.loaded, text)

    def attention(
        self,
        text: str | GenerationRecord | tuple[int, ...] | list[int],
        target: str | tuple[int, ...] | list[int] | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> Attention:
        """Run the model once over a text, ids, or what it generated, and return where every head looked.

        An encoder-decoder takes what it wrote as `target`; its decoder then reads the start token and all of it.
        Without a target there is the encoder's attention only. Raises PlaygroundError, with the numbers, where
        the text is longer than the context, or its attention would take more memory than `max_bytes`.
        """
        is_pair = self.spec.kind == "encoder-decoder"
        if isinstance(text, GenerationRecord):
            record = text
            tokens = record.prompt_tokens if is_pair else record.tokens
            written = tuple(step.token for step in record.steps) if is_pair else None
        else:
            tokens = self._tokens(text)
            written = None if target is None else self._tokens(target, is_target=True)
        if written is not None and not is_pair:
            raise PlaygroundError(f"{self.spec.name} reads one text: a target is for encoder-decoders.")
        check_context(self.loaded, len(tokens))
        target_tokens = ()
        if written is not None:
            target_tokens = (*self.loaded.codec.tokens((self._start_id(),)), *written)
            check_context(self.loaded, len(target_tokens), what="target")
        target_ids = tuple(token.id for token in target_tokens) or None
        capture = capture_attention(self.loaded, tuple(token.id for token in tokens), target_ids, max_bytes)
        return Attention(capture, tokens, target_tokens, self.loaded.model)

    def score(self, text: str | tuple[int, ...] | list[int]) -> tuple[TokenScore, ...]:
        """Return the probability and rank that the model gave each token, from all before it.

        Both are None for the first token, and for models that predict no token from those before it.
        """
        return self.attention(text).scores

    def masked_prediction(
        self, text: str | tuple[int, ...] | list[int], hidden: Sequence[int] = (), *, mask_off: bool = False
    ) -> MaskedPrediction:
        """Return what is predicted with tokens hidden from all others, or with the causal mask off, in all layers.

        Raises PlaygroundError where the text is too long, no token is left in sight, or the model is no decoder or
        does not take such a mask.
        """
        tokens = self._tokens(text)
        check_context(self.loaded, len(tokens))
        places = check_places("hidden", hidden, len(tokens))
        if len(places) == len(tokens):
            raise PlaygroundError("At least one token must stay in sight.")
        return predict_masked(self.loaded, tokens, places, mask_off=mask_off)

    def positions(self, n_positions: int = 64, side: str = "encoder") -> PositionalSignal:
        """Return what tells the model the order of tokens, for the first `n_positions` places.

        side: "encoder" or "decoder" of an encoder-decoder. Raises PlaygroundError where there are fewer positions,
        or the model tells places in a way that is not known here.
        """
        return read_positions(self.loaded, n_positions, side)

    def repeated_ids(self, seed: int = 7) -> tuple[int, ...]:
        """Return random tokens that come four times: `attention(ids).patterns()` of them shows induction heads.

        Olsson et al. 2022, arXiv 2209.11895. Raises PlaygroundError where the context is too short.
        """
        return repeated_ids(self.loaded, seed)

    def _tokens(self, text: str | tuple[int, ...] | list[int], *, is_target: bool = False) -> tuple[Token, ...]:
        codec = self.loaded.codec
        if isinstance(text, list | tuple):
            embeddings = self.loaded.model.get_input_embeddings()
            n_rows = getattr(embeddings, "num_embeddings", self.spec.vocabulary_size)  # I-BERT's has no such number
            if not text or not all(type(id) is int and 0 <= id < n_rows for id in text):
                raise PlaygroundError(f"Token ids must be whole numbers from 0 to {n_rows - 1}, at least one.")
            return codec.tokens(text)
        return codec.encode(text, is_target=is_target)

    def _start_id(self) -> int:
        """Return the id that the decoder of an encoder-decoder begins with."""
        model = self.loaded.model
        for config in (model.generation_config, model.config):
            for name in ("decoder_start_token_id", "bos_token_id"):
                if (id := getattr(config, name, None)) is not None:
                    return int(id)
        raise PlaygroundError(f"{self.spec.name} does not say which token its decoder starts with.")


def load(name: str, device: str = "auto", dtype: str = "auto") -> LanguageModel:
    """Load a bundled model by name, a model from a folder, or one from the Hub by its id."""
    return LanguageModel(loading.load(name, device, dtype))


def wrap(model: Any, tokenizer: Any, name: str | None = None) -> LanguageModel:
    """Take a transformers model that is already in memory; it is switched to our attention where it can be."""
    return LanguageModel(loading.wrap(model, tokenizer, name))


def build_settings(settings: GenerationSettings | None, options: dict[str, Any]) -> GenerationSettings:
    """Return the settings, with `options` over them; PlaygroundError for a name that there is not."""
    known = [field.name for field in fields(GenerationSettings)]
    if unknown := [name for name in options if name not in known]:
        raise PlaygroundError(f"There is no option {unknown[0][:40]!r}; there are: {', '.join(known)}.")
    if settings is None:
        return GenerationSettings(**options)
    return GenerationSettings(**({name: getattr(settings, name) for name in known} | options))
