"""Tokens a second of every way of decoding, in turns, so that a busy moment of the machine touches all alike."""

import os
import statistics

import torch
from gradio_client import Client
from playwright.sync_api import Page

import playground
from tests.benchmarks import page as browser_page
from tests.benchmarks.decoding import Bare, Settings, bare_rate, client_rate, recorded_rate
from tests.benchmarks.measurement import Measurement

N_ROUNDS = 7

BARE = "transformers' `generate` alone, on as many cores as the page gives to torch"
BARE_ALL = "transformers' `generate` alone, on all cores"
RECORDED = "`LanguageModel.stream`, every step recorded"
CLIENT = "`/generate` over HTTP, by gradio_client"
PAGE = "on the page, in the browser"


def measure(bare: Bare, lm: "playground.LanguageModel", url: str, page: Page, n_tokens: int) -> list[Measurement]:
    """Decode in every way with the same seed, round after round; the first round warms up."""
    client = Client(url, verbose=False)
    rates: dict[str, list[float]] = {BARE: [], BARE_ALL: [], RECORDED: [], CLIENT: [], PAGE: []}
    first_tokens = []
    for at, settings in enumerate(bare.long_runs(N_ROUNDS + 1, n_tokens)):
        generated = browser_page.generate(page, settings)
        round_rates = {
            BARE: bare_rate(bare, settings),
            BARE_ALL: bare_rate_on_all_cores(bare, settings),
            RECORDED: recorded_rate(lm, settings),
            CLIENT: client_rate(client, settings),
            PAGE: generated.tokens_per_s,
        }
        if at:
            first_tokens.append(generated.first_token_ms)
            for name, rate in round_rates.items():
                rates[name].append(rate)
    first = Measurement("“Generate” pressed until the first token is in the browser", "ms", tuple(first_tokens))
    measured = [Measurement(f"{n_tokens} tokens, {name}", "tokens/s", tuple(rates[name])) for name in rates]
    return [first, *measured, *ratios(rates)]


def bare_rate_on_all_cores(bare: Bare, settings: Settings) -> float:
    """Return tokens a second of `generate` with torch's own choice of threads, one a core."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    try:
        bare.generate(Settings(seed=settings.seed, max_new_tokens=16))  # gathers the threads
        return bare_rate(bare, settings)
    finally:
        torch.set_num_threads(before)


def ratios(rates: dict[str, list[float]]) -> list[Measurement]:
    """Return what each way reaches of transformers alone: the ratio of the medians."""
    bare = statistics.median(rates[BARE])
    return [
        Measurement(f"the same against transformers alone: {name}", "", (statistics.median(rates[name]) / bare,))
        for name in (RECORDED, CLIENT, PAGE)
    ]
