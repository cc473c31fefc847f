"""Tokens a second of every way of decoding, in turns, so that a busy moment of the machine touches all alike."""

import os
import statistics
from collections.abc import Callable

import torch
from gradio_client import Client
from playwright.sync_api import Page

import playground
from tests.benchmarks import page as browser_page
from tests.benchmarks.decoding import Bare, bare_rate, client_rate, recorded_rate, unrecorded_rate
from tests.benchmarks.measurement import Measurement

N_ROUNDS = 7

BARE = "transformers' `generate` alone, on as many cores as the page gives to torch"
BARE_ALL = "transformers' `generate` alone, on all cores"
RECORDED = "`LanguageModel.generate`, sped up, every step recorded, on as many cores as the page gives to torch"
UNRECORDED = "the same loop, sped up, with nothing recorded, on as many cores as the page gives to torch"
RECORDED_ALL = "`LanguageModel.generate`, sped up, every step recorded, on all cores"
CLIENT = "`/generate` over HTTP, by gradio_client"
PAGE = "on the page, in the browser"


def measure(
    bare: Bare, lm: "playground.LanguageModel", url: str, page: Page, n_tokens: int, of: str = ""
) -> list[Measurement]:
    """Decode in every way with the same seed, round after round; the first round warms up.

    of: what the rows begin with, of another model than the one that the table is about
    """
    client = Client(url, verbose=False)
    lm.speed_up()
    rates: dict[str, list[float]] = {
        name: [] for name in (BARE, BARE_ALL, UNRECORDED, RECORDED, RECORDED_ALL, CLIENT, PAGE)
    }
    first_tokens = []
    for at, settings in enumerate(bare.long_runs(N_ROUNDS + 1, n_tokens)):
        generated = browser_page.generate(page, settings)
        round_rates = {
            BARE: bare_rate(bare, settings),
            BARE_ALL: on_all_cores(lambda settings=settings: bare_rate(bare, settings)),
            UNRECORDED: unrecorded_rate(lm, settings),
            RECORDED: recorded_rate(lm, settings),
            RECORDED_ALL: on_all_cores(lambda settings=settings: recorded_rate(lm, settings)),
            CLIENT: client_rate(client, settings),
            PAGE: generated.tokens_per_s,
        }
        if at:
            first_tokens.append(generated.first_token_ms)
            for name, rate in round_rates.items():
                rates[name].append(rate)
    first = Measurement(f"{of}“Generate” pressed until the first token is in the browser", "ms", tuple(first_tokens))
    measured = [Measurement(f"{of}{n_tokens} tokens, {name}", "tokens/s", tuple(rates[name])) for name in rates]
    return [first, *measured, *ratios(rates, of)]


def on_all_cores(rate: Callable[[], float]) -> float:
    """Return a rate with torch's own choice of threads, one a core."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    try:
        rate()  # gathers the threads
        return rate()
    finally:
        torch.set_num_threads(before)


def ratios(rates: dict[str, list[float]], of: str) -> list[Measurement]:
    """Return what each way reaches of transformers alone on the same cores: the ratio of the medians."""
    medians = {name: statistics.median(values) for name, values in rates.items()}
    against = {RECORDED: BARE, RECORDED_ALL: BARE_ALL, CLIENT: BARE, PAGE: BARE}
    cost = Measurement(f"{of}recorded over not recorded", "", (medians[RECORDED] / medians[UNRECORDED],))
    return [
        cost,
        *(
            Measurement(f"{of}the same against transformers alone: {name}", "", (medians[name] / medians[bare],))
            for name, bare in against.items()
        ),
    ]
