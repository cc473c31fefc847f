"""What the fields of the page hold, which may be anything that a browser sends."""

from collections.abc import Mapping
from typing import Any, TypeVar

import gradio as gr

from playground.records import PlaygroundError

Value = TypeVar("Value")


def choice_of(given: object, choices: Mapping[str, Value]) -> Value:
    """Return what a choice means. Raises PlaygroundError where it is none of those that there are."""
    if not isinstance(given, str) or given not in choices:
        raise PlaygroundError(f"There is no choice {str(given)[:40]!r}; take one of: {', '.join(choices)}.")
    return choices[given]


def as_text(value: object) -> str:
    """Return what a browser sent for a text, which may be anything, as a text; nothing is an empty one."""
    return str(value or "")


def sent(event: gr.EventData, name: str) -> Any:
    """Return what the browser sent with an event under a name, None where it sent nothing of that name."""
    try:
        return getattr(event, name, None)
    except TypeError:  # what was sent has no names at all
        return None
