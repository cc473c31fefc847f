"""Of several choices of a kind that are on their way at once the one that was made last counts."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import gradio as gr

from playground.ui.fields import sent
from playground.ui.status import HasStatus

# For gradio's own tabs, which send no number with what was opened
COUNTED = "(visit) => [visit, window.playground.turn()]"

Owner = TypeVar("Owner", bound=HasStatus)
Parameters = ParamSpec("Parameters")
Updates = dict[Any, Any]
Handler = Callable[Concatenate[Owner, Parameters], Updates]


def latest_counts(kind: str) -> Callable[[Handler[Owner, Parameters]], Handler[Owner, Parameters]]:
    """Let a handler by which something of a kind is chosen change nothing where a later choice is there already.

    Two requests may change places on their way, so the browser counts what a visitor does (assets/js/page.js).
    Stands below `in_turn`.
    """

    def wrap(handler: Handler[Owner, Parameters]) -> Handler[Owner, Parameters]:
        signature = inspect.signature(handler)

        @wraps(handler)  # gradio reads the handler's own names and types
        def counted(self: Owner, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Updates:
            given = signature.bind(self, *args, **kwargs).arguments  # by name or by place, as gradio sees fit
            turn = given["turn"] if "turn" in given else sent(given["event"], "turn")
            if given["visit"].is_overtaken(kind, turn):
                return {self.status: gr.skip()}
            return handler(self, *args, **kwargs)

        return counted

    return wrap
