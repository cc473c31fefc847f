"""Where every head looked, of one text."""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Float32
from torch import nn

from playground.attention.capture import Capture
from playground.attention.counterfactual import counterfactual_weights
from playground.attention.flow import layer_shares, max_flow, roll_out
from playground.attention.interface import AttentionCall
from playground.attention.layers import Layers
from playground.attention.map_view import view_weights
from playground.attention.norms import transformed_values
from playground.attention.overview import all_tiles
from playground.attention.patterns import score_patterns
from playground.attention.query_key import query_key_row
from playground.attention.ranges import check_place, check_places, one_place
from playground.attention.tiles import MAX_TILE
from playground.attention.words import group_words, merge_words
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
    NormMap,
    PlaygroundError,
    QueryKeyRow,
    Reading,
    Token,
    TokenFlow,
    TokenScore,
    WordMap,
)

# Which text a kind's queries and keys are tokens of
_SIDES: dict[AttentionKind, tuple[str, str]] = {
    "self": ("source", "source"),
    "encoder": ("source", "source"),
    "decoder": ("target", "target"),
    "cross": ("target", "source"),
}


class Attention:
    """The attention of one forward pass. Layers, heads and queries count from 0.

    Layers are counted over those that have attention; `layer_indices` says which they are in the whole model.
    Whatever is out of range, or of a kind that the model does not have, raises PlaygroundError.
    """

    def __init__(
        self,
        capture: Capture,
        tokens: tuple[Token, ...],
        target_tokens: tuple[Token, ...] = (),
        model: nn.Module | None = None,
        second_at: int = 0,
    ) -> None:
        self._capture = capture
        self._model = model  # where the parts around an attention module are found
        self.tokens = tokens
        self.target_tokens = target_tokens  # of an encoder-decoder: what its decoder read, the start token first
        self.second_at = second_at  # of two sentences: where the second one begins; else 0
        self._patterns: dict[AttentionKind, HeadPatterns] = {}

    @property
    def kinds(self) -> tuple[AttentionKind, ...]:
        """The kinds of attention that there are: "self", or "encoder", "decoder" and "cross"."""
        return tuple(self._capture.layers)

    @property
    def shapes(self) -> tuple[AttentionShape, ...]:
        """The layers and heads of every kind that there is."""
        return tuple(self.shape(kind) for kind in self.kinds)

    @property
    def n_layers(self) -> int:
        """Layers with attention; of an encoder-decoder, of the side that has more."""
        return max(layers.n_layers for layers in self._capture.layers.values())

    @property
    def n_heads(self) -> int:
        """Query heads a layer."""
        return max(layers.n_heads for layers in self._capture.layers.values())

    @property
    def n_bytes(self) -> int:
        """Memory that is held, in bytes."""
        return sum(layers.n_bytes for layers in self._capture.layers.values())

    @cached_property
    def scores(self) -> tuple[TokenScore, ...]:
        """The probability and rank that the model gave each token; None where it predicts none from those before.

        Of an encoder-decoder those of the source, which is read only, and then those of the target.
        """
        log_probs, ranks = self._capture.log_probs, self._capture.ranks
        tokens = (*self.tokens, *self.target_tokens)
        if log_probs is None or ranks is None:
            return tuple(TokenScore(token, None, None) for token in tokens)
        n_given = len(tokens) - len(log_probs)
        rest = zip(tokens[n_given:], log_probs, ranks, strict=True)
        return (
            *(TokenScore(token, None, None) for token in tokens[:n_given]),
            *(TokenScore(token, math.exp(log_prob), rank) for token, log_prob, rank in rest),
        )

    @cached_property
    def reading(self) -> Reading | None:
        """What a decoder thought of each token of its text; None of any other model, and where it was not asked for."""
        if self._capture.reading is None or self.target_tokens:
            return None
        columns = (np.array([np.nan, *column], np.float32) for column in self._capture.reading)
        return Reading(self.tokens, *columns)

    def shape(self, kind: AttentionKind) -> AttentionShape:
        """Return the layers and heads of one kind."""
        layers = self._layers(kind)
        return AttentionShape(kind, layers.indices, layers.n_heads)

    def layer_indices(self, kind: AttentionKind = "self") -> tuple[int, ...]:
        """Return the layers that have this attention, as the model numbers its layers: (4, 12) of one of Jamba's.

        Everywhere else here `layer` counts from 0 over these: `weights(1)` would be those of layer 12.
        """
        return self._layers(kind).indices

    def query_tokens(self, kind: AttentionKind = "self") -> tuple[Token, ...]:
        """Return the tokens that look: the rows of a map."""
        self._layers(kind)
        return self.tokens if _SIDES[kind][0] == "source" else self.target_tokens

    def key_tokens(self, kind: AttentionKind = "self") -> tuple[Token, ...]:
        """Return the tokens that are looked at: the columns of a map."""
        self._layers(kind)
        return self.tokens if _SIDES[kind][1] == "source" else self.target_tokens

    def weights(
        self, layer: int, head: int | None = None, kind: AttentionKind = "self"
    ) -> Float32[np.ndarray, "query key"] | Float32[np.ndarray, "head query key"]:
        """Return the weights of one head, or of all heads of the layer."""
        layers = self._layers(kind)
        layer = check_place("layer", layer, layers.n_layers)
        if head is None:
            return layers.weights(layer).numpy()
        return layers.weights(layer, one_place("head", head, layers.n_heads)).numpy()[0]

    def head_map(self, layer: int, head: int, kind: AttentionKind = "self", view: MapView | None = None) -> HeadMap:
        """Return the weights of one head, or what `view` makes of its layer, with the tokens of rows and columns."""
        view = view or MapView()
        weights = view_weights(self, layer, check_place("head", head, self._layers(kind).n_heads), kind, view)
        return HeadMap(
            kind,
            layer,
            head,
            weights,
            self.query_tokens(kind),
            self.key_tokens(kind),
            view,
            layers=self._layers(kind).indices,
        )

    def layer_maps(self, layer: int, kind: AttentionKind = "self") -> LayerMaps:
        """Return the weights of all heads of one layer with the tokens of rows and columns."""
        return LayerMaps(kind, layer, self.weights(layer, kind=kind), self.query_tokens(kind), self.key_tokens(kind))

    def rows(self, query: int, kind: AttentionKind = "self") -> HeadRows:
        """Return where every head of every layer looked from one position."""
        layers, query_tokens, key_tokens = self._layers(kind), self.query_tokens(kind), self.key_tokens(kind)
        queries = one_place("query", query, len(query_tokens))
        weights = np.zeros((layers.n_layers, layers.n_heads, len(key_tokens)), dtype=np.float32)
        for layer in range(layers.n_layers):
            row = layers.weights(layer, queries=queries)[:, 0].numpy()  # (head, key)
            weights[layer, : len(row)] = row
        return HeadRows(kind, query, weights, query_tokens, key_tokens, layers.indices)

    def summary(self, kind: AttentionKind = "self", max_tile: int = MAX_TILE) -> AttentionSummary:
        """Return all heads as tiles of at most `max_tile` x `max_tile`: each cell the maximum of a block of weights."""
        layers, query_tokens, key_tokens = self._layers(kind), self.query_tokens(kind), self.key_tokens(kind)
        tiles = all_tiles(layers, len(query_tokens), len(key_tokens), max_tile)
        return AttentionSummary(kind, tiles, query_tokens, key_tokens, layers.indices)

    def patterns(self, kind: AttentionKind = "self") -> HeadPatterns:
        """Return every head's scores for previous token, first token, induction and so on, in this text."""
        query_ids, key_ids = ([token.id for token in side(kind)] for side in (self.query_tokens, self.key_tokens))
        if kind not in self._patterns:
            self._patterns[kind] = score_patterns(self._layers(kind), query_ids, key_ids, kind)
        return self._patterns[kind]

    def norm_map(self, layer: int, head: int, kind: AttentionKind = "self") -> NormMap:
        """Return one head's weights times the lengths of its transformed values (Kobayashi et al. 2020).

        Raises PlaygroundError, too, where the architecture gives finished weights only, or its output projection
        is not found.
        """
        found, (_, call) = self.head_map(layer, head, kind), self._call(layer, kind)
        if self._model is None:
            raise PlaygroundError("The model of this attention is not at hand, so only its weights can be shown.")
        heads = one_place("head", head, call.query.shape[1])
        values = transformed_values(self._model, call, heads)[0]  # (key, d_model)
        value_norms = values.norm(dim=-1).cpu().numpy()
        return NormMap(
            kind=kind,
            layer=layer,
            head=head,
            weights=found.weights,
            value_norms=value_norms,
            norms=found.weights * value_norms,
            query_tokens=found.query_tokens,
            key_tokens=found.key_tokens,
        )

    def word_map(self, layer: int, head: int, kind: AttentionKind = "self") -> WordMap:
        """Return the weights of one head between words: to a word summed, from a word averaged (Clark et al. 2019)."""
        found = self.head_map(layer, head, kind)
        query_words, key_words = group_words(found.query_tokens), group_words(found.key_tokens)
        weights = merge_words(found.weights, query_words, key_words)
        return WordMap(kind, layer, head, weights, query_words, key_words)

    def flow(self, token: int, method: FlowMethod = "rollout", kind: AttentionKind = "self") -> TokenFlow:
        """Return how much of each input token reaches `token` after each layer (Abnar & Zuidema 2020).

        Raises PlaygroundError, too, for cross-attention, and where the flow of a long text would take too long.
        """
        methods = {"rollout": roll_out, "flow": max_flow}
        if method not in methods:
            raise PlaygroundError(f"method must be rollout or flow, not {str(method)[:40]!r}.")
        layers, tokens = self._layers(kind), self.query_tokens(kind)
        if kind == "cross":
            raise PlaygroundError("Attention is followed within one text; cross-attention leads from one to another.")
        token = check_place("token", token, len(tokens))
        return TokenFlow(kind, method, token, methods[method](layer_shares(layers), token), tokens)

    def counterfactual(
        self,
        layer: int,
        head: int,
        hidden: Sequence[int] = (),
        *,
        mask_off: bool = False,
        kind: AttentionKind = "self",
    ) -> CounterfactualMap:
        """Return one head's weights with keys hidden or the mask off, all else being as it was; and the original.

        Raises PlaygroundError, too, where no key is left, and for `mask_off` with architectures that give
        finished weights only.
        """
        original = self.head_map(layer, head, kind)
        keys = check_places("hidden", hidden, len(original.key_tokens))
        if len(keys) == len(original.key_tokens):
            raise PlaygroundError("At least one token must stay in sight.")
        weights = counterfactual_weights(self._layers(kind), layer, head, keys, mask_off=mask_off)
        return CounterfactualMap(
            kind=kind,
            layer=layer,
            head=head,
            hidden=keys,
            mask_off=mask_off,
            original=original.weights,
            weights=weights.numpy(),
            query_tokens=original.query_tokens,
            key_tokens=original.key_tokens,
        )

    def query_key(self, layer: int, head: int, query: int, kind: AttentionKind = "self") -> QueryKeyRow:
        """Return how the weights of one row came about, from q and k to what the head passes on.

        Raises PlaygroundError, too, for the few architectures that give weights only.
        """
        layers, call = self._call(layer, kind)
        query_tokens = self.query_tokens(kind)
        return query_key_row(
            call,
            layers.keys,
            check_place("head", head, layers.n_heads),
            check_place("query", query, len(query_tokens)),
            kind=kind,
            layer=layer,
            query_token=query_tokens[query],
            key_tokens=self.key_tokens(kind),
        )

    def _call(self, layer: int, kind: AttentionKind) -> tuple[Layers, AttentionCall]:
        layers = self._layers(kind)
        try:
            return layers, layers.call(check_place("layer", layer, layers.n_layers))
        except LookupError as error:
            raise PlaygroundError(
                f"This architecture comes to its weights by a way of its own ({error}): there are weights only."
            ) from error

    def _layers(self, kind: AttentionKind) -> Layers:
        if kind not in self._capture.layers:
            kinds = " or ".join(self.kinds)
            said = f"There is no attention of the kind {str(kind)[:40]!r} here; there is: {kinds}."
            if kind in ("decoder", "cross") and self.kinds == ("encoder",):
                said += " The target is empty: give what the model wrote, or should have written, too."
            raise PlaygroundError(said)
        return self._capture.layers[kind]
