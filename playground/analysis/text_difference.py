"""One head in two texts: what changing a word changes."""

from playground.attention.attention import Attention
from playground.records import AttentionKind, PlaygroundError, TextDifference


def subtract_texts(
    attention: Attention, other: Attention, layer: int, head: int, kind: AttentionKind = "self"
) -> TextDifference:
    """Return one head's weights in two texts of the same model, place by place.

    Raises PlaygroundError where the texts differ in their number of tokens: a place in one then has no place in the
    other, and any way to pair them would be made up.
    """
    found, compared = attention.head_map(layer, head, kind), other.head_map(layer, head, kind)
    sides = (
        (found.query_tokens, compared.query_tokens),
        (found.key_tokens, compared.key_tokens),
    )
    for tokens, other_tokens in sides:
        if len(tokens) != len(other_tokens):
            raise PlaygroundError(
                f"This text has {len(tokens)} tokens, the other one {len(other_tokens)}: weights are subtracted place "
                "by place, so both must have equally many. Change words for others of as many tokens."
            )
    return TextDifference(
        kind=kind,
        layer=layer,
        head=head,
        weights=found.weights,
        other_weights=compared.weights,
        query_tokens=found.query_tokens,
        key_tokens=found.key_tokens,
        other_query_tokens=compared.query_tokens,
        other_key_tokens=compared.key_tokens,
    )
