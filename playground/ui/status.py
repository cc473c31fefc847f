"""One line that says what is going on, or what went wrong and what to do next."""

import html
from typing import Literal

from playground.records import GenerationRecord

Tone = Literal["quiet", "busy", "error"]


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
    }
    tokens = "1 token" if count == 1 else f"{count} tokens"
    return (
        f"{tokens} in {record.duration_s:.1f} s ({speed:.0f} a second); ended because {reasons[record.finish_reason]}."
    )
