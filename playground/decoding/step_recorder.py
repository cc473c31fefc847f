"""Watches one text, or several at once, being written token by token, and makes a record of every step."""

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from transformers import (
    LogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    SequenceBiasLogitsProcessor,
    StoppingCriteria,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
)

from playground.decoding.processors import Draw, Filter, Tap, check_choice, check_logits
from playground.decoding.recorder import build_draw, build_funnels, build_step, describe_stages, observe_stages
from playground.decoding.stopping import StopTexts
from playground.models.codec import IncrementalDecoder, TokenCodec
from playground.records import Step, Token

_MOST_GATHERED = 16  # steps: 6 MB of logits at a vocabulary of 50,000, for each stage
_MOST_LOGITS = 2**17  # taken together: what a core's cache holds; more are slower than one step after the other

# Processors that may leave nothing to choose
_MAY_EMPTY = (
    NoRepeatNGramLogitsProcessor,
    SequenceBiasLogitsProcessor,
    SuppressTokensLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
)


class _Gathered(NamedTuple):
    raw: torch.Tensor  # (1, vocabulary)
    filtered: tuple[torch.Tensor, ...]  # after each filter
    exponentials: torch.Tensor | None  # that the token was drawn with
    token: Token


def _at_once(logits: torch.Tensor) -> int:
    """Return how many steps of such logits (1, vocabulary) are made together."""
    return max(1, _MOST_LOGITS // logits.shape[-1])


class StepRecorder(StoppingCriteria):
    """Records greedy decoding and sampling, and stops on the stop texts and when cancelled.

    It has taps before, between and behind the filters, and is, as a stopping criterion, where the chosen token is
    known. Where several texts are written at once, one a row, the steps are those of the first.

    While decoding it only keeps the logits; `flush` makes steps of all that have gathered, which costs a third of
    making them one by one. Whoever fetches the steps calls it, in another thread.
    """

    def __init__(
        self,
        codec: TokenCodec,
        decoder: IncrementalDecoder,
        stop: StopTexts,
        cancel: threading.Event,
        *,
        end_ids: Collection[int],
        names: Sequence[str],
        drawing: Draw | None,
        is_fetched: bool,
    ) -> None:
        """is_fetched: another thread calls `flush` while this one decodes; if not, what has gathered stays small."""
        self.steps: list[Step] = []
        self.hit_stop_string = False
        self.others: list[list[int]] = []  # ids of the texts beside the first
        self._codec, self._decoder, self._stop, self._cancel = codec, decoder, stop, cancel
        self._end_ids, self._names, self._drawing = end_ids, names, drawing
        self._is_fetched = is_fetched
        self._emit: Callable[[Step], None] = lambda step: None
        self._notify: Callable[[], None] = lambda: None
        self._gathered: deque[_Gathered] = deque()
        self._flushing = threading.Lock()
        self._text = ""
        self._begun_ids: list[int] = []
        self._n_left: int | None = None  # tokens that may still come; None: as many as do
        self._over: list[bool] = [False]  # of each row

    def go_on(self, begun: Sequence[Step], most: int | None) -> None:
        """Take steps that were taken before for the first ones, and stop after `most` more."""
        self.steps = [*begun]
        self._text = "".join(step.token.text for step in begun)
        self._begun_ids = [step.chosen.id for step in begun]
        self._n_left = most

    def tell(self, emit: Callable[[Step], None], notify: Callable[[], None]) -> None:
        """Hand steps to `emit` as they are made, and call `notify` when there is something to flush."""
        self._emit, self._notify = emit, notify

    @property
    def has_gathered(self) -> bool:
        """Whether `flush` would emit steps."""
        return bool(self._gathered)

    def before_filters(self, input_ids: torch.Tensor, scores: torch.Tensor) -> None:
        check_logits(scores)
        self._raw = scores[:1]  # (1, vocabulary)
        self._filtered: list[torch.Tensor] = []

    def after_filter(self, input_ids: torch.Tensor, scores: torch.Tensor) -> None:
        self._filtered.append(scores[:1])

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Take in the chosen tokens, the last of `input_ids`  # (row, length); return which rows are to end."""
        if len(input_ids) > len(self._over):
            self._over += [False] * (len(input_ids) - len(self._over))
            self.others = [[*self._begun_ids] for _ in self._over[1:]]
        if not self._over[0]:  # on MPS generate takes one step more before it looks
            self._gather(int(input_ids[0, -1]))
        for row, ids in enumerate(self.others, start=1):
            if not self._over[row]:
                ids.append(int(input_ids[row, -1]))
                self._over[row] = ids[-1] in self._end_ids or self._stop.ends_ids(ids)
        if self._n_left is not None:
            self._n_left -= 1
        cancelled = self._cancel.is_set() or self._n_left == 0
        return torch.tensor([over or cancelled for over in self._over], device=input_ids.device)

    def flush(self) -> None:
        """Emit the steps that have gathered, in order, from whichever thread."""
        with self._flushing:
            gathered = [self._gathered.popleft() for _ in range(len(self._gathered))]  # another thread appends
            if not gathered:
                return
            at_once = _at_once(gathered[0].raw)
            for begin in range(0, len(gathered), at_once):
                self._make_steps(gathered[begin : begin + at_once])

    def _make_steps(self, gathered: Sequence[_Gathered]) -> None:
        raw = torch.cat([one.raw for one in gathered])
        stages = observe_stages(
            raw, [torch.cat(same) for same in zip(*(one.filtered for one in gathered), strict=True)]
        )
        distributions, choices = describe_stages(stages, [one.token.id for one in gathered], end_ids=self._end_ids)
        ids = [
            of.ids if choice.id in of.ids else [*of.ids, choice.id]
            for of, choice in zip(distributions, choices, strict=True)
        ]
        funnels = build_funnels(self._names, stages, ids)
        for row, one in enumerate(gathered):
            step = build_step(len(self.steps), distributions[row], choices[row], one.token, self._codec, funnels[row])
            if one.exponentials is not None:
                drawn = build_draw(stages.probs[-1][row], one.exponentials.cpu().numpy()[0], step, self._codec)
                step = replace(step, draw=drawn)
            self.steps.append(step)
            self._emit(step)

    def _gather(self, id: int) -> None:
        token = self._decoder.push(id)
        drawn = self._drawing.exponentials if self._drawing else None
        self._gathered.append(_Gathered(self._raw, (*self._filtered,), None if drawn is None else drawn[:1], token))
        most = _MOST_GATHERED if self._is_fetched else min(_MOST_GATHERED, _at_once(self._raw))
        if len(self._gathered) >= most:
            self.flush()
        self._notify()
        n_before = len(self._text)
        self._text += token.text
        self.hit_stop_string = self._stop.ends(self._text, n_before)
        self._over[0] = self.hit_stop_string or id in self._end_ids


def tapped(filters: Sequence[Filter], recorder: StepRecorder) -> list[LogitsProcessor]:
    """Return the filters with the recorder's taps before them and after each stage.

    Where they may leave nothing to choose, that is checked last.
    """
    processors: list[LogitsProcessor] = [Tap(recorder.before_filters)]
    for at, one in enumerate(filters):
        processors.append(one.process)
        if at + 1 == len(filters) or filters[at + 1].name != one.name:
            processors.append(Tap(recorder.after_filter))
    may_empty = any(isinstance(one.process, _MAY_EMPTY) for one in filters)
    return [*processors, Tap(check_choice)] if may_empty else processors
