"""Tokens that could come next."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, overload

import numpy as np
from jaxtyping import Float32, Int64


class Candidate(NamedTuple):
    """A token that could come next.

    `raw_probability` is the softmax of the model's logits; `probability` is what was left after every filter
    (penalty, temperature, top-k, top-p), 0 where a filter removed it.
    """

    id: int
    text: str
    label: str
    raw_probability: float
    probability: float


class Candidates(Sequence[Candidate]):
    """Candidates kept as numbers; each is made when it is asked for, since a run keeps fifty of every token.

    Equal to any sequence of the same candidates, and a tuple of them where it is copied or pickled.
    """

    def __init__(
        self,
        ids: Int64[np.ndarray, " candidate"],
        probabilities: Float32[np.ndarray, "stage candidate"],
        name: Callable[[int], tuple[str, str]],
    ) -> None:
        """probabilities: the model's own first, what the filters left last. name: gives text and label of an id."""
        self.ids, self.probabilities = ids, probabilities
        self._name = name
        self._made: tuple[Candidate, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, place: int | slice) -> Candidate | tuple[Candidate, ...]:
        if isinstance(place, slice):
            return self._all()[place]
        raw, left = self.probabilities[0, place], self.probabilities[-1, place]
        return self.named(int(self.ids[place]), float(raw), float(left))

    def named(self, id: int, raw_probability: float, probability: float) -> Candidate:
        """Return a candidate by its id and probabilities, whether or not it is one of these."""
        return Candidate(id, *self._name(id), raw_probability, probability)

    def _all(self) -> tuple[Candidate, ...]:
        if self._made is None:
            ids = self.ids.tolist()
            texts, labels = zip(*map(self._name, ids), strict=True) if ids else ((), ())
            raw, left = self.probabilities[[0, -1]].tolist()
            self._made = tuple(map(Candidate, ids, texts, labels, raw, left))
        return self._made

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence) and not isinstance(other, str):
            return self._all() == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __reduce__(self) -> tuple[type[tuple], tuple[tuple[Candidate, ...]]]:
        return tuple, (self._all(),)  # nothing of what names them goes along

    def __repr__(self) -> str:
        return f"Candidates{self._all()}"
