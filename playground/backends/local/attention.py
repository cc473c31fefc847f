"""The attention of a text, by the models in this process."""

from collections.abc import Sequence

from playground.analysis.shuffle import compare_shuffled, in_order, map_shuffled, shuffled_order
from playground.analysis.text_difference import subtract_texts
from playground.attention.attention import Attention
from playground.backends.holding import holds_models
from playground.backends.local.models import LocalModels
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


@holds_models()
class LocalAttention(LocalModels):
    """Shows attention; one forward pass serves every view of a text."""

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

    def _shuffled(
        self, model: str, text: TextIds, seed: int, kind: AttentionKind | None
    ) -> tuple[Attention, Attention, tuple[int, ...], AttentionKind]:
        """Return the attention of a text, of the same text shuffled, the order of its tokens there, and the kind."""
        attention = self._attention(model, text)
        kind = kind or attention.kinds[0]
        order = shuffled_order(len(attention.key_tokens(kind)), seed)
        other = in_order(text, order, of_target=kind == "decoder")
        return attention, self._attention(model, other), order, kind
