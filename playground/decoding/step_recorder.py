"""Watches one text, or several at once, being written token by token, and makes a record of every step."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64
from transformers import (
    LogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    SequenceBiasLogitsProcessor,
    StoppingCriteria,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
)

from playground.decoding.processors import Draw, Filter, Tap, check_choice, check_logits
from playground.decoding.recorder import (
    Choice,
    Distribution,
    Race,
    Survivors,
    build_candidates,
    build_draw,
    build_step,
    count_survivors,
    describe_stages,
    observe_stages,
    run_races,
)
from playground.decoding.stopping import StopTexts
from playground.models.codec import IncrementalDecoder, TokenCodec
from playground.records import Funnel, Step, Token

_MOST_GATHERED = 2**22  # logits of all stages: 16 MB, 27 steps at a vocabulary of 50,000 and three stages
_MOST_LOGITS = 2**16  # taken together: what a core's cache holds; more are slower than one step after the other

# Processors that may leave nothing to choose
_MAY_EMPTY = (
    NoRepeatNGramLogitsProcessor,
    SequenceBiasLogitsProcessor,
    SuppressTokensLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
)


class _Gathered(NamedTuple):
    id: int
    stages: list[Float32[torch.Tensor, "1 vocabulary"]]  # logits before the filters and after each stage of them
    exponentials: Any  # (row, vocabulary), that the tokens were drawn with; None where nothing is drawn
    token: Token | None  # None where its text is not needed while decoding


class _Observed(NamedTuple):
    id: int
    token: Token | None
    distribution: Distribution
    choice: Choice
    survivors: Survivors
    race: Race | None


def _at_once(logits: torch.Tensor) -> int:
    """Return how many steps of such logits (1, vocabulary) are made together."""
    return max(1, _MOST_LOGITS // logits.shape[-1])


class StepRecorder(StoppingCriteria):
    """Records greedy decoding and sampling, and stops on the stop texts and when cancelled.

    In generate it has taps before, between and behind the filters, and is, as a stopping criterion, where the chosen
    token is known; continue_text hands it all of that. Where several texts are written at once, one a row, the steps
    are those of the first.

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
        filters: Sequence[Filter],
        drawing: Draw | None,
        is_fetched: bool,
    ) -> None:
        """is_fetched: another thread calls `flush` while this one decodes; if not, what has gathered stays small."""
        self.steps: list[Step] = []
        self.hit_stop_string = False
        self.others: list[list[int]] = []  # ids of the texts beside the first
        self._codec, self._decoder, self._stop, self._cancel = codec, decoder, stop, cancel
        self._end_ids, self._drawing = end_ids, drawing
        self._names = ("model", *dict.fromkeys(one.name for one in filters))  # of the funnel's stages
        self._places = [0, *stage_ends(filters)]
        self._is_fetched = is_fetched
        self._emit: Callable[[Step], None] = lambda step: None
        self._notify: Callable[[], None] = lambda: None
        self._gathered: deque[_Gathered] = deque()
        self._observed: deque[_Observed] = deque()
        self._flushing = threading.Lock()
        self._text = ""
        self._begun_ids: list[int] = []
        self._n_left: int | None = None  # tokens that may still come; None: as many as do
        self._over: list[bool] = [False]  # of each row
        self._stops_all = False

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
        return bool(self._gathered or self._observed)

    def before_filters(
        self, input_ids: Int64[torch.Tensor, "row token"], scores: Float32[torch.Tensor, "row vocabulary"]
    ) -> None:
        check_logits(scores)
        self._seen = [scores[:1]]  # each (1, vocabulary)

    def after_filter(
        self, input_ids: Int64[torch.Tensor, "row token"], scores: Float32[torch.Tensor, "row vocabulary"]
    ) -> None:
        self._seen.append(scores[:1])

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Take in the chosen tokens, the last of `input_ids`  # (row, length); return which rows are to end."""
        if len(input_ids) > len(self._over):
            self._over += [False] * (len(input_ids) - len(self._over))
            self.others = [[*self._begun_ids] for _ in self._over[1:]]
        self._take(int(input_ids[0, -1]), self._seen)
        for row, ids in enumerate(self.others, start=1):
            if not self._over[row]:
                ids.append(int(input_ids[row, -1]))
                self._over[row] = ids[-1] in self._end_ids or self._stop.ends_ids(ids)
        return torch.tensor([over or self._stops_all for over in self._over], device=input_ids.device)

    def take(self, id: int, stages: list[Float32[torch.Tensor, "1 vocabulary"]]) -> bool:
        """Take in the chosen token, and the scores before the filters and after each; return whether it is the last."""
        return self._take(id, [stages[place] for place in self._places])

    def _take(self, id: int, stages: list[torch.Tensor]) -> bool:
        if not self._over[0]:  # on MPS generate takes one step more before it looks
            self._gather(id, stages)
        if self._n_left is not None:
            self._n_left -= 1
        self._stops_all = self._cancel.is_set() or self._n_left == 0
        return self._over[0] or self._stops_all

    def observe(self) -> None:
        """Keep of the logits that have gathered what the steps say of them, from whichever thread.

        It is nearly all of what `flush` does, in NumPy, which leaves Python's lock to the decoding meanwhile.
        """
        with self._flushing:
            self._observe_gathered()

    def flush(self) -> None:
        """Emit the steps that have gathered, in order, from whichever thread."""
        with self._flushing:
            self._observe_gathered()
            while self._observed:
                step = self._build_step(self._observed.popleft())
                self.steps.append(step)
                self._emit(step)

    def _observe_gathered(self) -> None:
        gathered = [self._gathered.popleft() for _ in range(len(self._gathered))]  # another thread appends
        if not gathered:
            return
        at_once = _at_once(gathered[0].stages[0])
        for begin in range(0, len(gathered), at_once):
            self._observe_together(gathered[begin : begin + at_once])

    def _observe_together(self, gathered: Sequence[_Gathered]) -> None:
        logits = [torch.cat(same) for same in zip(*(one.stages for one in gathered), strict=True)]
        check_logits(logits[0])  # whoever chose may have had those that are no numbers filtered out
        stages = observe_stages(logits[0], logits[1:])
        ids = [one.id for one in gathered]
        distributions, choices = describe_stages(stages, ids, end_ids=self._end_ids)
        races: Sequence[Race | None] = [None] * len(gathered)
        if self._drawing is not None:
            exponentials = torch.cat([one.exponentials[:1] for one in gathered]).cpu().numpy()
            races = run_races(stages.probs[-1], exponentials, ids, np.stack([one.ids for one in distributions]))
        tokens = [one.token for one in gathered]
        values = zip(ids, tokens, distributions, choices, count_survivors(stages), races, strict=True)
        self._observed += itertools.starmap(_Observed, values)

    def _build_step(self, one: _Observed) -> Step:
        candidates = build_candidates(one.distribution, one.choice, self._codec)
        return build_step(
            len(self.steps),
            one.distribution,
            one.choice,
            one.token or self._decoder.push(one.id),
            candidates,
            funnel=Funnel(self._names, *one.survivors, candidates.probabilities),
            draw=build_draw(one.race, candidates) if one.race else None,
        )

    def _most_gathered(self, stages: list[torch.Tensor]) -> int:
        if not self._is_fetched:
            return _at_once(stages[0])
        return max(1, _MOST_GATHERED // (len(stages) * stages[0].shape[-1]))

    def _gather(self, id: int, stages: list[torch.Tensor]) -> None:
        drawn = self._drawing.exponentials if self._drawing else None
        token = self._decoder.push(id) if self._stop else None
        self._gathered.append(_Gathered(id, stages, drawn, token))
        if len(self._gathered) >= self._most_gathered(stages):
            self.flush()
        self._notify()
        if token is not None:
            n_before = len(self._text)
            self._text += token.text
            self.hit_stop_string = self._stop.ends(self._text, n_before)
        self._over[0] = self.hit_stop_string or id in self._end_ids


def tapped(filters: Sequence[Filter], recorder: StepRecorder) -> list[LogitsProcessor]:
    """Return the filters with the recorder's taps before them and after each stage.

    Where they may leave nothing to choose, that is checked last.
    """
    ends = stage_ends(filters)
    processors: list[LogitsProcessor] = [Tap(recorder.before_filters)]
    for place, process in enumerate(checked(filters), start=1):
        processors.append(process)
        if place in ends:
            processors.append(Tap(recorder.after_filter))
    return processors


def checked(filters: Sequence[Filter]) -> list[LogitsProcessor]:
    """Return the processors of the filters and, where they may leave nothing to choose, a last one that looks."""
    may_empty = any(isinstance(one.process, _MAY_EMPTY) for one in filters)
    return [*(one.process for one in filters), *([Tap(check_choice)] if may_empty else [])]


def stage_ends(filters: Sequence[Filter]) -> list[int]:
    """Return how many filters have run where a stage of the funnel ends: filters of one name are one stage."""
    following = [one.name for one in filters[1:]]
    return [
        place
        for place, (one, name) in enumerate(itertools.zip_longest(filters, following), start=1)
        if one.name != name
    ]
