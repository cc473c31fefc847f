"""What would have been, had some tokens been hidden or had every token seen all others: never what the model did."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from playground.records.generation import Candidate
from playground.records.maps import AttentionKind
from playground.records.tokens import Token


@dataclass(frozen=True)
class CounterfactualMap:
    """The weights of one head under another mask, beside those that the model computed.

    All other layers are as they were: queries and keys are the captured ones, and only this softmax was taken anew.
    Rows of `weights` sum to what they summed to before, but for queries with nothing left to look at: 0 everywhere.
    """

    kind: AttentionKind
    layer: int
    head: int
    hidden: tuple[int, ...]  # keys that no query sees
    mask_off: bool  # every query sees all keys that are not hidden
    original: Float32[np.ndarray, "query key"]  # what the model computed
    weights: Float32[np.ndarray, "query key"]  # counterfactual
    query_tokens: tuple[Token, ...]
    key_tokens: tuple[Token, ...]


@dataclass(frozen=True)
class MaskedPrediction:
    """What a model predicts under another mask in all its layers, beside what it predicts.

    `*_candidates` are the likeliest next tokens behind the text, best first, without any filter;
    `*_loss_nats` is -log of the probability of each token given those before it, NaN for the first.
    With the mask off a token's loss is computed by a model that has already seen it.
    Of an encoder-decoder, `tokens` are what its decoder read, the start token first, and `kind` says where tokens are
    hidden: "decoder", in its look at them; "encoder", in the source, from encoder and decoder; "cross", in the source,
    from the decoder only.
    """

    tokens: tuple[Token, ...]
    hidden: tuple[int, ...]  # tokens that no other token sees
    mask_off: bool
    original_candidates: tuple[Candidate, ...]
    candidates: tuple[Candidate, ...]  # counterfactual
    original_loss_nats: Float32[np.ndarray, " token"]
    loss_nats: Float32[np.ndarray, " token"]  # counterfactual
    kind: AttentionKind = "self"
    hidden_tokens: tuple[Token, ...] = ()  # those at the places of `hidden`
