"""Loading a model: how long, how much memory, how soon a loaded one is chosen, and what others notice of it."""

import ctypes
import gc
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gradio_client import Client
from playwright.sync_api import Browser, Page

import playground
from playground.backends.local import LocalBackend
from playground.models.catalogue import bundled_names
from playground.settings import read_weights_in_order
from tests.benchmarks import gpt2_small
from tests.benchmarks import page as browser_page
from tests.benchmarks.capture import PeakMemory
from tests.benchmarks.measurement import Measurement, seconds
from tests.server import ROOT, running_app

N_LOADINGS = 3
N_SWITCHES = 9
N_CALLS = 20
# From the press on a name in the list until the page says how much room a prompt has in that model
NOTE_SWITCH = """() => {
    const room = document.querySelector("#room");
    window.switched = [];
    let pressed = null;
    document.addEventListener("pointerdown", (event) => {
        if (event.target.closest('[role="option"]')) pressed = performance.now();
    }, true);
    new MutationObserver(() => {
        if (pressed === null || !room.textContent.includes(window.awaited)) return;
        window.switched.push(performance.now() - pressed);
        pressed = null;
    }).observe(room, { childList: true, subtree: true, characterData: true });
}"""


def measure(browser: Browser) -> list[Measurement]:
    """Measure all of it."""
    with TemporaryDirectory() as place:
        folder = gpt2_small.save(Path(place, "model"))
        measured = []
        for title, name in (*((f"`{name}`", name) for name in bundled_names()), (gpt2_small.NAME, folder)):
            measured += measure_memory(title, name)
        return [*measured, *measure_switches(browser), *measure_others(Path(place), folder)]


def measure_memory(title: str, name: str) -> list[Measurement]:
    """Load a model in processes of their own."""
    runs = []
    for _ in range(N_LOADINGS):
        command = [sys.executable, "-m", "tests.benchmarks.loading", name]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        runs.append(json.loads(told.splitlines()[-1]))
    ratios = tuple(run["peak_bytes"] / run["model_bytes"] for run in runs)
    size = f"{runs[0]['model_bytes'] / 1e6:.0f} MB in {runs[0]['dtype']}"
    times = tuple(run["seconds"] for run in runs)
    return [
        Measurement(f"loading {title}, {size}, and tracing its step, the first in a process", "s", times),
        Measurement(f"loading {title}: peak memory over the size of its weights in memory", "", ratios),
    ]


def load_twice(name: str) -> dict[str, float | str]:
    """Load a model as the page does, then alone with an eye on the memory: all programs are in memory by then."""
    read_weights_in_order()  # as app.py does
    took_s = seconds(lambda: LocalBackend((name,), "auto", "auto").spec(name))
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = PeakMemory.reset()
    lm = playground.load(name)
    peak_bytes = PeakMemory.read() - before
    card = lm.model_card()
    return {
        "seconds": took_s,
        "peak_bytes": peak_bytes,
        "model_bytes": card.n_bytes,
        "dtype": card.spec.dtype,
    }


def measure_switches(browser: Browser) -> list[Measurement]:
    """Choose one model after the other on the page, all being in memory."""
    rooms = {"stories": "of 512 tokens", "translator": "tokens to read"}
    with running_app("--model", *rooms) as url, browser_page.opened(browser, url) as (page, _):
        page.evaluate(NOTE_SWITCH)
        for at in range(N_SWITCHES + 2):
            name = tuple(rooms)[(at + 1) % 2]
            page.evaluate("text => { window.awaited = text; }", rooms[name])
            choose(page, name)
            page.wait_for_function("n => window.switched.length === n", arg=at + 1)
        values = page.evaluate("window.switched")[2:]  # the first of each loads it
    return [Measurement("model chosen that is in memory until the page has its examples and room", "ms", tuple(values))]


def choose(page: Page, name: str) -> None:
    """Choose a model from the list."""
    page.locator("#model input").click()
    page.get_by_role("option", name=name, exact=True).click()


def measure_others(place: Path, folder: str) -> list[Measurement]:
    """Ask for tokens of one model, as another visitor, while models are being loaded."""
    names = [str(place / f"model-{at}") for at in range(N_LOADINGS)]
    for name in names:
        Path(name).symlink_to(folder)  # each is a model of its own, and is read anew
    with running_app("--model", "stories", *names) as url:
        other = Client(url, verbose=False, ssl_verify=False)  # else it reads certificates anew for each request
        quiet = tuple(ask(other) for _ in range(N_CALLS))[2:]
        busy: list[float] = []
        for name in names:
            with loading(url, name) as done:
                while not done.is_set():
                    busy.append(ask(other))
    what = "`/tokenize` asked over HTTP until its answer is there"
    slowest = sorted(busy)[int(0.95 * len(busy))]
    return [
        Measurement(f"{what}, while nothing else goes on", "ms", quiet),
        Measurement(f"{what}, while a {gpt2_small.NAME} model loads for another visitor", "ms", tuple(busy)),
        Measurement("of the latter, 95 % took at most", "ms", (slowest,)),
    ]


def ask(client: Client) -> float:
    """Return the milliseconds that one answer took."""
    return 1000 * seconds(lambda: client.predict("Once upon a time", model="stories", api_name="/tokenize"))


@contextmanager
def loading(url: str, name: str) -> Iterator[threading.Event]:
    """Load a model as a visitor of its own; gives what is set when it is there."""
    client, done = Client(url, verbose=False), threading.Event()

    def load() -> None:
        try:
            client.predict(name, api_name="/load")
        finally:
            done.set()

    thread = threading.Thread(target=load)
    thread.start()
    yield done
    thread.join()


if __name__ == "__main__":
    print(json.dumps(load_twice(sys.argv[1])))
