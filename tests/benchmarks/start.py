"""From the command line to the first answer."""

import time

from tests.benchmarks.measurement import Measurement
from tests.server import running_app

N_STARTS = 3


def start_s(arguments: tuple[str, ...]) -> float:
    """Return the seconds from starting `python app.py` to `GET /` answering 200."""
    began = time.perf_counter()
    with running_app(*arguments):
        return time.perf_counter() - began


def measure(arguments: tuple[str, ...]) -> list[Measurement]:
    """Start the page several times, once beforehand so that its files are in memory."""
    start_s(arguments)
    values = tuple(start_s(arguments) for _ in range(N_STARTS))
    return [Measurement("`python app.py` to `GET /` answering 200, warm", "s", values)]
