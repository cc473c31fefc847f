"""The runs of one visitor: each begins anew, or goes on from a step of another one."""

from dataclasses import dataclass, replace
from itertools import takewhile

from playground.records.generation import GenerationRecord, Step

MOST_RUNS = 200
MOST_STEPS = 2_000  # those that runs share count once: 50 candidates each, 10 kB


@dataclass(frozen=True)
class RunNode:
    """A run, and what it goes on from: its first `parts_at` steps are those of the parent, None where it began anew."""

    id: int
    record: GenerationRecord
    parent: int | None = None
    parts_at: int = 0


@dataclass(frozen=True)
class RunTree:
    """All runs that are kept, in the order in which they came, and the one that is shown.

    Nothing is lost by going on from elsewhere: `undo` and `redo` go through what was shown, `showing` to any run. Where
    there are too many, the oldest go that nothing goes on from and that are not shown.
    """

    nodes: tuple[RunNode, ...] = ()
    shown: int | None = None
    before: tuple[int, ...] = ()  # what was shown before, the last one last
    after: tuple[int, ...] = ()  # what was shown when it was undone, the next one last

    def node(self, id: int) -> RunNode | None:
        """Return the run with this id, None where it is not kept."""
        return next((node for node in self.nodes if node.id == id), None)

    @property
    def shown_node(self) -> RunNode | None:
        """The run that is shown."""
        return None if self.shown is None else self.node(self.shown)

    def grown(self, record: GenerationRecord, parent: int | None = None) -> "RunTree":
        """Return the tree with a run that has just ended, which is then shown.

        parent: the run that it goes on from
        """
        origin = None if parent is None else self.node(parent)
        new = RunNode(
            id=1 + max((node.id for node in self.nodes), default=-1),
            record=record,
            parent=origin.id if origin else None,
            parts_at=n_shared(origin.record.steps, record.steps) if origin else 0,
        )
        tree = replace(self, nodes=(*self.nodes, new))
        return tree.showing(new.id)._within_bounds()

    def showing(self, id: int) -> "RunTree":
        """Return the tree with another run shown; unchanged where there is none, or it is shown already."""
        if id == self.shown or self.node(id) is None:
            return self
        before = self.before if self.shown is None else (*self.before, self.shown)
        return replace(self, shown=id, before=before[-MOST_RUNS:], after=())

    def hidden(self) -> "RunTree":
        """Return the tree with no run shown: a text that no run wrote is on the page."""
        if self.shown is None:
            return self
        return replace(self, shown=None, before=(*self.before, self.shown)[-MOST_RUNS:], after=())

    def undo(self) -> "RunTree":
        """Return the tree with the run shown that was shown before; unchanged where there is none."""
        if not self.before:
            return self
        after = self.after if self.shown is None else (*self.after, self.shown)
        return replace(self, shown=self.before[-1], before=self.before[:-1], after=after)

    def redo(self) -> "RunTree":
        """Return the tree with the run shown that the last `undo` left; unchanged where there is none."""
        if not self.after:
            return self
        before = self.before if self.shown is None else (*self.before, self.shown)
        return replace(self, shown=self.after[-1], before=before, after=self.after[:-1])

    def children(self, id: int | None) -> tuple[RunNode, ...]:
        """Return the runs that go on from this one; of None: those that began anew."""
        return tuple(node for node in self.nodes if node.parent == id)

    def trunk(self, node: RunNode) -> tuple[RunNode, ...]:
        """Return the run, the one that went on from its end (the last, of several), the one from that one's, and so on.

        All but the last are only its beginnings.
        """
        found = [node]
        while True:
            on = [child for child in self.children(found[-1].id) if child.parts_at == len(found[-1].record.steps)]
            if not on:
                return tuple(found)
            found.append(on[-1])

    def branches(self, trunk: tuple[RunNode, ...]) -> tuple[RunNode, ...]:
        """Return the runs that go on from one of a trunk's, in the order in which they came, but for itself."""
        ids = {node.id for node in trunk}
        return tuple(node for node in self.nodes if node.parent in ids and node.id not in ids)

    def _within_bounds(self) -> "RunTree":
        nodes = list(self.nodes)
        while len(nodes) > 1 and (len(nodes) > MOST_RUNS or _n_steps(nodes) > MOST_STEPS):
            parents = {node.parent for node in nodes}
            gone = next(node for node in nodes if node.id not in parents and node.id != self.shown)
            nodes.remove(gone)
        kept = {node.id for node in nodes}
        return replace(
            self,
            nodes=tuple(nodes),
            before=tuple(id for id in self.before if id in kept),
            after=tuple(id for id in self.after if id in kept),
        )


def n_shared(steps: tuple[Step, ...], others: tuple[Step, ...]) -> int:
    """Return how many tokens two runs of a prompt have in common, from the first on."""
    pairs = zip(steps, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0].chosen.id == pair[1].chosen.id, pairs))


def _n_steps(nodes: list[RunNode]) -> int:
    return sum(len(node.record.steps) - node.parts_at for node in nodes)
