"""Reading and writing on, by the models in this process."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from playground.analysis.beam_and_greedy import compare_with_greedy
from playground.analysis.continuations import count_continuations
from playground.analysis.text_metrics import compare_runs
from playground.backends.holding import holds_models
from playground.backends.local.models import LocalModels
from playground.decoding.run import DecodingRun
from playground.records import (
    ComparedRun,
    Continuation,
    GenerationEvent,
    GenerationRecord,
    GenerationSettings,
    GreedyComparison,
    Guess,
    NextToken,
    PlaygroundError,
    Reading,
    ReadText,
    Step,
    TextIds,
    Token,
)


@holds_models()
class LocalWriting(LocalModels):
    """Reads what is typed and writes on."""

    def tokenize(self, model: str, text: str) -> tuple[Token, ...]:
        """Return the tokens of `text`, as `generate` would see them."""
        return self._pool.get(model).tokenize(text)

    def unknown_words(self, model: str, text: str) -> tuple[str, ...]:
        """Return the words of `text` that the model never read, each once."""
        return self._pool.get(model).unknown_words(text)

    def read(self, model: str, text: str, second: str = "", *, cut: bool = False) -> ReadText:
        """Return the tokens of `text` and of a second one: an encoder-decoder's target, an encoder's second sentence.

        cut: leave out what is beyond the model's context, and say how much; else that is refused when it is run.
        """
        return self._pool.get(model).read(text, second, cut=cut)

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
        The first event comes at once; `announced`: before it an empty list, when the decoding has begun.
        Setting `cancel`, or closing the generator, ends the decoding within one token.
        """
        run = DecodingRun(self._pool.get(model).loaded, prompt, settings, cancel, begun=begun, most=most)
        run.start()
        try:
            if announced:
                yield []
            while not run.finished:
                run.wait()
                yield run.drain()
                run.join(interval_s)
        finally:
            if not run.finished:
                run.cancel()

    def next_token(
        self, model: str, prompt_ids: tuple[int, ...], written_ids: tuple[int, ...], settings: GenerationSettings
    ) -> NextToken:
        """Return the distribution of the token behind a prompt and what has been written since, before any filter."""
        return self._pool.get(model).next_token(prompt_ids, written_ids, settings)

    def reading(self, model: str, text: str | tuple[int, ...]) -> Reading:
        """Return what a decoder thought of each token of a text that it was given."""
        if not isinstance(text, str):  # that of the page, whose attention is there or wanted next
            with suppress(PlaygroundError):  # of a model without attention, or a text too long to keep it
                if (reading := self._attention(model, TextIds(text)).reading) is not None:
                    return reading
        return self._pool.get(model).reading(text)

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
        return self._pool.get(model).judge_guess(prompt_ids, written_ids, step, text, sure)

    def script(self, model: str, prompt: str, settings: GenerationSettings) -> str:
        """Return the Python lines that repeat a run with transformers alone."""
        return self._pool.get(model).script(prompt, settings)

    def greedy_beside(self, beam: GenerationRecord, cancel: threading.Event) -> GreedyComparison:
        """Decode greedily what a beam search was made from, with its settings, and compare the two."""
        settings = replace(beam.settings, strategy="greedy")
        begun = beam.steps[: beam.n_begun]
        run = DecodingRun(self._pool.get(beam.model).loaded, beam.prompt, settings, cancel, begun=begun)
        return compare_with_greedy(beam, run.complete())

    def compare_runs(self, records: Sequence[GenerationRecord]) -> tuple[ComparedRun, ...]:
        """Return each run measured, with the tokens that differ from the first run's text."""
        return compare_runs(records)

    def count_continuations(self, records: Sequence[GenerationRecord]) -> tuple[Continuation, ...]:
        """Return which continuations came in runs that differ in their seed alone, the most frequent first."""
        return count_continuations(records)
