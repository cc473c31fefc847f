"""Runs the models in this process."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from playground.analysis.beam_and_greedy import compare_with_greedy
from playground.analysis.continuations import count_continuations
from playground.analysis.head_importance import compare_with_attention
from playground.analysis.logit_lens import ResidualStream
from playground.analysis.shuffle import compare_shuffled, in_order, map_shuffled, shuffled_order
from playground.analysis.text_difference import subtract_texts
from playground.analysis.text_metrics import compare_runs
from playground.attention.attention import Attention
from playground.backends.brought import BroughtModels, Source
from playground.backends.cache import DEFAULT_BYTES, TextCache
from playground.backends.holding import holds_models
from playground.decoding.run import DecodingRun
from playground.language_model import LanguageModel, load
from playground.models import catalogue
from playground.models.catalogue import example_prompts, folders_below
from playground.models.cores import count_cores
from playground.models.hub_search import search_hub
from playground.models.loading import load as load_model
from playground.models.memory import model_bytes
from playground.models.monitor import LoadMonitor
from playground.models.pool import ModelPool
from playground.records import (
    Allowance,
    AttentionExplains,
    AttentionKind,
    AttentionShape,
    AttentionSummary,
    Change,
    ChangedKind,
    ChangedText,
    ComparedRun,
    Continuation,
    CounterfactualMap,
    FlowMethod,
    FoundModel,
    GenerationEvent,
    GenerationRecord,
    GenerationSettings,
    GreedyComparison,
    Guess,
    HeadImportance,
    HeadMap,
    HeadPatterns,
    HeadRows,
    HeadsOff,
    LayerMaps,
    LoadProgress,
    LogitLens,
    MapView,
    MaskedPrediction,
    ModelCard,
    ModelSpec,
    NextToken,
    NormMap,
    PlaygroundError,
    PositionalSignal,
    QueryKeyRow,
    Reading,
    ReadText,
    ShuffleComparison,
    ShuffledMap,
    Step,
    TextDifference,
    TextIds,
    Token,
    TokenFlow,
    TokenLoss,
    TokenScore,
    WhatIf,
    WordMap,
    shown_name,
)


@holds_models(except_for=("open", "forget", "examples"))
class LocalBackend:
    """Implements Backend (protocol.py) over models that are loaded into this process when first asked for.

    Safe to use from many threads; the models in `names` can be had, the first is the default, and those that visitors
    `open` where `allowance` lets them. Together they take at most `max_bytes` of memory; where they would take more,
    the one that was not used for longest goes.
    """

    def __init__(
        self,
        names: Sequence[str],
        device: str = "auto",
        dtype: str = "auto",
        cache_bytes: int = DEFAULT_BYTES,
        max_bytes: int | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        leave_a_core()
        self._cache: TextCache[Attention] = TextCache(cache_bytes)
        self._kept: TextCache[ResidualStream] = TextCache(cache_bytes // 4)
        self._brought = BroughtModels(allowance or Allowance())
        self._pool: ModelPool[LanguageModel] = ModelPool(
            names,
            lambda name, monitor: _load_fast(name, device, dtype, monitor, self._brought.source(name)),
            max_bytes=max_bytes,
            size_of=lambda lm: model_bytes(lm.loaded.model),
            on_gone=lambda name, _: self._forget(name),
        )

    def models(self) -> tuple[str, ...]:
        """Return the names that can be chosen, the default first."""
        return self._pool.names

    def allowance(self) -> Allowance:
        """Return what visitors may bring beside the names that can be chosen."""
        return self._brought.allowance

    def open(self, model: str, token: str | None, cancel: threading.Event, interval_s: float) -> Iterator[LoadProgress]:
        """Load a model, one that a visitor brings too, and yield how far it is every `interval_s` seconds.

        The last says "ready" and has the name under which all other methods know the model. Setting `cancel`, or
        closing the generator, ends the loading where nobody else waits for it.
        """
        name = model if model in self._pool.names else self._brought.bring(model, token, self._pool)
        yield from self._pool.watch(name, cancel, interval_s=interval_s)

    def forget(self, model: str) -> None:
        """Forget a gated model that a visitor brought, and the token that opened it."""
        self._brought.forget(model, self._pool)

    def search_hub(self, words: str) -> tuple[FoundModel, ...]:
        """Return language models on the Hub whose names hold `words`, where visitors may bring them."""
        if not self.allowance().hub:
            raise PlaygroundError("This server lets no models be brought from the Hub.")
        return search_hub(words)

    def folders(self) -> tuple[str, ...]:
        """Return the models in folders that visitors may bring, none where they may not."""
        folder = self.allowance().folder
        return folders_below(folder) if folder else ()

    def model_card(self, model: str) -> ModelCard:
        """Return a model's sizes, where it was loaded and why, and its licence where it is known."""
        source = self._brought.source(model)
        licence = catalogue.licence_of(shown_name(model)) or (source.licence if source else "")
        return self._pool.get(model).model_card(licence)

    def spec(self, model: str) -> ModelSpec:
        """Return what `model` is, loading it if need be."""
        return self._pool.get(model).spec

    def examples(self, model: str) -> tuple[str, ...]:
        """Return prompts that the model was made for, none where none are known; it is not loaded for that."""
        return example_prompts(model)

    def tokenize(self, model: str, text: str) -> tuple[Token, ...]:
        """Return the tokens of `text`, as `generate` would see them."""
        return self._pool.get(model).tokenize(text)

    def unknown_words(self, model: str, text: str) -> tuple[str, ...]:
        """Return the words of `text` that the model never read, each once."""
        return self._pool.get(model).unknown_words(text)

    def read(self, model: str, text: str, second: str = "", *, cut: bool = False) -> ReadText:
        """Return the tokens of `text` and of a second one: an encoder-decoder's target, an encoder's second sentence.

        cut: leave out what is beyond the model's context, and say how much; else that is refused when it is run.
        """
        return self._pool.get(model).read(text, second, cut=cut)

    def generate(
        self,
        model: str,
        prompt: str,
        settings: GenerationSettings,
        cancel: threading.Event,
        interval_s: float,
        *,
        begun: Sequence[Step] = (),
        most: int | None = None,
    ) -> Iterator[list[GenerationEvent]]:
        """Decode, yielding what has gathered every `interval_s` seconds; the last event is the GenerationRecord.

        begun: steps that were taken before, and stay; most: write at most so many tokens more for now.
        The first event comes at once. Setting `cancel`, or closing the generator, ends the decoding within one token.
        """
        run = DecodingRun(self._pool.get(model).loaded, prompt, settings, cancel, begun=begun, most=most)
        run.start()
        try:
            while not run.finished:
                run.wait()
                yield run.drain()
                run.join(interval_s)
        finally:
            if not run.finished:
                run.cancel()

    def score(self, model: str, text: TextIds) -> tuple[TokenScore, ...]:
        """Return the probability and rank that the model gave each token of a text."""
        return self._attention(model, text).scores

    def attention_shapes(self, model: str, text: TextIds) -> tuple[AttentionShape, ...]:
        """Return the kinds of attention that there are, and the layers and heads of each."""
        return self._attention(model, text).shapes

    def attention_summary(self, model: str, text: TextIds, kind: AttentionKind = "self") -> AttentionSummary:
        """Return all heads of all layers as small tiles."""
        return self._attention(model, text).summary(kind)

    def head_map(
        self,
        model: str,
        text: TextIds,
        layer: int,
        head: int,
        kind: AttentionKind = "self",
        view: MapView | None = None,
    ) -> HeadMap:
        """Return the weights of one head, or what `view` makes of its layer."""
        return self._attention(model, text).head_map(layer, head, kind, view)

    def layer_maps(self, model: str, text: TextIds, layer: int, kind: AttentionKind = "self") -> LayerMaps:
        """Return the weights of all heads of one layer."""
        return self._attention(model, text).layer_maps(layer, kind)

    def query_key(
        self, model: str, text: TextIds, layer: int, head: int, query: int, kind: AttentionKind = "self"
    ) -> QueryKeyRow:
        """Return how the weights of one row of one head came about."""
        return self._attention(model, text).query_key(layer, head, query, kind)

    def head_rows(self, model: str, text: TextIds, query: int, kind: AttentionKind = "self") -> HeadRows:
        """Return where every head looked from position `query`."""
        return self._attention(model, text).rows(query, kind)

    def head_patterns(self, model: str, text: TextIds, kind: AttentionKind = "self") -> HeadPatterns:
        """Return every head's scores for previous token, first token, induction and so on, in this text."""
        return self._attention(model, text).patterns(kind)

    def repeated_patterns(self, model: str, kind: AttentionKind | None = None) -> HeadPatterns:
        """Return the same scores on repeated random tokens, where induction heads show themselves.

        An encoder-decoder reads them and, for the kinds that have a target, writes the same. Without a kind: the
        first that there is.
        """
        ids = self._pool.get(model).repeated_ids()
        attention = self._attention(model, TextIds(ids, ids if kind in ("decoder", "cross") else ()))
        return attention.patterns(kind or attention.kinds[0])

    def counterfactual_map(
        self,
        model: str,
        text: TextIds,
        layer: int,
        head: int,
        hidden: Sequence[int] = (),
        *,
        mask_off: bool = False,
        kind: AttentionKind = "self",
    ) -> CounterfactualMap:
        """Return one head's weights with keys hidden or the mask off, all else being as it was; and the original."""
        return self._attention(model, text).counterfactual(layer, head, hidden, mask_off=mask_off, kind=kind)

    def masked_prediction(
        self,
        model: str,
        text: TextIds,
        hidden: Sequence[int] = (),
        *,
        mask_off: bool = False,
        kind: AttentionKind | None = None,
    ) -> MaskedPrediction:
        """Return what a model predicts with tokens hidden, or the mask off, in all layers; and what it predicts."""
        return self._pool.get(model).masked_prediction(text, hidden, mask_off=mask_off, kind=kind)

    def token_loss(self, model: str, text: TextIds) -> TokenLoss:
        """Return the loss of each token given those before it; of an encoder-decoder, of its target's tokens."""
        return self._pool.get(model).token_loss(text)

    def logit_lens(self, model: str, text: TextIds, position: int, *, parts: bool = False) -> LogitLens:
        """Return what the residual stream already holds of the next token, stage by stage, around a position.

        parts: behind each layer's attention, too. Of an encoder-decoder positions are those of its target.
        """
        language_model = self._pool.get(model)
        stream = self._kept.get((model, text), lambda: language_model.residuals(text))
        return language_model.logit_lens(stream, position, parts=parts)

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

    def norm_map(self, model: str, text: TextIds, layer: int, head: int, kind: AttentionKind = "self") -> NormMap:
        """Return one head's weights times the lengths of its transformed values (Kobayashi et al. 2020)."""
        return self._attention(model, text).norm_map(layer, head, kind)

    def word_map(self, model: str, text: TextIds, layer: int, head: int, kind: AttentionKind = "self") -> WordMap:
        """Return the weights of one head between words: to a word summed, from a word averaged (Clark et al. 2019)."""
        return self._attention(model, text).word_map(layer, head, kind)

    def text_difference(
        self,
        model: str,
        text: TextIds,
        other: TextIds,
        layer: int,
        head: int,
        kind: AttentionKind = "self",
    ) -> TextDifference:
        """Return one head's weights in a text and in another of equally many tokens."""
        return subtract_texts(self._attention(model, text), self._attention(model, other), layer, head, kind)

    def token_flow(
        self,
        model: str,
        text: TextIds,
        token: int,
        method: FlowMethod = "rollout",
        kind: AttentionKind = "self",
    ) -> TokenFlow:
        """Return how much of each input token reaches `token` after each layer (Abnar & Zuidema 2020)."""
        return self._attention(model, text).flow(token, method, kind)

    def positions(self, model: str, n_positions: int = 64, side: str = "encoder") -> PositionalSignal:
        """Return what tells the model the order of tokens; `side` is of an encoder-decoder."""
        return self._pool.get(model).positions(n_positions, side)

    def shuffle_comparison(
        self, model: str, text: TextIds, seed: int = 7, kind: AttentionKind | None = None
    ) -> ShuffleComparison:
        """Return how far all heads' weights change in shuffled words: those that this kind looks at."""
        attention, other, order, kind = self._shuffled(model, text, seed, kind)
        return compare_shuffled(attention, other, order, kind)

    def shuffled_map(
        self, model: str, text: TextIds, layer: int, head: int, seed: int = 7, kind: AttentionKind | None = None
    ) -> ShuffledMap:
        """Return one head's weights in the text and, token for token, in the shuffled one."""
        attention, other, order, kind = self._shuffled(model, text, seed, kind)
        return map_shuffled(attention, other, order, layer, head, kind)

    def greedy_beside(self, beam: GenerationRecord, cancel: threading.Event) -> GreedyComparison:
        """Decode greedily what a beam search was made from, with its settings, and compare the two."""
        settings = replace(beam.settings, strategy="greedy")
        begun = beam.steps[: beam.n_begun]
        run = DecodingRun(self._pool.get(beam.model).loaded, beam.prompt, settings, cancel, begun=begun)
        return compare_with_greedy(beam, run.complete())

    def next_token(
        self, model: str, prompt_ids: tuple[int, ...], written_ids: tuple[int, ...], settings: GenerationSettings
    ) -> NextToken:
        """Return the distribution of the token behind a prompt and what has been written since, before any filter."""
        return self._pool.get(model).next_token(prompt_ids, written_ids, settings)

    def judge_guess(
        self,
        model: str,
        prompt_ids: tuple[int, ...],
        written_ids: tuple[int, ...],
        step: Step,
        text: str,
        sure: float,
    ) -> Guess:
        """Return a person's guess of the token behind a prompt and what has been written since, beside what came."""
        return self._pool.get(model).judge_guess(prompt_ids, written_ids, step, text, sure)

    def reading(self, model: str, text: str | tuple[int, ...]) -> Reading:
        """Return what a decoder thought of each token of a text that it was given."""
        return self._pool.get(model).reading(text)

    def script(self, model: str, prompt: str, settings: GenerationSettings) -> str:
        """Return the Python lines that repeat a run with transformers alone."""
        return self._pool.get(model).script(prompt, settings)

    def compare_runs(self, records: Sequence[GenerationRecord]) -> tuple[ComparedRun, ...]:
        """Return each run measured, with the tokens that differ from the first run's text."""
        return compare_runs(records)

    def count_continuations(self, records: Sequence[GenerationRecord]) -> tuple[Continuation, ...]:
        """Return which continuations came in runs that differ in their seed alone, the most frequent first."""
        return count_continuations(records)

    def _shuffled(
        self, model: str, text: TextIds, seed: int, kind: AttentionKind | None
    ) -> tuple[Attention, Attention, tuple[int, ...], AttentionKind]:
        """Return the attention of a text, of the same text shuffled, the order of its tokens there, and the kind."""
        attention = self._attention(model, text)
        kind = kind or attention.kinds[0]
        order = shuffled_order(len(attention.key_tokens(kind)), seed)
        other = in_order(text, order, of_target=kind == "decoder")
        return attention, self._attention(model, other), order, kind

    def _forget(self, model: str) -> None:
        """Drop what was computed with a model that has left the pool."""
        for cache in (self._cache, self._kept):
            cache.drop(lambda key: isinstance(key, tuple) and key[0] == model)

    def _attention(self, model: str, text: TextIds) -> Attention:
        """Return the attention of a text; one forward pass serves the scores and every map of it."""
        language_model = self._pool.get(model)
        return self._cache.get((model, text), lambda: language_model.attention(text))


def _load_fast(name: str, device: str, dtype: str, monitor: LoadMonitor, source: Source | None = None) -> LanguageModel:
    with monitor.active():
        if source is None:
            language_model = load(name, device, dtype)
        else:
            loaded = load_model(source.place, device, dtype, token=source.token, look_again=True)
            language_model = LanguageModel(replace(loaded, spec=replace(loaded.spec, name=name)))
    language_model.speed_up()
    return language_model


def leave_a_core() -> None:
    """Let torch use all cores but one, which the page's own work needs.

    Its threads wait for each other after every operation: one that has to share its core holds up all of them.
    Measured on two cores with the bundled model: 130 tokens/s with two threads, 270 with one.
    """
    torch.set_num_threads(max(1, count_cores() - 1))
