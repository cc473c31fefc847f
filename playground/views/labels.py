"""Tokens as labels: spaces and newlines visible, length bounded, nothing read as markup.

A token is hostile text: plotly reads a few HTML tags in labels and hover texts, so they are escaped here.
"""

import html
from collections import Counter
from collections.abc import Sequence

from playground.records import Token

SPACE, NEWLINE, TAB = "·", "⏎", "⇥"
ZERO_WIDTH_SPACE = "\u200b"
LONGEST_LABEL = 16


def visible(text: str) -> str:
    """Return `text` with its white space and control characters as signs."""
    signs = {" ": SPACE, "\n": NEWLINE, "\t": TAB, "\r": "␍", "\u00a0": "⍽"}
    return "".join(signs.get(c) or (chr(0x2400 + ord(c)) if ord(c) < 0x20 else c) for c in text)


def readable(text: str) -> str:
    """Return `text` with signs for what would break a line or is not seen, and its spaces as they are."""
    return "".join(c if c == " " else visible(c) for c in text)


def elide(label: str, longest: int = LONGEST_LABEL) -> str:
    """Return `label`, cut to `longest` characters with an ellipsis where it is longer."""
    return label if len(label) <= longest else label[: longest - 1] + "…"


def plain_label(token: Token) -> str:
    """Return the token's label with visible white space, elided; not escaped."""
    return elide(visible(token.label)) or "∅"


def axis_labels(tokens: Sequence[Token]) -> list[str]:
    """Return one escaped label a token, all different, for a category axis of plotly.

    Equal labels are told apart by zero-width spaces, which show nothing.
    """
    seen: Counter[str] = Counter()
    labels = []
    for token in tokens:
        label = plain_label(token)
        labels.append(html.escape(label, quote=False) + ZERO_WIDTH_SPACE * seen[label])
        seen[label] += 1
    return labels
