"""A visitor on the server: the session that changes, and their events, which are handled in turn."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from playground.ui.fair_lock import FairLock
from playground.ui.session import Session


class Visit:
    """A visitor's session on the server, changed in place.

    Gradio hands over a value of its state as it was when an event came in: of two events that overlap, the later
    would see an old session and write over the newer one. So the state holds a visit, and whoever reads a session to
    change it holds the visit's lock until the new one is there.
    """

    def __init__(self) -> None:
        self.lock = FairLock()  # the earlier of two clicks must not have the last word
        self.session = Session()
        self.view = ""  # the view of a head that is open; the first where it is none
        self.open_tab = ""  # the instrument that is open, by its name; the first where it is none
        self._latest: dict[str, float] = {}

    def is_overtaken(self, what: str, turn: object) -> bool:
        """Tell whether something later of the same kind is known already: two requests may change places on their way.

        turn: the how-manieth act of the visitor it is, or whatever was sent; of others nothing is known.
        """
        if isinstance(turn, bool) or not isinstance(turn, int | float):
            return False
        if turn < self._latest.get(what, turn):
            return True
        self._latest[what] = turn
        return False

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
