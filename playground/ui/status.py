"""One line that says what is going on, or what went wrong and what to do next."""

import html
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

from playground.records import GenerationRecord, PlaygroundError

Tone = Literal["quiet", "busy", "error"]

# How handlers of the page are attached: unseen by programs, and those that answer at once beside the queue
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
AT_ONCE: dict[str, Any] = {**PRIVATE, "queue": False}


class HasStatus(Protocol):
    """Has the component that shows a status line."""

    status: Any


Owner = TypeVar("Owner", bound=HasStatus)
Parameters = ParamSpec("Parameters")
Updates = dict[Any, Any]


def says_errors(
    handler: Callable[Concatenate[Owner, Parameters], Updates],
) -> Callable[Concatenate[Owner, Parameters], Updates]:
    """Let a handler that raises PlaygroundError say so in the status line, and leave all else as it is."""

    @wraps(handler)  # gradio reads the handler's own names and types
    def told(self: Owner, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Updates:
        try:
            return handler(self, *args, **kwargs)
        except PlaygroundError as error:
            return {self.status: status_line(str(error), "error")}

    return told


def status_line(text: str, tone: Tone = "quiet") -> str:
    """Return the line as HTML; the text is escaped."""
    role = "alert" if tone == "error" else "status"
    return f'<p class="status status-{tone}" role="{role}">{html.escape(text)}</p>'


def describe_run(record: GenerationRecord) -> str:
    """Return what a run did: its length, its speed, and why it ended."""
    count = len(record.steps)
    speed = count / record.duration_s if record.duration_s > 0 else 0.0
    reasons = {
        "length": "it has the length that you asked for",
        "end-of-text": "the model ended the text",
        "stop-string": "a stop text came",
        "stopped": "you stopped it",
        "context": "the model's context is full",
        "nothing-left": "the filters left no token to choose: allow a word again, or larger groups to repeat",
    }
    tokens = "1 token" if count == 1 else f"{count} tokens"
    return (
        f"{tokens} in {record.duration_s:.1f} s ({speed:.0f} a second); ended because {reasons[record.finish_reason]}."
    )
