"""A text is read, and gone on with."""

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from playground.records import (
    ComparedRun,
    Continuation,
    GenerationEvent,
    GenerationRecord,
    GenerationSettings,
    GreedyComparison,
    Guess,
    NextToken,
    Reading,
    ReadText,
    Step,
    Token,
)


class Writes(Protocol):
    """Reads what is typed and writes on."""

    def tokenize(self, model: str, text: str) -> tuple[Token, ...]:
        """Return the tokens of `text`, as `generate` would see them."""
        ...

    def unknown_words(self, model: str, text: str) -> tuple[str, ...]:
        """Return the words of `text` that the model never read, each once."""
        ...

    def read(self, model: str, text: str, second: str = "", *, cut: bool = False) -> ReadText:
        """Return the tokens of `text` and of a second one: an encoder-decoder's target, an encoder's second sentence.

        cut: leave out what is beyond the model's context, and say how much; else that is refused when it is run.
        """
        ...

    def generate(
        self,
        model: str,
        prompt: str,
        settings: GenerationSettings,
        cancel: threading.Event,
        interval_s: float,
        *,
        begun: Sequence[Step] = (),
        most: int | None = None,
        announced: bool = False,
    ) -> Iterator[list[GenerationEvent]]:
        """Decode, yielding what has gathered every `interval_s` seconds; the last event is the GenerationRecord.

        begun: steps that were taken before, and stay; most: write at most so many tokens more for now.
        announced: begin with an empty list, when the decoding has begun.
        Setting `cancel` ends the decoding within one token, and what is there comes as a record all the same.
        """
        ...

    def next_token(
        self, model: str, prompt_ids: tuple[int, ...], written_ids: tuple[int, ...], settings: GenerationSettings
    ) -> NextToken:
        """Return the distribution of the token behind a prompt and what has been written since, before any filter."""
        ...

    def reading(self, model: str, text: str | tuple[int, ...]) -> Reading:
        """Return what a decoder thought of each token of a text that it was given."""
        ...

    def judge_guess(
        self,
        model: str,
        prompt_ids: tuple[int, ...],
        written_ids: tuple[int, ...],
        step: Step,
        text: str,
        sure: float,
    ) -> Guess:
        """Return a person's guess of the token behind a prompt and what has been written since, beside what came."""
        ...

    def script(self, model: str, prompt: str, settings: GenerationSettings) -> str:
        """Return the Python lines that repeat a run with transformers alone."""
        ...

    def greedy_beside(self, beam: GenerationRecord, cancel: threading.Event) -> GreedyComparison:
        """Decode greedily what a beam search was made from, with its settings, and compare the two.

        Setting `cancel` ends the decoding within one token; what is there is compared.
        """
        ...

    def compare_runs(self, records: Sequence[GenerationRecord]) -> tuple[ComparedRun, ...]:
        """Return each run measured, with the tokens that differ from the first run's text."""
        ...

    def count_continuations(self, records: Sequence[GenerationRecord]) -> tuple[Continuation, ...]:
        """Return which continuations came in runs that differ in their seed alone, the most frequent first."""
        ...
