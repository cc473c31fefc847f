"""A loaded model and everything that can be asked of it: what a notebook uses, and the page's backend."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from playground.analysis.compression import compress
from playground.analysis.guessing import judge_guess
from playground.analysis.instruments import absent_instruments
from playground.analysis.masked_prediction import predict_masked
from playground.analysis.model_card import read_model_card
from playground.analysis.positions import read_positions
from playground.analysis.repeated import repeated_ids
from playground.attention.attention import Attention
from playground.attention.budget import DEFAULT_MAX_BYTES
from playground.attention.capture import capture_attention
from playground.attention.ranges import check_place
from playground.attention.tiles import TilesAhead
from playground.decoding import run as decoding
from playground.decoding.plan import eos_ids
from playground.decoding.preview import next_token, take_reading
from playground.decoding.script import write_script
from playground.decoding.traced import speed_up
from playground.language_model.attribution import Attributes
from playground.language_model.compressing import Compressing
from playground.language_model.inside import Inside
from playground.language_model.masks import Masks
from playground.language_model.patching import Patches
from playground.language_model.tasks import Tasks
from playground.language_model.texts import GivenText, TextOrIds
from playground.language_model.training import Trains
from playground.models import loading
from playground.models.reading import read_text, start_tokens
from playground.models.vocabulary import unknown_words
from playground.records import (
    AttentionKind,
    Compression,
    GenerationRecord,
    GenerationSettings,
    Guess,
    InstrumentName,
    MaskedPrediction,
    ModelCard,
    NextToken,
    PlaygroundError,
    PositionalSignal,
    Reading,
    ReadText,
    Step,
    TextIds,
    Token,
    TokenScore,
)


class LanguageModel(Inside, Attributes, Patches, Masks, Tasks, Compressing, Trains):
    """A transformers model with its tokenizer. Safe to use from several threads at once."""

    def model_card(self, licence: str = "") -> ModelCard:
        """Return the sizes of all parts of the model, where it was loaded and why, and the licence that is given."""
        return read_model_card(self.loaded, licence)

    def compressed(self, compression: Compression) -> "LanguageModel":
        """Return a compressed copy, of which all can be asked that can be asked of the model, which stays as it is.

        Pruned heads must be named; `compare_compressed` finds them. Raises PlaygroundError for what cannot be done.
        """
        return LanguageModel(compress(self.loaded, compression))

    def generate(
        self, prompt: str, settings: GenerationSettings | None = None, *, begun: Sequence[Step] = (), **options: Any
    ) -> GenerationRecord:
        """Decode to the end and return the record of it.

        begun: steps of an earlier run of the same prompt that stay, such as
        `(*run.steps[:5], run.steps[5].choosing(id))` to see what would have come behind another token. The length
        counts from the prompt on, and the seed goes on where those steps left it.
        options: fields of GenerationSettings, named as in transformers: strategy, temperature, top_k, top_p, min_p,
        typical_p, repetition_penalty, no_repeat_ngram_size, bad_words, force_words, num_beams, do_sample (in a beam
        search), length_penalty, early_stopping, num_return_sequences, max_new_tokens, stop, seed.
        Raises PlaygroundError for what cannot be done.
        """
        return decoding.DecodingRun(self.loaded, prompt, build_settings(settings, options), begun=begun).complete()

    def stream(
        self, prompt: str, settings: GenerationSettings | None = None, *, begun: Sequence[Step] = (), **options: Any
    ) -> Iterator[Step]:
        """Yield the steps of a decoding as they happen (beam search: when it is over); closing it ends the decoding.

        begun: as of `generate`; those steps are not yielded again.
        """
        events = decoding.stream(self.loaded, prompt, build_settings(settings, options), begun=begun)
        return (event for event in events if isinstance(event, Step))

    def speed_up(self) -> bool:
        """Trace the model's step, so that `generate` and `stream` run faster; return whether that could be done.

        It takes about a second, and pays for small models on a CPU. Hooks and changes to the model's modules made
        later are not seen while decoding; the numbers are the same.
        """
        return speed_up(self.loaded.model)

    def absent_instruments(self) -> dict[InstrumentName, str]:
        """Return why each instrument of the page that has nothing to show of this model has not."""
        return absent_instruments(self.loaded)

    def tokenize(self, text: str) -> tuple[Token, ...]:
        """Return the tokens of `text` as `generate` would see them; their texts joined are `text`."""
        return self.loaded.codec.encode(text)

    def read(self, text: str, second: str = "", *, cut: bool = False) -> ReadText:
        """Return the tokens of `text` and of a second one: an encoder-decoder's target, an encoder's second sentence.

        cut: leave out at the end what is beyond the context. Raises PlaygroundError where one cannot be read.
        """
        return read_text(self.loaded, text, second, cut=cut)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words of `text` that the model never read, each once: what it makes of them means nothing."""
        return unknown_words(self.loaded, text)

    def attention(
        self,
        text: GivenText,
        target: TextOrIds | None = None,
        pair: str | None = None,
        *,
        layers: Sequence[int] | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        overview: bool = False,
    ) -> Attention:
        """Run the model once over a text, ids, or what it generated, and return where every head looked.

        An encoder-decoder takes what it wrote as `target`; its decoder then reads the start token and all of it.
        Without a target there is the encoder's attention only. An encoder takes a second sentence as `pair`, which
        its tokenizer joins with the first.

        layers: keep these only, counted from 0 over those with attention, to take less memory; `weights(0)` is then
        that of the first of them. overview: work out `summary()`, where a core is free, and
        `reading` during the pass.

        Raises PlaygroundError, with the numbers, where a text is longer than the context, or its attention would take
        more memory than `max_bytes`.
        """
        read = self._read_checked(text, target, pair)
        # A decoder that has read its start token alone has written nothing
        target_ids = tuple(token.id for token in read.target_tokens) if len(read.target_tokens) > 1 else None
        chosen = None if layers is None else self._chosen(layers)
        tiles = TilesAhead() if overview else None
        ends = eos_ids(self.loaded) if overview and self.spec.kind == "decoder" else None
        try:
            capture = capture_attention(
                self.loaded, read.ids.ids, target_ids, max_bytes, read.type_ids, chosen, tiles=tiles, ends=ends
            )
        finally:
            if tiles is not None:
                tiles.close()
        target_tokens = read.target_tokens if target_ids else ()
        return Attention(capture, read.tokens, target_tokens, self.loaded.model, read.second_at)

    def _chosen(self, layers: Sequence[int]) -> tuple[int, ...]:
        if self.spec.kind == "encoder-decoder":
            raise PlaygroundError("Layers are chosen in a model whose attention is of one kind, not here.")
        chosen = tuple(sorted(check_place("layer", layer, self.spec.n_layers) for layer in set(layers)))
        if not chosen:
            raise PlaygroundError("Choose at least one layer, or none to keep all.")
        return chosen

    def score(self, text: str | TextIds | tuple[int, ...] | list[int]) -> tuple[TokenScore, ...]:
        """Return the probability and rank that the model gave each token, from all before it.

        Both are None for the first token, and for models that predict no token from those before it.
        """
        return self.attention(text).scores

    def masked_prediction(
        self,
        text: str | TextIds | tuple[int, ...] | list[int],
        hidden: Sequence[int] = (),
        *,
        mask_off: bool = False,
        target: TextOrIds | None = None,
        kind: AttentionKind | None = None,
    ) -> MaskedPrediction:
        """Return what is predicted with tokens hidden from all others, or with the causal mask off, in all layers.

        target: what an encoder-decoder wrote; kind: where its tokens are hidden, in the "decoder" (the default), among
        those of the source from the whole model ("encoder") or from the decoder only ("cross"). Raises PlaygroundError
        where a text is too long, no token is left in sight, there is no causal mask to take off, or the model predicts
        no next token or does not take such a mask.
        """
        return predict_masked(self.loaded, self._read(text, target, None), hidden, mask_off=mask_off, kind=kind)

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

    def next_token(
        self,
        text: TextOrIds,
        written: tuple[int, ...] | list[int] = (),
        settings: GenerationSettings | None = None,
    ) -> NextToken:
        """Return the distribution of the token that comes behind `text` and what has been `written` since.

        The settings say which words are forbidden or forced. Raises PlaygroundError where the model does not write.
        """
        if self.spec.kind == "encoder":
            raise PlaygroundError(f"{self.spec.name} is an encoder: it cannot write on.")
        ids = [token.id for token in self._tokens(text)]
        start = tuple(token.id for token in start_tokens(self.loaded)) if self.spec.kind == "encoder-decoder" else ()
        return next_token(self.loaded, ids, written, settings or GenerationSettings(), start)

    def judge_guess(
        self,
        prompt: TextOrIds,
        written: tuple[int, ...] | list[int],
        step: Step,
        text: str,
        sure: float,
    ) -> Guess:
        """Return a person's guess of the token behind `prompt` and what has been `written` since, beside what came.

        step: what came; sure: the probability from 0.01 to 0.99 that the person gives the guess. Raises PlaygroundError
        where nothing was guessed, or the model does not write.
        """
        return judge_guess(self.loaded, text, sure, step, self.next_token(prompt, written))

    def reading(self, text: TextOrIds) -> Reading:
        """Return what a decoder thought of each token of a text: log-probability, entropy, probability of ending."""
        if self.spec.kind != "decoder":
            raise PlaygroundError(f"{self.spec.name} is no decoder: it expects no token from those before it.")
        return take_reading(self.loaded, self._tokens(text))

    def script(self, prompt: str, settings: GenerationSettings | None = None, **options: Any) -> str:
        """Return the Python lines that repeat such a run with transformers alone."""
        return write_script(self.loaded, prompt, build_settings(settings, options))


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
