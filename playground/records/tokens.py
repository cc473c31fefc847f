"""Tokens of a text, and what the model thought of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    """One token of a text.

    `text` is its exact share of the text: joined over all tokens it gives the text back. A character that is
    made of several tokens belongs to the one that completes it, the others have an empty share.
    `label` is what is shown: the text, or `⟨E4 B8⟩` for bytes that are only a part of a character, or the
    name of a special token. Spaces and newlines stand in it as they are; making them visible is a view's task.
    """

    id: int
    text: str
    label: str
    special: bool = False
    partial: bool = False


@dataclass(frozen=True)
class TokenScore:
    """The probability that the model gave a token of a given text, from all tokens before it.

    `probability` and `rank` (1 = most likely) are None where nothing stands before the token.
    """

    token: Token
    probability: float | None
    rank: int | None
