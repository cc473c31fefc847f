"""One line that says what is going on, or what went wrong and what to do next."""

import html
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

import gradio as gr

from playground.records import GenerationRecord, PlaygroundError
from playground.records.sizes import say_count
from playground.views.labels import plain_label

Tone = Literal["quiet", "busy", "error"]

# How handlers of the page are attached: unseen by programs, and those that answer at once beside the queue
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
AT_ONCE: dict[str, Any] = {**PRIVATE, "queue": False}
# Those that run a model for as long as it writes: so many of all visitors at a time
RUNS_MODEL: dict[str, Any] = {**PRIVATE, "concurrency_limit": 4, "concurrency_id": "models"}

LOOP_TOKENS = 12  # so many times the same token is a loop, and no row of dots
STREAM_INTERVAL_S = 0.1  # 10 messages a second: smooth to the eye; one a token would cost most of the speed


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


def on_leaving(page: gr.Blocks, handler: Callable[..., None]) -> None:
    """Call `handler` when a visitor closes the page: what was begun there ends."""
    page.unload(handler)
    page.fns[max(page.fns)].api_visibility = "private"  # unload() has no argument for it


def show_progress_nowhere(page: gr.Blocks, unseen: gr.State) -> None:
    """Let no component of the page know of events whose progress is hidden anyway: `unseen` takes their place.

    At each message of an event gradio tells every component that was ever an output of one whether it waits: of some
    two hundred components that took longer than the message itself, and more than half of the time from a press of
    Generate until the request for it was sent.
    """
    for event in page.fns.values():
        if event.show_progress == "hidden":
            event.show_progress_on = [unseen]


# Triggers that say that something has changed, and not what: the handler is given it
CHANGES = {"input", "change", "release", "expand", "load"}


def lose_no_event(page: gr.Blocks) -> None:
    """Let what a visitor does while the same is being answered count; only what runs the model does not begin twice.

    The browser drops such an event unless the listener says otherwise: of two tokens that are clicked one after the
    other the second would stay unseen. An event that carries what was clicked is sent each time (a deferred one would
    carry what was clicked first); one that only says that something has changed is sent once more at the end.
    """
    for event in page.fns.values():
        triggers = {name for _, name in event.targets}
        if event.trigger_mode != "once":
            continue
        if event.trigger_after is not None or (triggers and triggers <= CHANGES):
            event.trigger_mode = "always_last"
        elif event.concurrency_id != RUNS_MODEL["concurrency_id"] and ("select" in triggers or not event.queue):
            event.trigger_mode = "multiple"


def status_line(text: str, tone: Tone = "quiet") -> str:
    """Return the line as HTML; the text is escaped."""
    role = "alert" if tone == "error" else "status"
    return f'<p class="status status-{tone}" role="{role}">{html.escape(text)}</p>'


def describe_run(record: GenerationRecord) -> str:
    """Return what a run did: its length, its speed, and why it ended."""
    if record.finish_reason == "paused":
        return f"{say_count(len(record.steps), 'token')} so far, one at a time."
    count = len(record.written)
    speed = count / record.duration_s if record.duration_s > 0 else 0.0
    reasons = {
        "length": "it has the length that you asked for",
        "end-of-text": "the model ended the text",
        "stop-string": "a stop text came",
        "stopped": "you stopped it",
        "context": "the model's context is full",
        "memory": "there was not enough memory to go on: take fewer beams, fewer texts or a shorter one",
        "nothing-left": "the filters left no token to choose: allow a word again, or larger groups to repeat",
    }
    return (
        f"{say_count(count, 'token')} in {record.duration_s:.1f} s ({speed:.0f} a second); "
        f"ended because {reasons[record.finish_reason]}."
        f"{_loop_line(record)}"
    )


def _loop_line(record: GenerationRecord) -> str:
    """Return that a text ended in one token again and again, and what helps; nothing where it did not."""
    count = 0
    for step in reversed(record.steps):
        if step.token.id != record.steps[-1].token.id:
            break
        count += 1
    if count < LOOP_TOKENS:
        return ""
    return (
        f" Its last {count} tokens are one and the same, “{plain_label(record.steps[-1].token)}”: a repetition penalty "
        "above 1, or no repeated groups, would break that loop."
    )
