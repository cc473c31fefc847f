"""Beam search as a tree: every hypothesis that transformers' search kept, finished or pruned."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float32, Int64
from transformers import StoppingCriteria

from playground.decoding.plan import Plan
from playground.decoding.processors import NothingLeftError, check_logits
from playground.decoding.recorder import Choice, Distribution, build_candidates, build_step, observe
from playground.decoding.stopping import StopTexts
from playground.models.codec import IncrementalDecoder
from playground.models.loading import LoadedModel
from playground.records import BeamNode, BeamProgress, BeamState, BeamTree, GenerationEvent, GenerationSettings, Step

# transformers gives rows that must not be continued a score of -1e9
_DEAD_SCORE = -1e8


@dataclass
class _Node:
    """A hypothesis while the search runs."""

    parent: int | None
    step: int
    log_prob: float
    score: float
    state: BeamState
    distribution: Distribution  # that its token was chosen from
    choice: Choice
    ended: bool


class BeamRecorder(StoppingCriteria):
    """Watches transformers' beam search from inside.

    As a logits processor (two taps) it sees, at each step, the running hypotheses, one a row, and their
    log-probabilities before and after the filters; as a stopping criterion the best continuations of all rows
    (2 * num_beams of them, more where there are several end-of-text ids), best first. transformers lets run on
    the best num_beams of those that have not ended; which these are is read off the rows of the next step.
    """

    def __init__(
        self, loaded: LoadedModel, plan: Plan, cancel: threading.Event, emit: Callable[[GenerationEvent], None]
    ) -> None:
        self._codec, self._plan, self._cancel, self._emit = loaded.codec, plan, cancel, emit
        self._num_beams = plan.settings.num_beams
        self._stop = StopTexts(plan, loaded.codec)
        self._n_given = plan.n_given
        self._n_begun = len(plan.begun_ids)
        self._nodes: list[_Node] = []
        self._continuations: Int64[torch.Tensor, "continuation token"] | None = None
        self._continuation_nodes: list[int] = []  # -1 where it has none
        self._row_nodes: list[int | None] = []

    def before_filters(
        self, input_ids: Int64[torch.Tensor, "row token"], scores: Float32[torch.Tensor, "row vocabulary"]
    ) -> None:
        check_logits(scores)
        self._rows, self._raw = input_ids, scores
        if self._continuations is None:  # all rows are the prompt, and transformers lets only the first live
            self._row_nodes = [None] * len(input_ids)
            self._row_scores = torch.full((len(input_ids),), -1e9, device=scores.device)
            self._row_scores[0] = 0.0
            return
        found = _match(input_ids, self._continuations)
        self._row_nodes = [self._continuation_nodes[index] for index in found]
        self._mark_running()
        rows = [self._nodes[node] if node is not None and node >= 0 else None for node in self._row_nodes]
        scores_of = [-1e9 if node is None or node.ended else node.score for node in rows]
        self._row_scores = torch.tensor(scores_of, device=scores.device)

    def after_filters(
        self, input_ids: Int64[torch.Tensor, "row token"], scores: Float32[torch.Tensor, "row vocabulary"]
    ) -> None:
        self._filtered = scores
        lives = self._row_scores > _DEAD_SCORE
        if not bool((scores[lives].amax(dim=-1) > -torch.inf).any()):
            raise NothingLeftError

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Take in the best continuations  # (continuation, token); return which of them are to end."""
        self._report(input_ids)
        self._is_cancelled = self._cancel.is_set()  # once: the tree must say what the search is told
        self._record(input_ids)
        return torch.tensor(
            [self._is_cancelled or self.hits_stop_string(ids) for ids in self._generated(input_ids)],
            device=input_ids.device,
        )

    def hits_stop_string(self, ids: list[int]) -> bool:
        """Return whether the text of generated ids holds one of the stop strings."""
        return self._stop.ends_ids(ids)

    def break_off(self) -> list[int]:
        """Let the best hypothesis at this moment be the end of a search that cannot go on; return its ids."""
        last = max((node.step for node in self._nodes), default=-1)
        here = [node for node in self._nodes if node.step == last and node.state != "pruned"]
        if not here:
            return []
        best: _Node | None = max(here, key=lambda node: node.score)
        ids: list[int] = []
        while best is not None:
            ids.append(best.choice.id)
            best = None if best.parent is None else self._nodes[best.parent]
        return ids[::-1]

    def finish(self, best_ids: list[int], decoder: IncrementalDecoder) -> tuple[list[Step], BeamTree]:
        """Return the steps of the best sequence, and the tree in which its nodes are marked.

        best_ids: what the search has written. Its nodes count from where it began, the steps from the prompt on.
        """
        children = {(node.parent, node.choice.id): index for index, node in enumerate(self._nodes)}
        path: list[int] = []
        for id in best_ids:
            path.append(children[path[-1] if path else None, id])
        in_path = set(path)
        steps = [
            build_step(
                self._n_begun + node.step,
                node.distribution,
                node.choice,
                decoder.push(node.choice.id),
                build_candidates(node.distribution, node.choice, self._codec),
            )
            for node in (self._nodes[index] for index in path)
        ]
        nodes = tuple(
            BeamNode(
                id=index,
                parent=node.parent,
                step=node.step,
                token_id=node.choice.id,
                label=self._codec.candidate_text(node.choice.id)[1],
                log_probability=node.log_prob,
                score=node.score,
                state=node.state,
                in_best=index in in_path,
                ended=node.ended,
            )
            for index, node in enumerate(self._nodes)
        )
        settings = self._plan.settings
        return steps, BeamTree(
            nodes, self._num_beams, settings.length_penalty, settings.early_stopping, self._plan.n_left
        )

    def _mark_running(self) -> None:
        """Correct which hypotheses run on by what transformers has taken: of equal scores it may take the later one."""
        running = set(self._row_nodes)
        for index in self._continuation_nodes:
            if index >= 0 and not self._nodes[index].ended:
                self._nodes[index].state = "running" if index in running else "pruned"

    def _record(self, continuations: Int64[torch.Tensor, "continuation token"]) -> None:
        """Add a node for every continuation of a running hypothesis, best first."""
        parent_rows = _match(continuations[:, :-1], self._rows)
        ids = continuations[:, -1].tolist()
        distributions, choices = observe(self._raw, self._filtered, ids, parent_rows)
        log_probs = self._filtered[parent_rows, ids]
        totals = (log_probs + self._row_scores[parent_rows]).tolist()  # float32, as transformers adds them
        step = continuations.shape[1] - 1 - self._n_given - self._n_begun
        self._continuations, self._continuation_nodes = continuations, []
        ended = self._ended(continuations)
        running = self._running(totals, ended)
        seen: set[tuple[int, int]] = set()
        for place, (row, choice, log_prob, score) in enumerate(
            zip(parent_rows, choices, log_probs.tolist(), totals, strict=True)
        ):
            # A vocabulary smaller than the search is wide makes it continue rows that are dead, or the same twice
            if score < _DEAD_SCORE or (row, choice.id) in seen:
                self._continuation_nodes.append(-1)
                continue
            seen.add((row, choice.id))
            state: BeamState = "pruned"
            if ended[place]:
                state = "finished" if place < self._num_beams else "pruned"
            elif place in running:
                state = "running"
            self._continuation_nodes.append(len(self._nodes))
            parent = self._row_nodes[row]
            self._nodes.append(
                _Node(parent, step, log_prob, score, state, distributions[row], choice, ended=ended[place])
            )

    def _running(self, totals: list[float], ended: list[bool]) -> set[int]:
        """Return the places of the continuations that run on: the best that have not ended, also where all are drawn.

        Drawn continuations come in the order of the draw.
        """
        places = [place for place, over in enumerate(ended) if not over]
        return set(sorted(places, key=lambda place: -totals[place])[: self._num_beams])

    def _ended(self, continuations: Int64[torch.Tensor, "continuation token"]) -> list[bool]:
        """Return which continuations are complete: by length, an end-of-text, a stop string, or since it is to stop."""
        generated = self._generated(continuations)
        full = len(generated[0]) >= self._plan.max_new_tokens or self._is_cancelled
        return [full or ids[-1] in self._plan.eos_ids or self.hits_stop_string(ids) for ids in generated]

    def _generated(self, sequences: Int64[torch.Tensor, "sequence token"]) -> list[list[int]]:
        return sequences[:, self._n_given :].tolist()

    def _report(self, continuations: Int64[torch.Tensor, "continuation token"]) -> None:
        ids = continuations[0, self._n_given + self._n_begun :].tolist()
        labels = tuple(self._codec.candidate_text(id)[1] for id in ids)
        self._emit(BeamProgress(step=len(ids), text=self._codec.decode(ids), token_labels=labels))


def chain_tree(steps: Sequence[Step], settings: GenerationSettings) -> BeamTree:
    """Return the tree of a search with one beam, which is greedy decoding: one hypothesis, nothing pruned.

    steps: those that the search has taken
    """
    nodes: list[BeamNode] = []
    score = 0.0
    for index, step in enumerate(steps):
        log_prob = float(torch.tensor(step.chosen.probability).log())
        score += log_prob
        state: BeamState = "finished" if index == len(steps) - 1 else "running"
        parent = index - 1 if index else None
        ended = state == "finished"
        nodes.append(
            BeamNode(index, parent, index, step.chosen.id, step.chosen.label, log_prob, score, state, True, ended)
        )
    return BeamTree(tuple(nodes), 1, settings.length_penalty, settings.early_stopping, settings.max_new_tokens)


def _match(wanted: Int64[torch.Tensor, "sequence token"], among: Int64[torch.Tensor, "other token"]) -> list[int]:
    """Return for each sequence of `wanted` the place of the first equal one of `among`: each is known to be there."""
    equal = (wanted[:, None] == among[None]).all(dim=-1)  # (sequence, other)
    return equal.int().argmax(dim=-1).tolist()
