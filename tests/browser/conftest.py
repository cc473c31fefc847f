"""One server and one browser for all browser tests; a new page for each, watched for errors and foreign hosts."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from playground.backends.local import leave_a_core
from tests.chromium import launch_with_cache
from tests.server import running_app

PATIENCE_MS = 60_000  # a shared machine of two cores may be busy; nothing here waits for a time to pass


@pytest.fixture(scope="package", autouse=True)
def _as_many_threads_as_the_page() -> None:
    """Let what is computed here be the same to the last bit: sums depend on how many threads share them."""
    leave_a_core()


@pytest.fixture(scope="package")
def address() -> Iterator[str]:
    with running_app("--model", "stories", "--model", "translator") as url:
        yield url


@pytest.fixture(scope="package")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Start the browser, all of whose pages share one cache, but nothing that they store."""
    with sync_playwright() as playwright:
        chromium = launch_with_cache(playwright, tmp_path_factory.mktemp("chromium"))
        expect.set_options(timeout=PATIENCE_MS)
        yield chromium
        chromium.close()


@contextmanager
def watched_pages(context: BrowserContext) -> Iterator[Callable[..., Page]]:
    """Give what opens pages, which must stay without console errors and dialogs, and ask no host but their own.

    It takes an address, what the line about the room says when the page can be used, the size of the window, and
    "light" or "dark" for what the visitor prefers.
    """
    complaints: list[str] = []
    pages: list[Page] = []

    def watch(page: Page, host: str) -> None:
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: check_host(request.url, host))

    def check_host(url: str, host: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != host:
            complaints.append(f"asked another host: {url}")

    def opened(
        url: str,
        room: str = "of 512 tokens",
        *,
        viewport: dict[str, int] | None = None,
        color_scheme: str = "light",
    ) -> Page:
        page = context.new_page()
        pages.append(page)
        page.set_viewport_size(viewport or {"width": 1280, "height": 900})
        page.emulate_media(color_scheme=color_scheme)
        page.set_default_timeout(PATIENCE_MS)
        watch(page, urlsplit(url).netloc)
        page.goto(url)
        expect(page.locator("#room")).to_contain_text(room)
        return page

    yield opened
    for page in pages:
        if not page.is_closed():
            forget(page)
            page.close()
    assert complaints == []


def forget(page: Page) -> None:
    """Remove what a page has stored, so that the next begins as a new visitor's."""
    page.context.clear_cookies()
    origin = page.evaluate("location.origin")
    session = page.context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage,indexeddb"})


@pytest.fixture
def open_page(context: BrowserContext, address: str) -> Iterator[Callable[..., Page]]:
    """Open pages of the server that all tests share."""
    with watched_pages(context) as opened:

        def open_page(width: int = 1280, height: int = 900, theme: str = "light") -> Page:
            page = opened(address, viewport={"width": width, "height": height}, color_scheme=theme)
            expect(page.locator("#generate")).to_be_enabled()
            return page

        yield open_page


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


class WrittenPage:
    """A page with a text, for tests that come one after the other as a visitor would; another after one that failed."""

    def __init__(self, open_new: Callable[[], Page], write: Callable[[Page], None]) -> None:
        self._open_new = open_new
        self._write = write
        self._page: Page | None = None

    def at_its_beginning(self) -> Page:
        """Return the page as it is when the text has just come: the first tabs, the first head, the last token."""
        if self._page is None:
            self._page = self._open_new()
            self._write(self._page)
            return self._page
        page = self._page
        page.mouse.move(0, 0)
        page.keyboard.press("Escape")
        for strip, first in (("#instruments", "Attention"), ("#attention-views", "Map")):
            open_tab(page, first, strip)
        for name in ("Layer", "Head"):
            if page.get_by_role("combobox", name=name, exact=True).input_value() != "0":
                choose(page, name, "0")
        last = page.locator("#tokens [data-token-index]").last
        if last.get_attribute("aria-selected") != "true":
            last.click()
        page.evaluate("window.scrollTo(0, 0)")
        wait_for_mark(page, "heads-overview", x0=0, y0=0)
        wait_for_mark(page, "head-map", y0=chip_count(page) - 2.5)
        return page

    def forget(self) -> None:
        """Let the next test have a new page."""
        self._page = None


@pytest.fixture(scope="module")
def _written(request: pytest.FixtureRequest, context: BrowserContext, address: str) -> Iterator[WrittenPage]:
    with watched_pages(context) as opened:
        yield WrittenPage(lambda: opened(address), request.module.write)


@pytest.fixture
def written(request: pytest.FixtureRequest, _written: WrittenPage) -> Iterator[Page]:
    """Give the page that the tests of a module share, with the text that its `write` puts there.

    For those that leave the text and the settings as they were: opening a page and writing a text takes three seconds.
    """
    n_failed = request.session.testsfailed
    yield _written.at_its_beginning()
    if request.session.testsfailed > n_failed:
        _written.forget()


@pytest.fixture
def narrow_page(open_page: Callable[..., Page]) -> Page:
    """Open a page on a telephone that prefers dark."""
    return open_page(width=360, height=800, theme="dark")


def unfold_settings(page: Page) -> None:
    """Show the settings, which a narrow page folds away."""
    page.get_by_role("button", name="Model and settings").click()


def expect_to_fit(page: Page, *selectors: str) -> None:
    """Check that neither the page nor one of its parts is wider than the window: as it is, then in four sizes more."""
    assert page.viewport_size is not None
    begun = (page.viewport_size["width"], None)
    for width, theme in (begun, (360, "dark"), (1280, "light"), (1920, "light"), (360, "light")):
        page.set_viewport_size({"width": width, "height": 800})
        if theme:
            page.emulate_media(color_scheme=theme)
        # Charts take the new width a little later
        page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
        wait_for_frames(page)
        page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
        for selector in selectors:
            box = page.locator(selector).bounding_box()
            assert box is not None, selector
            assert box["x"] >= 0, (selector, width)
            assert box["x"] + box["width"] <= width + 0.5, (selector, width)


def set_number(page: Page, elem_id: str, value: float) -> None:
    """Type a number into a slider's or a number's box and leave it."""
    box = page.locator(f"#{elem_id} input[type=number]")
    box.fill(str(value))
    box.press("Tab")


def open_tab(page: Page, name: str, strip: str = "#instruments") -> None:
    """Open an instrument or, of another strip, a view; from the menu where the screen has no room for its tab."""
    tabs = page.locator(f"{strip} > .tab-wrapper")
    tab = tabs.get_by_role("tab", name=name, exact=True)
    if not tab.first.is_visible():
        tabs.locator(".overflow-menu > button").click()
        tab = tabs.locator(".overflow-dropdown").get_by_text(name, exact=True)
    tab.first.click()
    # Within 5 ms after its fields have come Gradio writes their first values once more, also over what was typed
    page.wait_for_function(
        """strip => [...document.querySelectorAll(`${strip} > [role=tabpanel]`)]
            .some((panel) => panel.offsetParent && panel.querySelector(".block"))""",
        arg=strip,
    )
    wait_for_frames(page)


def wait_for_frames(page: Page) -> None:
    """Wait until two pictures have been drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def choose(page: Page, label: str, option: str) -> None:
    """Choose from a list by its label, and wait until the list has closed: it fades, and another may hold the same."""
    page.get_by_role("combobox", name=label, exact=True).click()
    options = page.get_by_role("option", name=option, exact=True)
    options.click()
    expect(options).to_have_count(0)


def generate(page: Page, prompt: str, *, strategy: str = "Sample", length: int = 12) -> None:
    """Generate with the given settings, and wait until the instruments show the result."""
    page.locator("#strategy").get_by_text(strategy, exact=True).click()
    set_number(page, "max-new-tokens", length)
    page.locator("#prompt textarea").fill(prompt)
    # What an earlier run said must not be taken for this one's
    page.locator("#status .status").evaluate("line => { line.textContent = ''; }")
    page.locator("#generate").click()
    expect(page.locator("#status")).to_contain_text("ended because")
    wait_for_maps(page)


def wait_for_maps(page: Page) -> None:
    """Wait until the maps are drawn for as many tokens as there are chips."""
    page.wait_for_function(
        """() => {
            const plot = document.querySelector("#head-map .chart-plot");
            const chips = document.querySelectorAll("#tokens [data-token-index]").length;
            return plot?.data && chips > 0 && plot.data[0].x.length === chips;
        }"""
    )


def analyse(page: Page, text: str) -> None:
    """Read a text without generating, and wait until it stands there as chips; the instruments follow."""
    page.locator("#prompt textarea").fill(text)
    page.locator("#analyse").click()
    wait_for_chips(page, text)


def wait_for_chips(page: Page, text: str) -> None:
    """Wait until the chips are those of a text."""
    page.wait_for_function(
        "text => [...(document.querySelector('#tokens .chips')?.children ?? [])]"
        ".map(chip => chip.textContent).join('') === text",
        arg=text,
    )


def joined_chips(page: Page) -> str:
    """Return the text of all chips, joined."""
    return page.locator("#tokens .chips").evaluate("box => [...box.children].map(chip => chip.textContent).join('')")


def chip_count(page: Page) -> int:
    return page.locator("#tokens [data-token-index]").count()


def figure(page: Page, elem_id: str) -> dict:
    """Return a chart as plotly drew it: its layout, and the first trace without its numbers."""
    return page.locator(f"#{elem_id} .chart-plot").evaluate(
        "plot => JSON.parse(JSON.stringify({layout: plot.layout, x: plot.data[0].x, y: plot.data[0].y}))"
    )


def marked(page: Page, elem_id: str) -> dict:
    """Return the frame around what is selected in a chart."""
    shapes = [shape for shape in figure(page, elem_id)["layout"]["shapes"] if shape.get("name") == "selected"]
    assert len(shapes) == 1, json.dumps(shapes)
    return shapes[0]


def wait_for_mark(page: Page, elem_id: str, **wanted: float) -> None:
    """Wait until the frame of a chart stands where it should."""
    page.wait_for_function(
        """([id, wanted]) => {
            const shapes = document.querySelector(`#${id} .chart-plot`)?.layout?.shapes || [];
            const mark = shapes.find((shape) => shape.name === "selected");
            return mark && Object.entries(wanted).every(([name, value]) => mark[name] === value);
        }""",
        arg=[elem_id, wanted],
    )


def wait_for_weights(page: Page, elem_id: str, expected: np.ndarray) -> None:
    """Wait until a map shows these weights."""
    page.wait_for_function(
        """([id, expected]) => {
            const plot = document.querySelector(`#${id} .chart-plot`);
            const z = plot?._fullData?.[0]?.z;
            if (!z || z.length !== expected.length || z[0].length !== expected[0].length) return false;
            const { low, unit } = plot.layout.meta;
            return expected.every((row, y) => row.every((value, x) => Math.abs(low + z[y][x] * unit - value) < 2e-4));
        }""",
        arg=[elem_id, expected.tolist()],
    )
