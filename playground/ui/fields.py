"""What the fields of the page hold, which may be anything that a browser sends."""

from collections.abc import Mapping
from typing import TypeVar

from playground.records import PlaygroundError

Value = TypeVar("Value")


def choice_of(given: object, choices: Mapping[str, Value]) -> Value:
    """Return what a choice means. Raises PlaygroundError where it is none of those that there are."""
    if not isinstance(given, str) or given not in choices:
        raise PlaygroundError(f"There is no choice {str(given)[:40]!r}; take one of: {', '.join(choices)}.")
    return choices[given]


def text_of(value: object) -> str:
    """Return what a browser sent for a text, which may be anything, as a text; nothing is an empty one."""
    return str(value or "")
