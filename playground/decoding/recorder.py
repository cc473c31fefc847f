"""What was seen of a step: the distribution before and after the filters."""

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import StoppingCriteria

from playground.decoding.processors import check_logits
from playground.models.codec import IncrementalDecoder, TokenCodec
from playground.records import Candidate, Step, Token

N_CANDIDATES = 50
_MOST_GATHERED = 16  # steps: 6 MB of logits at a vocabulary of 50,000
_LOWEST = np.finfo(np.float32).min


@dataclass(frozen=True)
class Choice:
    """A chosen token in the distribution that it was chosen from."""

    id: int
    raw_probability: float
    probability: float
    rank: int


@dataclass(frozen=True)
class Distribution:
    """The most likely tokens of one step, as plain numbers; best first."""

    ids: list[int]
    raw_probabilities: list[float]
    probabilities: list[float]  # after the filters
    entropy_bits: float
    n_kept: int


def observe(
    raw: torch.Tensor, filtered: torch.Tensor, ids: list[int], rows: list[int] | None = None
) -> tuple[list[Distribution], list[Choice]]:
    """Return the distribution of each row, and of each chosen id its place in the distribution of its row.

    raw, filtered: float32 logits (or log-probabilities) before and after the filters  # (row, vocabulary)
    ids, rows: of each choice its token id and its row; without `rows` one choice a row  # (choice,)
    """
    # NumPy, since this runs beside the decoding: torch would gather a second team of threads for the same cores
    logits, kept = raw.cpu().numpy(), filtered.cpu().numpy()
    probs, log_probs = _softmax(logits)
    left = probs if filtered is raw else _softmax(kept)[0]
    # 0 * log 0 is 0: a logit of -inf adds nothing
    entropy_bits = np.einsum("rv,rv->r", probs, np.maximum(log_probs, _LOWEST)) / -math.log(2)
    top_ids = _most_likely(logits, min(N_CANDIDATES, logits.shape[-1]))  # (row, candidate)
    distributions = [
        Distribution(*values)
        for values in zip(
            top_ids.tolist(),
            np.take_along_axis(probs, top_ids, -1).tolist(),
            np.take_along_axis(left, top_ids, -1).tolist(),
            entropy_bits.tolist(),
            np.count_nonzero(kept > -np.inf, axis=-1).tolist(),
            strict=True,
        )
    ]
    at = (np.arange(len(ids)) if rows is None else np.asarray(rows), np.asarray(ids))  # (choice,)
    ranks = 1 + np.count_nonzero(logits[at[0]] > logits[at][:, None], axis=-1)
    choices = [
        Choice(*values) for values in zip(ids, probs[at].tolist(), left[at].tolist(), ranks.tolist(), strict=True)
    ]
    return distributions, choices


def _softmax(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and log-probabilities of each row, float32 [row, vocabulary]."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(axis=-1, keepdims=True)
    return exponentials / totals, shifted - np.log(totals)


def _most_likely(logits: np.ndarray, count: int) -> np.ndarray:
    """Return the ids of the `count` largest logits of each row, largest first  # (row, count)."""
    largest = np.argpartition(logits, -count, axis=-1)[:, -count:]
    order = np.argsort(-np.take_along_axis(logits, largest, -1), axis=-1, kind="stable")
    return np.take_along_axis(largest, order, -1)


def build_step(index: int, distribution: Distribution, choice: Choice, token: Token, codec: TokenCodec) -> Step:
    """Return the record of a step; the chosen candidate is last where it is not among the most likely."""
    texts, labels = zip(*map(codec.candidate_text, distribution.ids), strict=True)
    candidates = list(
        map(Candidate, distribution.ids, texts, labels, distribution.raw_probabilities, distribution.probabilities)
    )
    if choice.id in distribution.ids:
        chosen = candidates[distribution.ids.index(choice.id)]
    else:
        chosen = Candidate(choice.id, *codec.candidate_text(choice.id), choice.raw_probability, choice.probability)
        candidates.append(chosen)
    return Step(
        index=index,
        chosen=chosen,
        rank=choice.rank,
        candidates=tuple(candidates),
        entropy_bits=distribution.entropy_bits,
        n_kept=distribution.n_kept,
        token=token,
    )


class StepRecorder(StoppingCriteria):
    """Records greedy decoding and sampling, and stops on the stop strings and when cancelled.

    It has two taps beside the filters, and is, as a stopping criterion, where the chosen token is known.

    While decoding it only keeps the logits; `flush` makes steps of all that have gathered, which costs a third of
    making them one by one. Whoever fetches the steps calls it, in another thread.
    """

    def __init__(
        self,
        codec: TokenCodec,
        decoder: IncrementalDecoder,
        stop: tuple[str, ...],
        cancel: threading.Event,
        emit: Callable[[Step], None],
        notify: Callable[[], None],
    ) -> None:
        self.steps: list[Step] = []
        self.hit_stop_string = False
        self._codec, self._decoder, self._stop, self._cancel = codec, decoder, stop, cancel
        self._emit, self._notify = emit, notify
        self._gathered: deque[tuple[torch.Tensor, torch.Tensor, Token]] = deque()  # logits before and after the filters
        self._flushing = threading.Lock()
        self._text = ""
        self._stopped = False

    @property
    def has_gathered(self) -> bool:
        """Whether `flush` would emit steps."""
        return bool(self._gathered)

    def before_filters(self, input_ids: torch.Tensor, scores: torch.Tensor) -> None:
        check_logits(scores)
        self._raw = scores  # (1, vocabulary)

    def after_filters(self, input_ids: torch.Tensor, scores: torch.Tensor) -> None:
        self._filtered = scores

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Take in the chosen token, the last of `input_ids`  # (1, length); return whether to end."""
        if not self._stopped:  # on MPS generate takes one step more before it looks
            self._gather(int(input_ids[0, -1]))
            self._stopped = self.hit_stop_string or self._cancel.is_set()
        return torch.tensor([self._stopped], device=input_ids.device)

    def flush(self) -> None:
        """Emit the steps that have gathered, in order, from whichever thread."""
        with self._flushing:
            gathered = [self._gathered.popleft() for _ in range(len(self._gathered))]  # another thread appends
            if not gathered:
                return
            raw = torch.cat([raw for raw, _, _ in gathered])
            unfiltered = all(filtered is raw for raw, filtered, _ in gathered)
            filtered = raw if unfiltered else torch.cat([filtered for _, filtered, _ in gathered])
            tokens = [token for *_, token in gathered]
            seen = zip(*observe(raw, filtered, [token.id for token in tokens]), tokens, strict=True)
            for distribution, choice, token in seen:
                self.steps.append(build_step(len(self.steps), distribution, choice, token, self._codec))
                self._emit(self.steps[-1])

    def _gather(self, id: int) -> None:
        token = self._decoder.push(id)
        self._gathered.append((self._raw, self._filtered, token))
        if len(self._gathered) >= _MOST_GATHERED:
            self.flush()
        self._notify()
        if self._stop:
            self._text += token.text
            self.hit_stop_string = any(text in self._text for text in self._stop)
