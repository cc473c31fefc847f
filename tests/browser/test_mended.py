"""What is served in place of Gradio's own scripts does the same, less what cost time; the page gets it."""

import re
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from playground.ui.mended import ATTACHED_EVENTS, INPUTS_WAIT, MENDS, Mend, mended_scripts
from playground.ui.packages import package_folder
from tests.browser.conftest import generate

ASSETS = package_folder("gradio") / "templates" / "frontend" / "assets"


@pytest.fixture
def blank(context: BrowserContext) -> Page:
    page = context.new_page()
    yield page
    page.close()


def installed(name: str) -> str:
    return Path(ASSETS, name).read_text("utf-8")


def test_every_phrase_is_found_in_the_installed_version_and_served_otherwise(address: str) -> None:
    scripts = mended_scripts()
    for mend in MENDS:
        (script,) = (script for name, script in scripts.items() if name.startswith(mend.script))
        assert mend.mended in script
        assert mend.phrase not in script
    for name, script in scripts.items():
        with urllib.request.urlopen(f"{address}/assets/{name}") as answer:
            assert answer.headers["content-type"].startswith("text/javascript")
            assert answer.read().decode() == script
        assert script != installed(name)


def test_a_version_that_has_it_otherwise_is_served_as_it_is() -> None:
    assert mended_scripts((Mend("core-", "no such phrase", ""),)) == {}
    assert mended_scripts((Mend("no-such-script-", INPUTS_WAIT.phrase, ""),)) == {}


def test_inputs_of_an_event_that_is_no_stream_are_not_told_that_it_ended(blank: Page) -> None:
    """Outputs 1 and 2, inputs 2 and 3; a stream's input is told when it opens and when it closes."""
    name = next(name for name in mended_scripts() if name.startswith(INPUTS_WAIT.script))
    told = {}
    for version, script in (("installed", installed(name)), ("mended", mended_scripts()[name])):
        found = re.search(r"\$=(class\{current=\{\};.*?\}\}),\w+=", script, re.DOTALL)
        assert found
        told[version] = blank.evaluate(
            f"""() => {{
                const told = (states) => {{
                    const list = new ({found[1]})();
                    list.register(7, [1, 2], [2, 3], "full");
                    return states.map(([status, stream_state]) => {{
                        list.update({{ fn_index: 7, status, stream_state }});
                        return Object.entries(list.current)
                            .map(([id, one]) => `${{id}} ${{one.type}} ${{one.status}} ${{one.stream_state}}`);
                    }});
                }};
                return [
                    told([["pending", null], ["generating", null], ["complete", "closed"]]),
                    told([["pending", "waiting"], ["pending", "open"], ["complete", "closed"]]),
                ];
            }}"""
        )
    (event, stream), (event_before, stream_before) = told["mended"], told["installed"]
    assert stream == stream_before
    assert any(one.startswith("3 input") for one in stream[1])
    assert event[:2] == event_before[:2]
    assert [one for one in event_before[2] if not one.startswith("3 ")] == event[2]
    assert [one.split()[0] for one in event[2]] == ["1", "2"]


def test_each_component_begins_the_same_events(blank: Page) -> None:
    old, new = blank.evaluate(
        f"""() => {{
            const versions = [{{ {ATTACHED_EVENTS.phrase} }}, {{ {ATTACHED_EVENTS.mended} }}];
            let seed = 1;
            const random = (n) => (seed = (seed * 16807) % 2147483647) % n;
            const listeners = () => Array.from({{ length: 60 }}, () => ({{
                targets: Array.from({{ length: random(4) }}, () => [random(9), ["click", "change", null][random(3)]]),
            }}));
            const pages = [listeners(), listeners(), []];
            return versions.map((one) => [0, 1, 2, 0].flatMap((page) => Array.from({{ length: 10 }}, (_, id) =>
                one.find_attached_events({{ id, props: {{ shared_props: {{}} }} }}, pages[page])
                    .props.shared_props.attached_events)));
        }}"""
    )
    assert old == new
    assert sum(map(len, new)) > 50


