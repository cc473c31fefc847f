"""What the page and the HTTP endpoints can ask for: one method per user action."""

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

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
)


@runtime_checkable
class Backend(Protocol):
    """Runs models. Every method may raise PlaygroundError with a message fit for the page.

    A text is named by the ids of its tokens (TextIds): what a model generated as it was generated, what was typed as
    `read` gives it. `kind` is one of those that `attention_shapes` gives.
    """

    def models(self) -> tuple[str, ...]:
        """Return the names that can be chosen, the default first."""
        ...

    def allowance(self) -> Allowance:
        """Return what visitors may bring beside the names that can be chosen."""
        ...

    def open(self, model: str, token: str | None, cancel: threading.Event, interval_s: float) -> Iterator[LoadProgress]:
        """Load a model, one that a visitor brings too, and yield how far it is every `interval_s` seconds.

        The last says "ready" and has the name under which all other methods know the model; that of a gated model
        is the visitor's own. Setting `cancel`, or closing the generator, ends the loading where nobody else waits.
        """
        ...

    def forget(self, model: str) -> None:
        """Forget a gated model that a visitor brought, and the token that opened it; of others nothing changes."""
        ...

    def search_hub(self, words: str) -> tuple[FoundModel, ...]:
        """Return language models on the Hub whose names hold `words`, a bounded number; only where they may be had."""
        ...

    def folders(self) -> tuple[str, ...]:
        """Return the models in folders on the server's disk that visitors may `open`, none where they may not."""
        ...

    def model_card(self, model: str) -> ModelCard:
        """Return a model's sizes, where it was loaded and why, and its licence where it is known."""
        ...

    def spec(self, model: str) -> ModelSpec:
        """Return what `model` is, loading it if need be."""
        ...

    def examples(self, model: str) -> tuple[str, ...]:
        """Return prompts that the model was made for, none where none are known; it is not loaded for that."""
        ...

    def tokenize(self, model: str, text: str) -> tuple[Token, ...]:
        """Return the tokens of `text`, as `generate` would see them."""
        ...

    def unknown_words(self, model: str, text: str) -> tuple[str, ...]:
        """Return the words of `text` that the model never read, each once."""
        ...

    def read(self, model: str, text: str, second: str = "", *, cut: bool = False) -> ReadText:
        """Return the tokens of `text` and of a second one: an encoder-decoder's target, an encoder's second sentence.

        cut: leave out what is beyond the model's context, and say how much; else that is refused when it is run.
        """
        ...

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
        Setting `cancel` ends the decoding within one token, and what is there comes as a record all the same.
        """
        ...

    def score(self, model: str, text: TextIds) -> tuple[TokenScore, ...]:
        """Return the probability and rank that the model gave each token of a text."""
        ...

    def attention_shapes(self, model: str, text: TextIds) -> tuple[AttentionShape, ...]:
        """Return the kinds of attention that there are, and the layers and heads of each.

        Layers have the numbers that the model gives them here; everywhere else they count from 0 over those that
        have this attention.
        """
        ...

    def attention_summary(self, model: str, text: TextIds, kind: AttentionKind = "self") -> AttentionSummary:
        """Return all heads of all layers as small tiles."""
        ...

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
        ...

    def layer_maps(self, model: str, text: TextIds, layer: int, kind: AttentionKind = "self") -> LayerMaps:
        """Return the weights of all heads of one layer."""
        ...

    def query_key(
        self, model: str, text: TextIds, layer: int, head: int, query: int, kind: AttentionKind = "self"
    ) -> QueryKeyRow:
        """Return how the weights of one row of one head came about."""
        ...

    def head_rows(self, model: str, text: TextIds, query: int, kind: AttentionKind = "self") -> HeadRows:
        """Return where every head looked from position `query`."""
        ...

    def head_patterns(self, model: str, text: TextIds, kind: AttentionKind = "self") -> HeadPatterns:
        """Return every head's scores for previous token, first token, induction and so on, in this text."""
        ...

    def repeated_patterns(self, model: str, kind: AttentionKind | None = None) -> HeadPatterns:
        """Return the same scores on repeated random tokens, where induction heads show themselves.

        An encoder-decoder reads them and, for the kinds that have a target, writes the same. Without a kind: the
        first that there is.
        """
        ...

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
        ...

    def masked_prediction(
        self,
        model: str,
        text: TextIds,
        hidden: Sequence[int] = (),
        *,
        mask_off: bool = False,
        kind: AttentionKind | None = None,
    ) -> MaskedPrediction:
        """Return what a model predicts with tokens hidden, or the mask off, in all layers; and what it predicts.

        kind: where an encoder-decoder's are hidden, "decoder" unless told otherwise: among what was written; "encoder":
        among the source's; "cross": among the source's, from the decoder only.
        """
        ...

    def token_loss(self, model: str, text: TextIds) -> TokenLoss:
        """Return the loss of each token given those before it; of an encoder-decoder, of its target's tokens."""
        ...

    def logit_lens(self, model: str, text: TextIds, position: int, *, parts: bool = False) -> LogitLens:
        """Return what the residual stream already holds of the next token, stage by stage, around a position.

        parts: behind each layer's attention, too. Of an encoder-decoder positions are those of its target.
        """
        ...

    def what_if(self, model: str, text: TextIds, token: int, change: Change) -> WhatIf:
        """Return the prediction of a token, and the losses of all, as they are and with a part switched off.

        Of an encoder-decoder tokens are those of its target, here and in the following.
        """
        ...

    def write_changed(
        self, model: str, text: TextIds, token: int, change: Change, n_tokens: int, cancel: threading.Event
    ) -> ChangedText:
        """Return what is written greedily from the tokens before one, as it is and with a part switched off.

        Setting `cancel` ends it within one token.
        """
        ...

    def head_importance(
        self, model: str, text: TextIds, token: int, how: HeadsOff, kind: ChangedKind, cancel: threading.Event
    ) -> Iterator[HeadImportance]:
        """Yield how the log-probability of a token changes with each head off, more heads each time.

        Setting `cancel`, or closing the generator, ends it after the heads that are being measured.
        """
        ...

    def attention_explains(self, model: str, text: TextIds, importance: HeadImportance) -> AttentionExplains:
        """Return how strongly each head looks from where a token is predicted, and whether these heads matter."""
        ...

    def norm_map(self, model: str, text: TextIds, layer: int, head: int, kind: AttentionKind = "self") -> NormMap:
        """Return one head's weights times the lengths of its transformed values (Kobayashi et al. 2020)."""
        ...

    def word_map(self, model: str, text: TextIds, layer: int, head: int, kind: AttentionKind = "self") -> WordMap:
        """Return the weights of one head between words: to a word summed, from a word averaged (Clark et al. 2019)."""
        ...

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
        ...

    def token_flow(
        self,
        model: str,
        text: TextIds,
        token: int,
        method: FlowMethod = "rollout",
        kind: AttentionKind = "self",
    ) -> TokenFlow:
        """Return how much of each input token reaches `token` after each layer (Abnar & Zuidema 2020)."""
        ...

    def positions(self, model: str, n_positions: int = 64, side: str = "encoder") -> PositionalSignal:
        """Return what tells the model the order of tokens; `side` is of an encoder-decoder."""
        ...

    def shuffle_comparison(
        self, model: str, text: TextIds, seed: int = 7, kind: AttentionKind | None = None
    ) -> ShuffleComparison:
        """Return how far all heads' weights change in shuffled words: those that this kind looks at.

        Of an encoder-decoder those of the source, for "encoder" (without a kind) and "cross"; for "decoder" those of
        what was written.
        """
        ...

    def shuffled_map(
        self, model: str, text: TextIds, layer: int, head: int, seed: int = 7, kind: AttentionKind | None = None
    ) -> ShuffledMap:
        """Return one head's weights in the text and, token for token, in the shuffled one."""
        ...

    def greedy_beside(self, beam: GenerationRecord, cancel: threading.Event) -> GreedyComparison:
        """Decode greedily what a beam search was made from, with its settings, and compare the two.

        Setting `cancel` ends the decoding within one token; what is there is compared.
        """
        ...

    def compare_runs(self, records: Sequence[GenerationRecord]) -> tuple[ComparedRun, ...]:
        """Return each run measured, with the tokens that differ from the first run's text."""
        ...

    def count_continuations(self, records: Sequence[GenerationRecord]) -> tuple[Continuation, ...]:
        """Return which continuations came in runs that differ in their seed alone, the most frequent first."""
        ...

    def next_token(
        self, model: str, prompt_ids: tuple[int, ...], written_ids: tuple[int, ...], settings: GenerationSettings
    ) -> NextToken:
        """Return the distribution of the token behind a prompt and what has been written since, before any filter."""
        ...

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
        ...

    def reading(self, model: str, text: str | tuple[int, ...]) -> Reading:
        """Return what a decoder thought of each token of a text that it was given."""
        ...

    def script(self, model: str, prompt: str, settings: GenerationSettings) -> str:
        """Return the Python lines that repeat a run with transformers alone."""
        ...
