"""What is served in place of Gradio's own scripts does the same, less what cost time; the page gets it."""

import re
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from playground.ui.mended import ATTACHED_EVENTS, INPUTS_WAIT, MENDS, Mend, mended_scripts
from playground.ui.packages import package_folder
from tests.browser.conftest import generate, wait_for_maps, wait_for_mark

ASSETS = package_folder("gradio") / "templates" / "frontend" / "assets"


@pytest.fixture
def blank(context: BrowserContext) -> Page:
    page = context.new_page()
    yield page
    page.close()


def open_with_prompt(page: Page, address: str) -> None:
    """Open the page, type a prompt, and wait until all that this asks for is answered."""
    page.goto(address)
    expect(page.locator("#generate")).to_be_enabled()
    page.locator("#prompt textarea").fill("Once upon a time")
    expect(page.locator("#room")).to_contain_text("4 + 64 of 512")
    page.wait_for_timeout(500)


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


# Passes the text of an answer through a stream that changes it.
PASSED = """
const passed = (answer, change) => {
    const texts = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(new TransformStream(change));
    return new Response(texts.pipeThrough(new TextEncoderStream()), { headers: answer.headers });
};
"""

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
    return passed(answer, {
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
};
"""


def test_whatever_is_asked_for_is_answered_and_no_stream_is_left(blank: Page, address: str) -> None:
    """A fault once: now and then the maps of a run were never drawn, or a press of a button was never answered."""
    blank.add_init_script(PASSED + LATE)
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
Object.assign(window, { late: 0, most: 0 });
const unknown = {};
window.fetch = async (input, options) => {
    if (!String(input.url ?? input).includes("/queue/join")) return fetched(input, options);
    const kind = JSON.parse(options.body).fn_index;
    unknown[kind] = (unknown[kind] ?? 0) + 1;
    window.most = Math.max(window.most, unknown[kind]);
    const wait = window.late > 0 ? (window.late -= 300) : 0;
    const answer = await fetched(input, options);
    if (wait > 0) await new Promise((go) => setTimeout(go, wait));
    unknown[kind] -= 1;
    return answer;
};
"""


def test_presses_are_sent_one_by_one_and_the_answer_to_the_last_is_shown_last(blank: Page, address: str) -> None:
    """A fault once: of five tokens that were written the page now and then showed three or four."""
    blank.add_init_script(FIRST_LAST)
    open_with_prompt(blank, address)
    blank.evaluate(
        "() => { window.late = 1800; for (let n = 0; n < 5; n += 1) document.querySelector('#one-token').click(); }"
    )
    expect(blank.locator("#status")).to_contain_text("5 tokens so far")
    blank.wait_for_timeout(2500)
    expect(blank.locator("#status")).to_contain_text("5 tokens so far")
    expect(blank.locator("#tokens [data-token-index]")).to_have_count(9)
    assert blank.evaluate("most") == 1


# All that is said of two presses comes at once, and then, before the page has taken it in, it knows of the second.
KNOWN_LATE = """
const fetched = window.fetch;
Object.assign(window, { presses: 0, isKnownLate: false });
let held = "";
let know;
const late = new Promise((go) => { know = go; });
window.fetch = async (input, options) => {
    const url = String(input.url ?? input);
    const isLast = url.includes("/queue/join") && window.presses > 0 && (window.presses -= 1) === 0;
    const answer = await fetched(input, options);
    if (isLast) {
        const known = await answer.json();
        answer.json = async () => { await late; return known; };
    }
    if (!url.includes("/queue/data")) return answer;
    return passed(answer, {
        async transform(text, out) {
            held += text;
            const isWhole = /process_completed.*2 tokens so far/.test(held);
            if (!isWhole && !held.includes("close_stream")) return;
            out.enqueue(held);
            held = "";
            for (let n = 0; n < 5000; n += 1) await null;
            window.isKnownLate ||= isWhole;
            know();
        },
    });
};
"""


def test_what_came_before_the_page_knew_of_its_request_is_shown_in_turn(blank: Page, address: str) -> None:
    """A fault once: of five tokens that were written a busy page now and then showed four."""
    blank.add_init_script(PASSED + KNOWN_LATE)
    for _ in range(5):  # the first may be answered before the second is asked for
        open_with_prompt(blank, address)
        blank.evaluate(
            "() => { window.presses = 2; for (let n = 0; n < 2; n += 1) document.querySelector('#one-token').click(); }"
        )
        expect(blank.locator("#status")).to_contain_text("2 tokens so far")
        blank.wait_for_timeout(1000)
        expect(blank.locator("#status")).to_contain_text("2 tokens so far")
        expect(blank.locator("#tokens [data-token-index]")).to_have_count(6)
        if blank.evaluate("window.isKnownLate"):
            return
    pytest.fail("the second was never known late")


# The answer to the next request of a kind is held back until it is let go; what the stream of answers says is kept.
HELD_BACK = """
const fetched = window.fetch;
Object.assign(window, { held: null, letGo: null, said: "" });
window.fetch = async (input, options) => {
    const url = String(input.url ?? input);
    const isHeld = window.held !== null && url.includes(window.held);
    if (isHeld) window.held = null;
    const answer = await fetched(input, options);
    if (isHeld) await new Promise((go) => { window.letGo = go; });
    if (!url.includes("/queue/data")) return answer;
    return passed(answer, { transform(text, out) { window.said += text; out.enqueue(text); } });
};
"""


def test_an_earlier_answer_does_not_take_back_what_a_later_one_shows(blank: Page, address: str) -> None:
    blank.add_init_script(PASSED + HELD_BACK)
    for _ in range(5):  # the token may not be written yet when it is undone
        blank.goto(address)
        expect(blank.locator("#generate")).to_be_enabled()
        for count in ("1 token", "2 tokens"):
            blank.locator("#one-token").click()
            expect(blank.locator("#status")).to_contain_text(f"{count} so far")
        wait_for_maps(blank)
        blank.evaluate("() => { window.held = '/queue/join'; document.querySelector('#one-token').click(); }")
        blank.wait_for_function("() => window.letGo !== null")
        blank.wait_for_timeout(1000)
        blank.locator("#undo").click()
        expect(blank.locator("#status")).to_contain_text("as they were written")
        blank.evaluate("letGo()")
        blank.wait_for_timeout(1000)
        said = blank.evaluate("said")
        if 0 < said.find("3 tokens so far") < said.find("as they were written"):
            expect(blank.locator("#status")).to_contain_text("2 tokens, as they were written")
            expect(blank.locator("#tokens [data-token-index]")).to_have_count(6)
            expect(blank.locator("#generate")).to_be_enabled()
            expect(blank.locator("#stop")).to_be_disabled()
            return
    pytest.fail("the token was never written in time")


def test_of_two_clicks_the_second_counts_whichever_is_answered_first(blank: Page, address: str) -> None:
    """A fault once: now and then the first stayed selected."""
    blank.add_init_script(PASSED + HELD_BACK)
    open_with_prompt(blank, address)
    generate(blank, "Once upon a time", length=8)
    blank.evaluate("window.held = '/run/'")
    blank.locator("#tokens [data-token-index='4']").click()
    blank.wait_for_function("() => window.letGo !== null")  # the server has answered
    blank.locator("#tokens [data-token-index='9']").click()
    wait_for_mark(blank, "head-map", y0=7.5)
    blank.evaluate("letGo()")
    blank.wait_for_timeout(1000)
    expect(blank.locator("#tokens [aria-selected=true]")).to_have_attribute("data-token-index", "9")
    wait_for_mark(blank, "head-map", y0=7.5)


def test_a_page_at_rest_draws_nothing(blank: Page, address: str) -> None:
    """A fault once: the screen that says that the page loads counted on when it was gone, sixty times a second."""
    blank.add_init_script(
        "const draw = window.requestAnimationFrame.bind(window); window.frames_asked = 0;"
        "window.requestAnimationFrame = (then) => { window.frames_asked += 1; return draw(then); };"
    )
    blank.goto(address)
    expect(blank.locator("#generate")).to_be_enabled()
    frames = [blank.evaluate("frames_asked")]
    for _ in range(20):
        blank.wait_for_timeout(1000)
        frames.append(blank.evaluate("frames_asked"))
        if frames[-1] == frames[-2]:
            return
    pytest.fail(f"it never rests: {frames}")


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
