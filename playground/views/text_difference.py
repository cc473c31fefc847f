"""One head in a text minus the same head in another: as a map, and in words."""

import numpy as np

from playground.records import HeadMap, TextDifference, Token
from playground.views.labels import elide, plain_label, visible

LONGEST_OF_A_PAIR = 7


def difference_map(found: TextDifference, layers: tuple[int, ...] = ()) -> HeadMap:
    """Return the difference as a map, whose labels have both tokens where the texts differ.

    layers: by their numbers in the model.
    """
    return HeadMap(
        found.kind,
        found.layer,
        found.head,
        found.difference,
        paired(found.query_tokens, found.other_query_tokens),
        paired(found.key_tokens, found.other_key_tokens),
        values="texts",
        layers=layers,
    )


def paired(tokens: tuple[Token, ...], others: tuple[Token, ...]) -> tuple[Token, ...]:
    """Return the tokens, labelled "this/other" where the two texts differ."""
    return tuple(
        token if token.id == other.id else Token(token.id, token.text, _pair(token, other), special=token.special)
        for token, other in zip(tokens, others, strict=True)
    )


def difference_sentence(found: TextDifference) -> str:
    """Say how the texts differ and where the head's weights change most; not escaped."""
    n_changed = sum(a.id != b.id for a, b in zip(found.key_tokens, found.other_key_tokens, strict=True))
    n_tokens = len(found.key_tokens)
    if not n_changed:
        return "Both texts are the same: the difference is zero. Change a word of the prompt, and analyse it."
    changed = f"{n_changed} of {n_tokens} tokens differ."
    shown = difference_map(found)
    ends = []
    for place, what in ((found.difference.argmax(), "Most more weight"), (found.difference.argmin(), "most less")):
        query, key = np.unravel_index(place, found.difference.shape)
        value = float(found.difference[query, key])
        names = plain_label(shown.query_tokens[query]), plain_label(shown.key_tokens[key])
        sign = "+" if value >= 0 else "−"
        ends.append(f"{what}: “{names[0]}” at “{names[1]}”, {sign}{abs(value):.2f}")
    return f"{changed} {'; '.join(ends)}."


def _pair(token: Token, other: Token) -> str:
    return "/".join(elide(visible(each.label), LONGEST_OF_A_PAIR) for each in (token, other))