# Counts the streams of answers. The message by which the server closes one is held back until the answer to the next
# request has been taken in, and every second request is answered only when what it asked for may have come.
LATE = """
const fetched = window.fetch;
Object.assign(window, { heldBack: 0, requests: 0, streams: 0, ended: 0, brokenOff: 0 });
let release = [];
window.fetch = async (input, options) => {
    const url = String(input.url ?? input);
    if (url.includes("/queue/data")) {
        window.streams += 1;
        (options?.signal ?? input.signal).addEventListener("abort", () => { window.brokenOff += 1; });
    }
    const answer = await fetched(input, options);
    if (url.includes("/queue/join")) {
        const told = answer.json.bind(answer);
        window.requests += 1;
        const isSlow = window.requests % 2 === 0;
        answer.json = async () => {
            if (isSlow) await new Promise((go) => setTimeout(go, 500));
            setTimeout(() => release.splice(0).forEach((go) => go()), 50);
            return told();
        };
    }
    if (!url.includes("/queue/data")) return answer;
    const late = new TransformStream({
        async transform(text, out) {
            const at = text.indexOf('data: {"msg":"close_stream"');
            if (at < 0) return out.enqueue(text);
            out.enqueue(text.slice(0, at));
            window.heldBack += 1;
            await Promise.race([
                new Promise((go) => release.push(go)),
                new Promise((go) => setTimeout(go, 2000)),
            ]);
            out.enqueue(text.slice(at));
        },
        flush() { window.ended += 1; },
    });
    const texts = answer.body.pipeThrough(new TextDecoderStream());
    return new Response(texts.pipeThrough(late).pipeThrough(new TextEncoderStream()), { headers: answer.headers });
};
"""


def test_whatever_is_asked_for_is_answered_and_no_stream_is_left(blank: Page, address: str) -> None:
    """A fault once: now and then the maps of a run were never drawn, or a press of a button was never answered."""
    blank.add_init_script(LATE)
    blank.goto(address)
    expect(blank.locator("#generate")).to_be_enabled()
    for length in (3, 4, 5):
        generate(blank, "Once upon a time", length=length)
    assert blank.evaluate("window.heldBack") > 0
    assert blank.evaluate("window.requests") > 6
    blank.wait_for_function("() => window.streams === window.ended")
    assert blank.evaluate("window.brokenOff") == 0


# The page learns of the first of some requests last.
FIRST_LAST = """
const fetched = window.fetch;
window.late = 0;
window.fetch = async (input, options) => {
    const isLate = String(input.url ?? input).includes("/queue/join") && window.late > 0;
    const wait = isLate ? (window.late -= 300) : 0;
    const answer = await fetched(input, options);
    if (wait > 0) await new Promise((go) => setTimeout(go, wait));
    return answer;
};
"""


def test_the_answer_to_the_last_press_is_shown_last(blank: Page, address: str) -> None:
    """A fault once: of five tokens that were written the page now and then showed three or four."""
    blank.add_init_script(FIRST_LAST)
    blank.goto(address)
    expect(blank.locator("#generate")).to_be_enabled()
    blank.locator("#prompt textarea").fill("Once upon a time")
    expect(blank.locator("#room")).to_contain_text("4 + 64 of 512")
    blank.wait_for_timeout(500)
    blank.evaluate(
        "() => { window.late = 1800; for (let n = 0; n < 5; n += 1) document.querySelector('#one-token').click(); }"
    )
    expect(blank.locator("#status")).to_contain_text("5 tokens so far")
    blank.wait_for_timeout(2500)
    expect(blank.locator("#status")).to_contain_text("5 tokens so far")
    expect(blank.locator("#tokens [data-token-index]")).to_have_count(9)


def test_the_page_falls_silent_after_quick_typing(blank: Page, address: str) -> None:
    """A fault once: it asked for the same seventy times a second, for ever."""
    asked: list[str] = []
    blank.on("request", lambda request: asked.append(request.url))
    blank.goto(address)
    expect(blank.locator("#generate")).to_be_enabled()
    blank.locator("#prompt textarea").fill("")
    blank.locator("#prompt textarea").press_sequentially("The old man lived in a little house by the sea", delay=20)
    expect(blank.locator("#room")).to_contain_text("11 + 64 of 512")
    blank.wait_for_timeout(2000)
    asked.clear()
    blank.wait_for_timeout(2000)
    assert asked == []
