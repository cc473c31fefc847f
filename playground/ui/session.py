"""What one visitor has on the page: the text that is shown and what is selected in it.

A session holds ids and choices; models, weights and attention stay with the backend.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import ParamSpec, TypeVar

from playground.records import FlowMethod, GenerationRecord, MapValues, MapView, PatternName, Step, Token


@dataclass(frozen=True)
class KeptText:
    """A text that was kept to compare others with."""

    model: str
    ids: tuple[int, ...]
    name: str  # its beginning, as it is shown


@dataclass(frozen=True)
class Session:
    """The text on the page. Empty (`ids` without members) until something was generated or analysed."""

    model: str = ""
    ids: tuple[int, ...] = ()
    tokens: tuple[Token, ...] = ()
    steps: tuple[Step, ...] = ()  # one for each generated token, at the end of `ids`
    selected: int = -1  # index of the selected token
    layers: tuple[int, ...] = ()  # the layers that have attention, by their numbers in the model
    layer: int = 0  # the place of the selected one among `layers`
    head: int = 0
    map_values: MapValues = "weights"
    map_view: MapView = field(default_factory=MapView)
    kept: KeptText | None = None  # the text that others can be compared with
    bertviz_model: bool = False  # BertViz's model view, not its head view
    bertviz_layers: tuple[int, int] | None = None  # the first and last of the model view; None: those that fit
    repeated_patterns: bool = False  # the scores of heads on repeated random tokens, not on this text
    overview_order: PatternName | None = None  # the pattern by which the overview is sorted
    flow_method: FlowMethod = "rollout"
    mask_off: bool = False  # counterfactual: every token sees all others
    hidden: tuple[int, ...] = ()  # counterfactual: tokens that no other sees

    @property
    def layer_number(self) -> int:
        """The selected layer by its number in the model."""
        return self.layers[self.layer] if self.layer < len(self.layers) else self.layer

    @property
    def n_prompt(self) -> int:
        """Tokens that were given, not generated."""
        return len(self.ids) - len(self.steps)

    @property
    def query(self) -> int:
        """The position that the model looked from when it chose the selected token.

        A decoder chooses token t from position t - 1; nothing was looked from to choose the first token, so
        the first token's own row is shown for it.
        """
        return max(0, self.selected - 1)

    @property
    def step(self) -> Step | None:
        """The step that chose the selected token, where it was generated."""
        at = self.selected - self.n_prompt
        return self.steps[at] if 0 <= at < len(self.steps) else None


def session_of(record: GenerationRecord, before: Session) -> Session:
    """Return the session that shows a finished run, its last token selected, all else as it was before."""
    ids = record.ids
    return replace(before, model=record.model, ids=ids, tokens=record.tokens, steps=record.steps, selected=len(ids) - 1)


class Visit:
    """A visitor's session on the server, changed in place.

    Gradio hands over a value of its state as it was when an event came in: of two events that overlap, the later
    would see an old session and write over the newer one. So the state holds a visit, and whoever reads a session to
    change it holds the visit's lock until the new one is there.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.session = Session()
        self.view = ""  # the view of a head that is open; the first where it is none

    def __deepcopy__(self, memo: dict[int, object]) -> "Visit":
        """Gradio copies the initial state for each visitor, who gets a visit of their own."""
        return Visit()


Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def in_turn(handler: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let a handler that is given a Visit wait until the visitor's earlier ones are done."""

    @wraps(handler)  # gradio reads the handler's own names and types
    def waiting(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        # By name or by place, as gradio sees fit
        visit = next(given for given in (*args, *kwargs.values()) if isinstance(given, Visit))
        with visit.lock:
            return handler(*args, **kwargs)

    return waiting


class Cancellations:
    """One switch a visitor, to end the run that is going on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._switches: dict[str, threading.Event] = {}

    def begin(self, visitor: str) -> threading.Event:
        """Return a new switch; a run of this visitor that is still going on is ended."""
        switch = threading.Event()
        with self._lock:
            before = self._switches.pop(visitor, None)
            self._switches[visitor] = switch
        if before:
            before.set()
        return switch

    def cancel(self, visitor: str) -> None:
        """End this visitor's run; nothing happens where none is going on."""
        with self._lock:
            switch = self._switches.get(visitor)
        if switch:
            switch.set()

    def end(self, visitor: str, switch: threading.Event) -> None:
        """Forget a run that is over."""
        switch.set()
        with self._lock:
            if self._switches.get(visitor) is switch:
                del self._switches[visitor]
