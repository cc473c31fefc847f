"""What language models are used for: continuing, translating, classifying …, and how well a text is what was wanted."""

from dataclasses import dataclass
from typing import Literal

from playground.records.settings import GenerationSettings
from playground.records.tokens import Token

TaskName = Literal["continue", "chat", "fill-in", "translate", "summarise", "sentiment", "answer"]

TASK_TITLES: dict[TaskName, str] = {
    "continue": "Continue",
    "chat": "Chat",
    "fill-in": "Fill in",
    "translate": "Translate",
    "summarise": "Summarise",
    "sentiment": "Sentiment",
    "answer": "Answer from a passage",
}


@dataclass(frozen=True)
class LanguageTask:
    """A task, and whether a model can be asked for it.

    absent: why it cannot, in words; empty where it can. note: how it is asked, and what to expect.
    """

    name: TaskName
    absent: str = ""
    note: str = ""

    @property
    def title(self) -> str:
        """What it is called."""
        return TASK_TITLES[self.name]


@dataclass(frozen=True)
class TaskPrompt:
    """What a model reads for a task, and how it should decode; no settings where it does not write."""

    prompt: str
    settings: GenerationSettings | None = None


@dataclass(frozen=True)
class LabelScore:
    """How likely a label is behind a prompt: its tokens are read, and none is written.

    `log_prob_nats` is the sum over its tokens; `probability` its share among the labels that were compared.
    """

    label: str
    tokens: tuple[Token, ...]
    log_prob_nats: float
    probability: float


@dataclass(frozen=True)
class ReferenceScore:
    """How near a text is to a reference by one measure."""

    name: str
    value: float  # from 0 to 100
    meaning: str
