"""The page sends of an event what gradio would, less what stays as it is."""

import asyncio
from copy import deepcopy

import gradio as gr
import gradio.queueing
import pytest
from anyio.from_thread import start_blocking_portal
from gradio.state_holder import SessionState

from playground.ui.behaviours import behaves
from playground.ui.blocks import Page

SKIP = gr.skip()
NAMES = ("text", "chart", "number", "kept", "plain")


def build():
    with Page() as page:
        outputs = {
            "text": gr.Textbox("as it was"),
            "chart": gr.HTML("", highlight="{}", **behaves("chart")),
            "number": gr.Number(1),
            "kept": gr.State("kept"),
            "plain": gr.HTML("<p>"),
        }
        gr.Button().click(lambda: None, outputs=list(outputs.values()))
        gr.Button().click(lambda: None, outputs=outputs["text"])
    return page, outputs


def sent_by(kind, values, at=0):
    """Return what `kind` of page sends of these values, and what its visitor's session holds then."""

    async def run():  # in a running loop: gradio would leave one open
        page, outputs = build()
        session = SessionState(page)
        is_named = isinstance(values, dict) and "__type__" not in values
        given = {outputs[name]: deepcopy(value) for name, value in values.items()} if is_named else deepcopy(values)
        sent = await kind.postprocess_data(page, list(page.fns.values())[at], given, session)
        held = {name: session.config_values[part._id]["props"] for name, part in outputs.items() if not part.stateful}
        return sent, held | {"kept": session[outputs["kept"]._id]}

    with start_blocking_portal() as portal:
        return portal.call(run)


def without_what_says_nothing(update):
    """Gradio sends of HTML that is skipped a property that is none."""
    if not isinstance(update, dict):
        return update
    props = {name: value for name, value in update.get("props", {}).items() if name != "__type__"}
    return {name: value for name, value in update.items() if name != "props"} | ({"props": props} if props else {})


@pytest.mark.parametrize(
    "values",
    [
        {"text": "new"},
        {"number": 3, "kept": "later"},
        {"chart": {"__type__": "update", "value": "{}", "highlight": '{"row": 3}'}, "plain": "<b>"},
        {"text": {"__type__": "update", "visible": False}, "number": SKIP, "kept": SKIP},
        ["new", SKIP, 2, "later", SKIP],
        [SKIP, SKIP, SKIP, SKIP, SKIP],
        ("new", "{}", 2, "later", "<b>"),
    ],
)
def test_what_changes_is_sent_as_gradio_would(values):
    sent, session = sent_by(Page, values)
    expected, session_of_gradio = sent_by(gr.Blocks, values)
    assert list(map(without_what_says_nothing, sent)) == list(map(without_what_says_nothing, expected))
    changed = {name for name, one in zip(NAMES, sent, strict=True) if one != SKIP}
    _, untouched = sent_by(Page, [SKIP] * 5)
    for name in NAMES:
        assert session[name] == (session_of_gradio if name in changed else untouched)[name]
    assert untouched["number"]["value"] == 1  # gradio would build it anew, without its value


def test_a_single_skip_leaves_all():
    assert sent_by(Page, SKIP) == sent_by(Page, [SKIP] * 5)


@pytest.mark.parametrize("values", ["new", SKIP, {"text": "new"}, {"__type__": "update", "value": "new"}])
def test_an_event_of_one_output_is_gradios_own(values):
    assert sent_by(Page, values, at=1)[0] == sent_by(gr.Blocks, values, at=1)[0]


def test_too_few_values_are_told_of():
    with pytest.raises(ValueError, match="enough output values"):
        sent_by(Page, ["new", SKIP])


def waits_of(kind, looks, monkeypatch):
    """Return how long the queue of a page at rest waits each time, in the function of gradio's that `looks` names."""
    sleep, waits = asyncio.sleep, []

    async def wait(seconds):
        waits.append(seconds)
        if len(waits) == 5:
            raise asyncio.CancelledError
        await sleep(0)

    async def run():
        queue = kind().queue()._queue
        monkeypatch.setattr(gradio.queueing.asyncio, "sleep", wait)
        with pytest.raises(asyncio.CancelledError):
            await getattr(queue, looks)()
        monkeypatch.undo()

    with start_blocking_portal() as portal:
        portal.call(run)
    return set(waits)


@pytest.mark.parametrize(
    ("looks", "gradios", "ours"), [("start_processing", 0.001, 0.005), ("start_progress_updates", 0.01, 0.05)]
)
def test_a_server_at_rest_looks_less_often_than_gradios_whether_something_waits(looks, gradios, ours, monkeypatch):
    assert waits_of(gr.Blocks, looks, monkeypatch) == {gradios}  # else ours may go
    assert waits_of(Page, looks, monkeypatch) == {ours}
