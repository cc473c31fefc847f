"""Every script is fetched once, under an address that changes with it; a component only names what it does."""

import re

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from playground.ui import behaviours
from playground.ui.behaviours import BEHAVIOURS, behaves, page_script, page_script_address, script_of
from playground.ui.server import build_routes
from playground.views.palette import ASSETS


def test_every_script_is_part_of_a_behaviour_and_of_what_is_served():
    parts = {part for names in BEHAVIOURS.values() for part in names}
    assert parts | {"page"} == {path.stem for path in (ASSETS / "js").glob("*.js")}
    served = TestClient(Starlette(routes=build_routes())).get(f"/{page_script_address()}")
    assert served.headers["content-type"].startswith("text/javascript")
    assert served.text == page_script()
    for name in BEHAVIOURS:
        assert script_of(name) in served.text


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_what_a_script_fires_can_be_listened_to(name):
    component = gr.HTML("", render=False, **behaves(name))
    for event in set(re.findall(r'\btrigger\("(\w+)"', script_of(name))):
        assert callable(getattr(component, event))
    with pytest.raises(AttributeError):
        _ = component.never_fired
    assert len(behaves(name)["js_on_load"]) < 150


def test_the_address_changes_with_the_script(monkeypatch):
    before = page_script_address()
    changed = page_script() + "// changed"
    monkeypatch.setattr(behaviours, "page_script", lambda: changed)
    assert page_script_address.__wrapped__() != before
