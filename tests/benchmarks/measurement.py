"""One measured thing: its name, its unit, and every repetition."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """What was measured; the table shows the median, and the lowest and the highest beside it."""

    what: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the middle value."""
        return statistics.median(self.values)

    @property
    def row(self) -> str:
        """Return the measurement as a row of a Markdown table."""
        low, high = min(self.values), max(self.values)
        spread = "" if low == high else f"{number(low)} – {number(high)}"
        return f"| {self.what} | {number(self.median)} {self.unit}".rstrip() + f" | {spread} | {len(self.values)} |"


def number(value: float) -> str:
    """Return `value` with three digits that count, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"


def seconds(action: Callable[[], object]) -> float:
    """Return how long `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def milliseconds_in_turns(
    first: Callable[[], object], second: Callable[[], object], n_rounds: int
) -> tuple[list[float], list[float]]:
    """Return how long each takes, round after round, so that what slows the machine touches both; one warms up."""
    found: tuple[list[float], list[float]] = ([], [])
    for at in range(n_rounds + 1):
        for action, times in zip((first, second), found, strict=True):
            taken = 1000 * seconds(action)
            if at:
                times.append(taken)
    return found
