"""The instrument that is open shows what the visitor's session is when it has been computed."""

from dataclasses import replace
from typing import Any, ClassVar

import gradio as gr
import pytest

from playground.records import PlaygroundError
from playground.ui.open_tab import MOST_ATTEMPTS, OpenTab
from playground.ui.session import Session
from playground.ui.visit import Visit

STATUS = gr.HTML(render=False)
SKIPPED = {STATUS: gr.skip()}


class Instrument:
    """Shows which token is selected; while it computes, the visitor goes on as `meanwhile` says."""

    name: ClassVar[str] = "Some"

    def __init__(self, visit: Visit, meanwhile: list[dict[str, Any]]) -> None:
        self.visit = visit
        self.meanwhile = meanwhile

    def outputs(self) -> list[Any]:
        return []

    def show(self, backend: object, session: Session) -> dict[Any, Any]:
        if self.meanwhile:
            self.visit.session = replace(self.visit.session, **self.meanwhile.pop(0))
        if session.selected == 99:
            raise PlaygroundError("There is no such token.")
        return {"selected": session.selected}


def filled(meanwhile: list[dict[str, Any]], **session: Any) -> dict[Any, Any]:
    visit = Visit()
    visit.session = Session(**{"ids": (1, 2, 3), **session})
    visit.open_tab = "Some"
    return OpenTab(None, None, STATUS, [Instrument(visit, meanwhile)]).on_fill(visit)


def test_what_nothing_overtakes_is_shown():
    assert filled([], selected=1) == {"selected": 1}
    assert filled([], ids=()) == SKIPPED


def test_what_has_changed_meanwhile_is_computed_anew():
    """A fault once: pressing a button as soon as its tab was open left the rest of the tab empty."""
    assert filled([{"asked": ("model", "text")}], selected=1) == {"selected": 1}
    assert filled([{"selected": 2}, {"selected": 0}], selected=1) == {"selected": 0}


def test_one_who_never_rests_is_not_followed_for_ever():
    left = [{"selected": at % 3} for at in range(3 * MOST_ATTEMPTS)]
    assert filled(left) == SKIPPED
    assert len(left) == 2 * MOST_ATTEMPTS


@pytest.mark.parametrize("meanwhile", [[], [{"selected": 99}]])
def test_what_cannot_be_shown_is_said(meanwhile: list[dict[str, Any]]):
    shown = filled(meanwhile, selected=99)
    assert "There is no such token." in shown[STATUS]
