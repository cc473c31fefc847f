"""A decoding in a thread of its own, whose events are fetched as they gather."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList, StoppingCriteriaList

from playground.decoding.beam import BeamRecorder, chain_tree
from playground.decoding.loop import continue_text, fits_loop
from playground.decoding.plan import Plan, plan_decoding
from playground.decoding.processors import Draw, Tap, build_filters
from playground.decoding.recorder import StepRecorder
from playground.decoding.traced import traced_step
from playground.models.codec import IncrementalDecoder, with_rest
from playground.models.loading import LoadedModel
from playground.records import BeamTree, FinishReason, GenerationEvent, GenerationRecord, GenerationSettings, Step

# A consumer that wakes at every token takes turns with the decoding for Python's lock, at two thirds of the speed
GATHER_S = 0.02


class DecodingRun:
    """Runs model.generate in a worker thread and gathers what happens.

    The last event is the GenerationRecord, also after `cancel`. The constructor raises PlaygroundError where the
    prompt cannot be continued; what goes wrong later is raised by `drain`.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        prompt: str,
        settings: GenerationSettings,
        cancel: threading.Event | None = None,
    ) -> None:
        self._loaded = loaded
        self._plan = plan_decoding(loaded, prompt, settings)
        self._cancel = cancel or threading.Event()
        self._events: deque[GenerationEvent] = deque()
        self._news = threading.Condition()
        self._finished = False
        self._over = threading.Event()  # beside the condition, which is notified at every token
        self._error: BaseException | None = None
        self._recorder: StepRecorder | None = None
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)

    def start(self) -> None:
        """Begin to decode; returns at once."""
        self._thread.start()

    def complete(self) -> GenerationRecord:
        """Decode in the calling thread, in place of `start`, and return the record.

        torch's threads sleep between operations when they work for another than the main thread, if it has as many
        of them as there are cores (libgomp counts the main thread in): 190 tokens/s, and 660 in the main thread.
        """
        return self._decode()

    def cancel(self) -> None:
        """End the decoding within one token."""
        self._cancel.set()

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen, and everything that did has been fetched."""
        with self._news:
            return self._finished and not self._has_news() and self._error is None

    def drain(self) -> list[GenerationEvent]:
        """Return what has happened since the last call; raises what went wrong once all else has been fetched."""
        if self._recorder is not None:
            self._recorder.flush()
        with self._news:
            events = list(self._events)
            self._events.clear()
            error = self._error
            if error is not None and not events:
                self._error = None
                raise error
        return events

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there is something to fetch or nothing more will come; False where `timeout` seconds passed."""
        with self._news:
            return self._news.wait_for(lambda: self._has_news() or self._finished, timeout)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the decoding has ended, however much there is to fetch; False where `timeout` seconds passed."""
        return self._over.wait(timeout)

    def _has_news(self) -> bool:
        return bool(self._events) or (self._recorder is not None and self._recorder.has_gathered)

    def _emit(self, event: GenerationEvent) -> None:
        self._events.append(event)
        self._notify()

    def _notify(self) -> None:
        with self._news:
            self._news.notify_all()

    def _run(self) -> None:
        try:
            self._emit(self._decode())
        except BaseException as error:  # it belongs to the thread that fetches
            self._error = error
        finally:
            with self._news:
                self._finished = True
                self._news.notify_all()
            self._over.set()

    def _decode(self) -> GenerationRecord:
        started = time.perf_counter()
        plan, settings = self._plan, self._plan.settings
        # A decoder-only model goes on from the prompt, so the first token's space depends on it
        is_decoder = self._loaded.spec.kind == "decoder"
        decoder = self._loaded.codec.incremental(plan.prompt_ids if is_decoder else ())
        if settings.strategy == "beam" and settings.num_beams > 1:
            steps, tree, hit_stop_string = self._search(decoder)
        else:
            steps, hit_stop_string = self._choose_one_by_one(decoder)
            tree = chain_tree(steps, settings) if settings.strategy == "beam" else None
        if steps and (rest := decoder.finish()):
            steps[-1] = replace(steps[-1], token=with_rest(steps[-1].token, rest))
        return GenerationRecord(
            model=self._loaded.spec.name,
            prompt=plan.prompt,
            settings=settings,
            text="".join(step.token.text for step in steps),
            prompt_ids=plan.prompt_ids,
            token_ids=tuple(step.token.id for step in steps),
            prompt_tokens=plan.prompt_tokens,
            steps=tuple(steps),
            finish_reason=_finish_reason(plan, steps, hit_stop_string),
            beam_tree=tree,
            duration_s=time.perf_counter() - started,
        )

    def _choose_one_by_one(self, decoder: IncrementalDecoder) -> tuple[list[Step], bool]:
        settings = self._plan.settings
        recorder = StepRecorder(self._loaded.codec, decoder, settings.stop, self._cancel, self._emit, self._notify)
        self._recorder = recorder
        if not self._cancel.is_set():
            processors = [Tap(recorder.before_filters), *self._filters(), Tap(recorder.after_filters)]
            if settings.strategy == "sample":
                processors.append(Draw(settings.seed, self._loaded.model.device))
            if fits_loop(self._loaded.model):
                self._continue(processors, recorder)
            else:
                self._generate(processors, recorder)
        recorder.flush()
        return recorder.steps, recorder.hit_stop_string

    def _search(self, decoder: IncrementalDecoder) -> tuple[list[Step], BeamTree, bool]:
        plan = self._plan
        recorder = BeamRecorder(self._loaded, plan, self._cancel, self._emit)
        best: list[int] = []
        if not self._cancel.is_set():
            processors = [Tap(recorder.before_filters), *self._filters(), Tap(recorder.after_filters)]
            best = self._generate(processors, recorder)
        steps, tree = recorder.finish(best, decoder)
        for step in steps:
            self._emit(step)
        return steps, tree, recorder.hits_stop_string(best)

    def _continue(self, processors: list[Any], criterion: Any) -> None:
        model, plan = self._loaded.model, self._plan
        ids = torch.tensor([plan.prompt_ids], device=model.device)  # (1, prompt)
        continue_text(
            model,
            ids,
            processors,
            criterion,
            eos_ids=plan.eos_ids,
            max_new_tokens=plan.max_new_tokens,
            step=traced_step(model),
        )

    def _generate(self, processors: list[Any], criterion: Any) -> list[int]:
        """Run generate; return the ids of the best sequence, without the prompt."""
        model, plan = self._loaded.model, self._plan
        with torch.inference_mode():
            ids = torch.tensor([plan.prompt_ids], device=model.device)  # (1, prompt)
            output = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),  # else an end-of-text in the prompt is taken for padding
                generation_config=plan.config,
                logits_processor=LogitsProcessorList(processors),
                stopping_criteria=StoppingCriteriaList([criterion]),
            )
        return output[0, plan.n_given :].tolist()

    def _filters(self) -> list[LogitsProcessor]:
        plan = self._plan
        max_length = plan.n_given + plan.max_new_tokens
        rules = plan.rules.build(plan.n_given, max_length, sorted(plan.eos_ids), self._loaded.model.device)
        return build_filters(plan.settings, rules)


def stream(
    loaded: LoadedModel, prompt: str, settings: GenerationSettings, cancel: threading.Event | None = None
) -> Iterator[GenerationEvent]:
    """Return the events of a decoding as they happen, last the record. Closing the iterator ends the decoding.

    Raises PlaygroundError at once where the prompt cannot be continued.
    """
    return _events_of(DecodingRun(loaded, prompt, settings, cancel))


def _events_of(run: DecodingRun) -> Iterator[GenerationEvent]:
    run.start()
    try:
        while not run.finished:
            run.wait()
            yield from run.drain()
            run.join(GATHER_S)
    finally:
        if not run.finished:
            run.cancel()


def _finish_reason(plan: Plan, steps: list[Step], hit_stop_string: bool) -> FinishReason:
    is_full = len(steps) >= plan.max_new_tokens
    is_forced = is_full and plan.rules.forced_last is not None  # an end that was no choice
    if steps and steps[-1].token.id in plan.eos_ids and not is_forced:
        return "end-of-text"
    if hit_stop_string:
        return "stop-string"
    if is_full:
        return "context" if plan.cut_by_context else "length"
    return "stopped"
