"""Measures, and prints the table: `python -m tests.benchmarks [--write]`."""

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

import playground
from playground.backends.local import LocalBackend
from playground.models.catalogue import resolve
from tests import chromium
from tests.benchmarks import (
    attention,
    beside_bertviz,
    capture,
    gpt2_small,
    inside,
    loading,
    machine,
    page,
    rates,
    start,
    table,
)
from tests.benchmarks.decoding import Bare
from tests.benchmarks.measurement import Measurement
from tests.server import running_app

TEXT = "The little girl saw a dog in the garden, and the dog saw the little girl. "
N_TOKENS = (128, 512)
N_TOKENS_LARGER = 64


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure how fast the page is.")
    parser.add_argument("--model", default="stories", help="a bundled name, a folder, or a name on the Hub")
    parser.add_argument("--tokens", type=int, default=448, help="how many tokens each way of decoding makes")
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    return parser.parse_args()


def tell(message: str) -> None:
    """Say how far it is, beside the table and not in it."""
    print(message, file=sys.stderr, flush=True)


def text_of(backend: LocalBackend, model: str, n_tokens: int) -> str:
    """Return a text that the model reads as `n_tokens` tokens."""
    tokens = backend.tokenize(model, TEXT * n_tokens)[:n_tokens]
    text = "".join(token.text for token in tokens)
    assert len(backend.tokenize(model, text)) == n_tokens
    return text


def measure_page(browser: Browser, backend: LocalBackend, model: str, n_tokens: int) -> list[Measurement]:
    """Measure what needs the page running."""
    lm = playground.load(model)
    bare = Bare(resolve(model), lm.spec.dtype, lm.spec.device)
    with running_app("--model", model) as url:
        tell("opening the page …")
        measured = page.measure_openings(browser, url)
        with page.opened(browser, url) as (opened, _):
            tell("decoding in turns …")
            measured += rates.measure(bare, lm, url, opened, n_tokens)
            tell("opening heads …")
            for n in N_TOKENS:
                measured += page.measure_heads(opened, text_of(backend, model, n), n, lm.spec.n_query_heads)
    return measured


def measure_larger(browser: Browser) -> list[Measurement]:
    """Measure how fast a larger model writes."""
    with TemporaryDirectory() as folder:
        model = gpt2_small.save(Path(folder))
        lm = playground.load(model)
        bare = Bare(model, lm.spec.dtype, lm.spec.device)
        with running_app("--model", model) as url, page.opened(browser, url) as (opened, _):
            return rates.measure(bare, lm, url, opened, N_TOKENS_LARGER, f"{gpt2_small.NAME}: ")


def main() -> None:
    """Measure everything and print the table."""
    arguments = read_arguments()
    model = arguments.model
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it what is started here compiles all that it imports anew
    tell("starting the page …")
    measured = start.measure(("--model", model))
    backend = LocalBackend((model,), "auto", "auto")
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        measured += measure_page(browser, backend, model, arguments.tokens)
        tell("decoding with a larger model …")
        measured += measure_larger(browser)
        spec = backend.spec(model)
        where = machine.describe(browser.version, f"`{spec.name}`, {spec.n_parameters:,} parameters, {spec.dtype}")
        tell("drawing beside BertViz …")
        beside = beside_bertviz.measure(browser)
        tell("loading …")
        loaded = loading.measure(browser)
        browser.close()
    tell("drawing attention …")
    for n in N_TOKENS:
        measured += attention.measure(backend, model, n)
    measured += beside
    tell("capturing …")
    measured += capture.measure()
    measured += loaded
    tell("looking inside …")
    measured += inside.measure()
    finished = table.markdown(where, measured)
    print(finished)
    if arguments.write:
        table.write(finished)


if __name__ == "__main__":
    main()
