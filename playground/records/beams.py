"""Beam search: every hypothesis of a run, and what ranks them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

BeamState = Literal["running", "pruned", "finished"]


@dataclass(frozen=True)
class BeamNode:
    """A hypothesis of a beam search: its last token, and the hypothesis that it continues (parent, None at the root).

    `score` is the sum of the log-probabilities of its generated tokens, in nats; where there is a repetition
    penalty, `log_probability` is what the penalty left of it. `state` is what became of the hypothesis at its
    step: it went on running, was among the best continuations but pruned, or was finished. `ended`: it is complete,
    so that it could not go on; one that is pruned all the same ended at too low a place.
    """

    id: int
    parent: int | None
    step: int
    token_id: int
    label: str
    log_probability: float
    score: float
    state: BeamState
    in_best: bool
    ended: bool = False

    @property
    def length(self) -> int:
        """Generated tokens up to here."""
        return self.step + 1


@dataclass(frozen=True)
class BeamTree:
    """All hypotheses of a beam search, kept and pruned, parents before children; a node's id is its place.

    Within a step they stand as the search ranked them, by score.
    """

    nodes: tuple[BeamNode, ...]
    num_beams: int
    length_penalty: float
    early_stopping: bool | str = False
    max_new_tokens: int = 0  # the length at which every hypothesis ends; 0: not known

    @cached_property
    def steps(self) -> tuple[tuple[BeamNode, ...], ...]:
        """The nodes of each step."""
        found: list[list[BeamNode]] = [[] for _ in range(1 + max((node.step for node in self.nodes), default=-1))]
        for node in self.nodes:
            found[node.step].append(node)
        return tuple(map(tuple, found))

    @cached_property
    def children(self) -> dict[int | None, tuple[BeamNode, ...]]:
        """The recorded continuations of each hypothesis that has any, by its id; of the prompt by None."""
        found: dict[int | None, list[BeamNode]] = {}
        for node in self.nodes:
            found.setdefault(node.parent, []).append(node)
        return {parent: tuple(nodes) for parent, nodes in found.items()}

    @cached_property
    def best_path(self) -> tuple[BeamNode, ...]:
        """The nodes of the sequence that was returned, from its first token on."""
        return tuple(sorted((node for node in self.nodes if node.in_best), key=lambda node: node.step))

    @property
    def winner(self) -> BeamNode | None:
        """The last node of the sequence that was returned."""
        return self.best_path[-1] if self.best_path else None

    @property
    def sequence_score(self) -> float | None:
        """What the search ranks by (transformers' sequences_scores): the best's score over length^length_penalty."""
        return None if self.winner is None else self.penalised(self.winner)

    def penalised(self, node: BeamNode, length_penalty: float | None = None) -> float:
        """Return a node's score over length^length_penalty, by default with the penalty of the search.

        Scores are below 0, so that a larger penalty favours longer texts.
        """
        return node.score / node.length ** (self.length_penalty if length_penalty is None else length_penalty)

    def path(self, id: int) -> tuple[BeamNode, ...]:
        """Return the nodes from the first token to this one."""
        found: list[BeamNode] = []
        at: int | None = id
        while at is not None:
            found.append(self.nodes[at])
            at = self.nodes[at].parent
        return tuple(reversed(found))

    def follow(self, ids: Iterable[int]) -> tuple[BeamNode, ...]:
        """Return the hypotheses along token ids from the prompt on, as far as they are in the tree."""
        found: list[BeamNode] = []
        for id in ids:
            following = self.children.get(found[-1].id if found else None, ())
            node = next((node for node in following if node.token_id == id), None)
            if node is None:
                break
            found.append(node)
        return tuple(found)

    def ranking(self, length_penalty: float | None = None) -> tuple[BeamNode, ...]:
        """Return the finished hypotheses, best first, as the search ranks them or with another length penalty.

        The search itself keeps the first num_beams of them. The penalty does not change which beginnings it
        follows, only which of the finished ones win and, with them, when it stops.
        """
        finished = [node for node in self.nodes if node.state == "finished"]
        return tuple(sorted(finished, key=lambda node: (-self.penalised(node, length_penalty), node.id)))

    def place(self, node: BeamNode) -> int:
        """Return a node's place by score among all continuations of its step that were looked at, from 1 on."""
        return 1 + sum(other.score > node.score for other in self.steps[node.step])


@dataclass(frozen=True)
class BeamProgress:
    """How far a running beam search is: the best hypothesis at this moment may still lose."""

    step: int  # tokens chosen so far
    text: str  # of the best hypothesis
    token_labels: tuple[str, ...]
