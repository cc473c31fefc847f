"""The page in a real browser: until it can be used, its first token, its tokens a second, its maps."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.benchmarks.decoding import PROMPT, Settings
from tests.benchmarks.measurement import Measurement

WATCH = (Path(__file__).parent / "watch.js").read_text("utf-8")
LIMIT_MS = 120_000
N_OPENINGS = 5
N_HEADS_OPENED = 5


@dataclass(frozen=True)
class Generated:
    """What came of one click on Generate."""

    first_token_ms: float  # from the press of the button
    tokens_per_s: float  # from the press of the button to the last token


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[tuple[Page, float]]:
    """Open the page as someone does who was never there; give it, and the seconds until Generate can be pressed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(WATCH)
    page = context.new_page()
    page.set_default_timeout(LIMIT_MS)
    try:
        began = time.perf_counter()
        page.goto(url, wait_until="commit")
        page.locator("#generate:enabled").wait_for()
        yield page, time.perf_counter() - began
    finally:
        context.close()


def enter(page: Page, control: str, value: float) -> None:
    """Type a number into a control."""
    field = page.locator(f"#{control} input[type=number]")
    field.fill(f"{value:g}")
    field.press("Tab")


def generate(page: Page, settings: Settings) -> Generated:
    """Press Generate with `settings`, and wait for the last token."""
    page.locator("#prompt textarea").fill(PROMPT)
    for control in ("temperature", "top-k", "top-p", "max-new-tokens", "seed"):
        enter(page, control, getattr(settings, control.replace("-", "_")))
    page.locator("#generate").click()
    page.wait_for_function("n => benchmark.chips.at(-1)?.count >= n", arg=settings.max_new_tokens)
    watched = page.evaluate("benchmark")
    wait_for_chart(page, "head-map")  # nothing of this run is still going on when the next one begins
    first, last = (watched["chips"][at]["at"] - watched["pressed"] for at in (0, -1))
    return Generated(first, 1000 * watched["chips"][-1]["count"] / last)


def wait_for_chart(page: Page, chart: str) -> float:
    """Return the milliseconds from the press that asked for a chart until it was on the screen."""
    page.wait_for_function("chart => benchmark.drawn[chart] > benchmark.pressed", arg=chart)
    watched = page.evaluate("benchmark")
    return watched["drawn"][chart] - watched["pressed"]


def analyse(page: Page, text: str) -> float:
    """Analyse `text`; return the milliseconds until the overview of all heads was on the screen."""
    page.locator("#prompt textarea").fill(text)
    page.locator("#analyse").click()
    overview_ms = wait_for_chart(page, "heads-overview")
    wait_for_chart(page, "head-map")
    return overview_ms


def open_head(page: Page, head: int) -> float:
    """Choose a head from the list; return the milliseconds until its map was on the screen."""
    page.locator("#head input").click()
    page.get_by_role("option", name=str(head), exact=True).click()
    return wait_for_chart(page, "head-map")


def measure_openings(browser: Browser, url: str) -> list[Measurement]:
    """Open the page several times, each with an empty cache."""
    values = []
    for _ in range(N_OPENINGS):
        with opened(browser, url) as (_, usable_s):
            values.append(usable_s)
    return [Measurement("page opened with an empty cache until Generate can be pressed", "s", tuple(values))]


def measure_heads(page: Page, text: str, n_tokens: int, n_heads: int) -> list[Measurement]:
    """Analyse a text and open its heads one after the other."""
    overview_ms = analyse(page, text)
    values = tuple(open_head(page, 1 + at % (n_heads - 1)) for at in range(N_HEADS_OPENED))
    of = f"in the browser, {n_tokens} tokens"
    return [
        Measurement(f"“Analyse” until the overview of all heads is drawn, {of}", "ms", (overview_ms,)),
        Measurement(f"head chosen until its map is drawn, {of}", "ms", values),
    ]
