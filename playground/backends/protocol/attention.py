"""Where every head looks, how that comes about, and what it would be otherwise."""

from collections.abc import Sequence
from typing import Protocol

from playground.records import (
    AttentionKind,
    AttentionShape,
    AttentionSummary,
    CounterfactualMap,
    FlowMethod,
    HeadMap,
    HeadPatterns,
    HeadRows,
    LayerMaps,
    MapView,
    MaskedPrediction,
    NormMap,
    PositionalSignal,
    QueryKeyRow,
    ShuffleComparison,
    ShuffledMap,
    TextDifference,
    TextIds,
    TokenFlow,
    TokenScore,
    WordMap,
)


class ShowsAttention(Protocol):
    """Shows the attention of a text, head by head."""

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
