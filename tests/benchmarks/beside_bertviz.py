"""BertViz's own views beside ours: the same random weights of GPT-2 small's size, the same text, the same browser."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bertviz
import torch
from playwright.sync_api import Browser, Page, Route
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from playground.backends.local import LocalBackend
from playground.ui.launch import launch
from playground.ui.page import build_page
from playground.ui.server import find_files
from playground.views.head_map import draw_head_map
from playground.views.heads_overview import draw_heads_overview
from tests.benchmarks import page as browser_page
from tests.benchmarks.measurement import Measurement
from tests.models.checkpoints import byte_level_tokenizer
from tests.server import free_port

N_TOKENS, N_LONGER = 128, 1024
N_TEXTS = 5
TEXT = "The little girl saw a dog in the garden, and the dog saw the little girl. "
MODEL = "12 x 12 heads, GPT-2 small's size, random weights"
# All that BertViz's page does is done when it has been parsed; what is drawn then is on the screen a frame later
NOTE_DRAWN = """addEventListener("DOMContentLoaded", () =>
    requestAnimationFrame(() => setTimeout(() => (window.drawnAt = performance.timeOrigin + performance.now()))))"""
# In place of RequireJS, which waits: BertViz's page asks for these two only
LOADER = """window.require = { config() {} };
window.requirejs = (names, use) => use(window.jQuery, window.d3);"""


def build_model(folder: str) -> None:
    """Save a model and its tokenizer, as transformers would load them."""
    torch.manual_seed(7)
    tokenizer = byte_level_tokenizer()
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=0)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def text_of(backend: LocalBackend, model: str, n_tokens: int, at: int) -> str:
    """Return a text that the model reads as `n_tokens` tokens, another for each `at`."""
    tokens = backend.tokenize(model, f"{at} {TEXT * n_tokens}")[:n_tokens]
    return "".join(token.text for token in tokens)


def measure(browser: Browser) -> list[Measurement]:
    """Draw with BertViz, then with the page."""
    with tempfile.TemporaryDirectory() as folder:
        build_model(folder)
        backend = LocalBackend((folder,), "cpu", "float32")
        theirs = measure_bertviz(browser, folder, backend)
        return [*theirs, *(row for n in (N_TOKENS, N_LONGER) for row in measure_page(browser, folder, backend, n))]


def measure_bertviz(browser: Browser, folder: str, backend: LocalBackend) -> list[Measurement]:
    """Return bytes and time of BertViz's two views, from weights that are there to a picture on the screen."""
    tokens = backend.tokenize(folder, text_of(backend, folder, N_TOKENS, 0))
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    with torch.inference_mode():
        ids = torch.tensor([[token.id for token in tokens]])
        attention = model(ids, output_attentions=True).attentions
    labels = [token.label for token in tokens]
    measured = []
    views: list[tuple[str, Callable[..., Any]]] = [
        ("model view, all layers", bertviz.model_view),
        ("head view", bertviz.head_view),
    ]
    for name, view in views:
        began = time.time()
        html = view(attention, labels, html_action="return").data
        drawn_s = drawn_at(browser, Path(folder) / "view.html", html) - began
        what = f"{MODEL}, {N_TOKENS} tokens: BertViz's {name}"
        measured += [
            Measurement(f"{what}: forward pass ended until it is on the screen", "s", (drawn_s,)),
            Measurement(f"{what}: its HTML", "kB", (len(html.encode()) / 1000,)),
        ]
    return measured


def drawn_at(browser: Browser, path: Path, html: str) -> float:
    """Return when a page of BertViz was on the screen, in seconds as of time.time()."""
    files = find_files()
    loader = "\n".join([files["jquery.js"].read_text("utf-8"), files["d3.js"].read_text("utf-8"), LOADER])

    def answer(route: Route) -> None:
        route.fulfill(body=loader, content_type="text/javascript")

    path.write_text(f"<!doctype html><meta charset=utf-8><body>{html}</body>", "utf-8")
    page = browser.new_page()
    page.set_default_timeout(10 * browser_page.LIMIT_MS)
    page.route(lambda url: not url.startswith("file:"), answer)  # BertViz asks a foreign host for its loader
    page.add_init_script(NOTE_DRAWN)
    page.goto(path.as_uri())
    page.wait_for_function("window.drawnAt")
    assert page.locator("line").count() > N_TOKENS
    drawn_ms = page.evaluate("window.drawnAt")
    page.close()
    return drawn_ms / 1000


def measure_page(browser: Browser, folder: str, backend: LocalBackend, n_tokens: int) -> list[Measurement]:
    """Return bytes and time of the page's overview, and of its map of one head."""
    overviews, maps = [], []
    with page_over(browser, backend) as page, forward_passes(backend, folder) as ended:
        for at in range(N_TEXTS + 1):
            page.locator("#prompt textarea").fill(text_of(backend, folder, n_tokens, at))
            page.locator("#analyse").click()
            browser_page.wait_for_chart(page, "heads-overview")
            overviews.append(1000 * (chart_drawn_at(page, "heads-overview") - ended[-1]))
            browser_page.wait_for_chart(page, "head-map")
            maps.append(browser_page.open_head(page, 1 + at))
    text = backend.read(folder, text_of(backend, folder, n_tokens, N_TEXTS)).ids
    overview = str(draw_heads_overview(backend.attention_summary(folder, text)).to_json())
    head_map = str(draw_head_map(backend.head_map(folder, text, 0, 0), compact=True).to_json())
    what = f"{MODEL}, {n_tokens:,} tokens"
    return [
        Measurement(f"{what}: overview, forward pass ended until it is on the screen", "ms", tuple(overviews[1:])),
        Measurement(f"{what}: overview, its JSON", "kB", (len(overview) / 1000,)),
        Measurement(f"{what}: head chosen until its map is drawn", "ms", tuple(maps[1:])),
        Measurement(f"{what}: one head's map, its JSON", "kB", (len(head_map) / 1000,)),
    ]


@contextmanager
def page_over(browser: Browser, backend: LocalBackend) -> Iterator[Page]:
    """Serve the page from this process, where the model can be watched, and open it."""
    blocks = build_page(backend)
    url = launch(blocks, host="127.0.0.1", port=free_port())
    try:
        with browser_page.opened(browser, url) as (page, _):
            yield page
    finally:
        blocks.close()


@contextmanager
def forward_passes(backend: LocalBackend, folder: str) -> Iterator[list[float]]:
    """Give the times at which forward passes end, in seconds as of time.time()."""
    ended: list[float] = []
    model = backend._pool.get(folder).loaded.model
    handle = model.register_forward_hook(lambda *call: ended.append(time.time()))
    try:
        yield ended
    finally:
        handle.remove()


def chart_drawn_at(page: Page, chart: str) -> float:
    """Return when a chart was on the screen, in seconds as of time.time()."""
    return page.evaluate("chart => performance.timeOrigin + benchmark.drawn[chart]", chart) / 1000
