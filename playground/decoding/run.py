"""A decoding in a thread of its own, whose events are fetched as they gather."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from transformers import (
    LogitsProcessorList,
    StoppingCriteriaList,
)

from playground.decoding.beam import BeamRecorder, chain_tree
from playground.decoding.loop import continue_text, fits_loop
from playground.decoding.outcome import finish_reason_of, reason_to_break_off, score_in
from playground.decoding.plan import generate_draws, plan_decoding
from playground.decoding.processors import Draw, Filter, NothingLeftError, SeededDraws, Tap, build_filters
from playground.decoding.step_recorder import StepRecorder, checked, tapped
from playground.decoding.stopping import StopTexts
from playground.decoding.traced import traced_step
from playground.models.codec import IncrementalDecoder, with_rest
from playground.models.cores import has_free_core
from playground.models.loading import LoadedModel
from playground.models.reading import start_tokens
from playground.records import (
    BeamTree,
    FinishReason,
    GeneratedSequence,
    GenerationEvent,
    GenerationRecord,
    GenerationSettings,
    Step,
)

# A consumer that wakes at every token takes turns with the decoding for Python's lock, at two thirds of the speed
GATHER_S = 0.02
_OBSERVE_S = 0.05  # where nobody waits for the steps


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
        *,
        begun: Sequence[Step] = (),
        most: int | None = None,
    ) -> None:
        """begun: steps that have been taken already, and stay; most: write at most so many more for now.

        The run then goes on as if it had taken those steps itself: the length counts from the prompt on, and what
        is drawn is what the seed gives behind so many draws. (Several texts, and a search, begin anew there.)
        """
        self._loaded = loaded
        self._plan = plan_decoding(loaded, prompt, settings, tuple(step.chosen.id for step in begun))
        self._begun, self._most = begun, most
        self._cancel = cancel or threading.Event()
        self._events: deque[GenerationEvent] = deque()
        self._news = threading.Condition()
        self._is_fetched = False  # another thread makes the steps, from what gathers
        self._finished = False
        self._over = threading.Event()  # beside the condition, which is notified at every token
        self._error: BaseException | None = None
        self._recorder: StepRecorder | None = None
        self._broken_off: FinishReason | None = None  # why it could not go on
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)

    def start(self) -> None:
        """Begin to decode; returns at once."""
        self._is_fetched = True
        self._thread.start()

    def complete(self) -> GenerationRecord:
        """Decode in the calling thread, in place of `start`, and return the record.

        torch's threads sleep between operations when they work for another than the main thread, if it has as many
        of them as there are cores (libgomp counts the main thread in): 190 tokens/s, and 660 in the main thread.
        Where torch leaves a core free, the logits are looked into beside it, by NumPy, which leaves Python's lock to
        the decoding. What needs the lock, making steps of it, waits for the end: any thread that computes in Python
        costs the one that decodes as long as it takes.
        """
        if not has_free_core():
            return self._decode()
        self._is_fetched = True
        with ThreadPoolExecutor(1, "recording") as pool:
            recording = pool.submit(self._observe_until_over)
            try:
                record = self._decode()
            finally:
                self._over.set()
            recording.result()
        return record

    def _observe_until_over(self) -> None:
        while not self._over.wait(_OBSERVE_S):
            if self._recorder is not None:
                self._recorder.observe()

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
        # One that was chosen by hand may end, or begin, within a character
        self._begun = [replace(step, token=decoder.push(step.chosen.id)) for step in self._begun]
        others: tuple[GeneratedSequence, ...]
        if settings.searches:
            steps, tree, hit_stop_string, others = self._search(decoder)
        else:
            steps, hit_stop_string, others = self._choose_one_by_one(decoder)
            tree = chain_tree(steps[len(self._begun) :], settings) if settings.strategy == "beam" else None
        if steps and (rest := decoder.finish()):
            steps[-1] = replace(steps[-1], token=with_rest(steps[-1].token, rest))
        text, ids = "".join(step.token.text for step in steps), tuple(step.token.id for step in steps)
        return GenerationRecord(
            model=self._loaded.spec.name,
            prompt=plan.prompt,
            settings=settings,
            text=text,
            prompt_ids=plan.prompt_ids,
            token_ids=ids,
            prompt_tokens=plan.prompt_tokens,
            steps=tuple(steps),
            finish_reason=finish_reason_of(
                plan, steps, hit_stop_string, self._broken_off, is_paused=self._is_paused(len(steps))
            ),
            beam_tree=tree,
            duration_s=time.perf_counter() - started,
            sequences=(GeneratedSequence(ids, text, tree.sequence_score if tree else None), *others),
            n_begun=len(self._begun),
        )

    def _is_paused(self, n_steps: int) -> bool:
        return self._most is not None and n_steps - len(self._begun) >= self._most and not self._cancel.is_set()

    def _is_over(self, stop: StopTexts) -> bool:
        """Return whether there is nothing to write: it was stopped, or what has been begun with is a whole text."""
        plan = self._plan
        ends = bool(plan.begun_ids) and (plan.begun_ids[-1] in plan.eos_ids or stop.ends_ids([*plan.begun_ids]))
        return ends or not plan.n_left or self._most == 0 or self._cancel.is_set()

    def _choose_one_by_one(self, decoder: IncrementalDecoder) -> tuple[list[Step], bool, tuple[GeneratedSequence, ...]]:
        plan, settings, codec = self._plan, self._plan.settings, self._loaded.codec
        draw = Draw(settings.seed, self._loaded.model.device, len(self._begun)) if settings.draws else None
        filters = self._filters()
        stop = StopTexts(plan, codec)
        recorder = StepRecorder(
            codec,
            decoder,
            stop,
            self._cancel,
            end_ids=plan.eos_ids,
            filters=filters,
            drawing=draw,
            is_fetched=self._is_fetched,
        )
        recorder.go_on(self._begun, self._most)
        if threading.current_thread() is self._thread:  # else nobody fetches: telling takes some 7 µs a token
            recorder.tell(self._emit, self._notify)
        self._recorder = recorder
        if not self._is_over(stop):
            try:
                if draw is not None and generate_draws(settings):
                    with SeededDraws(draw):
                        self._generate(tapped(filters, recorder), recorder)
                elif fits_loop(self._loaded.model):
                    self._continue(checked(filters), recorder, draw)
                else:
                    self._generate([*tapped(filters, recorder), *([draw] if draw else [])], recorder)
            except (NothingLeftError, MemoryError, RuntimeError) as error:
                self._broken_off = reason_to_break_off(error)
        recorder.flush()
        others = tuple(GeneratedSequence(tuple(ids), codec.decode(ids), None) for ids in recorder.others)
        hit_stop_string = recorder.hit_stop_string or stop.ends_ids([*plan.begun_ids])
        return recorder.steps, hit_stop_string, others

    def _search(self, decoder: IncrementalDecoder) -> tuple[list[Step], BeamTree, bool, tuple[GeneratedSequence, ...]]:
        plan = self._plan
        recorder = BeamRecorder(self._loaded, plan, self._cancel, self._emit)
        begun = [*plan.begun_ids]
        found: list[list[int]] = [[]]
        if not self._is_over(StopTexts(plan, self._loaded.codec)):
            processors = [
                Tap(recorder.before_filters),
                *(one.process for one in self._filters()),
                Tap(recorder.after_filters),
            ]
            drawn = SeededDraws(Draw(plan.settings.seed, self._loaded.model.device))
            try:
                with drawn if plan.settings.draws else nullcontext():
                    found = self._generate(processors, recorder)
            except (NothingLeftError, MemoryError, RuntimeError) as error:
                self._broken_off = reason_to_break_off(error)
                found = [recorder.break_off()]
        steps, tree = recorder.finish(found[0], decoder)
        for step in steps:
            self._emit(step)
        decode = self._loaded.codec.decode
        others = tuple(GeneratedSequence((*begun, *ids), decode(begun + ids), score_in(tree, ids)) for ids in found[1:])
        return [*self._begun, *steps], tree, recorder.hits_stop_string(begun + found[0]), others

    def _continue(self, processors: list[Any], recorder: StepRecorder, draw: Draw | None) -> None:
        model, plan = self._loaded.model, self._plan
        ids = torch.tensor([[*plan.prompt_ids, *plan.begun_ids]], device=model.device)  # (1, length)
        continue_text(
            model,
            ids,
            processors,
            recorder.take,
            eos_ids=plan.eos_ids,
            max_new_tokens=plan.n_left,
            draw=draw,
            step=traced_step(model),
        )

    def _generate(self, processors: list[Any], criterion: Any) -> list[list[int]]:
        """Run generate; return the ids of each sequence, best first, without what it began with."""
        model, plan = self._loaded.model, self._plan
        given, more = [*plan.prompt_ids], {}
        if plan.begun_ids and model.config.is_encoder_decoder:
            start = [token.id for token in start_tokens(self._loaded)]
            more["decoder_input_ids"] = torch.tensor([[*start, *plan.begun_ids]], device=model.device)
        else:
            given += plan.begun_ids
        with torch.inference_mode():
            ids = torch.tensor([given], device=model.device)  # (1, length)
            output = model.generate(
                ids,
                **more,
                attention_mask=torch.ones_like(ids),  # else an end-of-text in the prompt is taken for padding
                generation_config=plan.config,
                logits_processor=LogitsProcessorList(processors),
                stopping_criteria=StoppingCriteriaList([criterion]),
            )
        sequences = output.sequences[:, plan.n_given + len(plan.begun_ids) :].tolist()
        places = getattr(output, "beam_indices", None)  # (sequence, length), -1 behind the end of each
        if places is None:
            return sequences
        lengths = (places >= 0).sum(dim=1).tolist()
        return [ids[:length] for ids, length in zip(sequences, lengths, strict=True)]

    def _filters(self) -> list[Filter]:
        plan, settings = self._plan, self._plan.settings
        rules = plan.rules.build(
            plan.n_given,
            plan.n_given + plan.max_new_tokens,
            sorted(plan.eos_ids),
            self._loaded.model.device,
            num_beams=settings.num_beams if settings.searches else 1,
            n_tokens=self._loaded.spec.vocabulary_size,
        )
        return build_filters(settings, rules, plan.eos_ids)


def stream(
    loaded: LoadedModel,
    prompt: str,
    settings: GenerationSettings,
    cancel: threading.Event | None = None,
    *,
    begun: Sequence[Step] = (),
) -> Iterator[GenerationEvent]:
    """Return the events of a decoding as they happen, last the record. Closing the iterator ends the decoding.

    begun: as of DecodingRun. Raises PlaygroundError at once where the prompt cannot be continued.
    """
    return _events_of(DecodingRun(loaded, prompt, settings, cancel, begun=begun))


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
