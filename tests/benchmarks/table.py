"""The table of what was measured, and its place in the README."""

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.measurement import Measurement

README = Path(__file__).parents[2] / "README.md"
START, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"


def markdown(where: str, measurements: Sequence[Measurement]) -> str:
    """Return the sentence on the machine, and one row a measurement."""
    head = ["| what | median | lowest – highest | times |", "| --- | ---: | ---: | ---: |"]
    return "\n".join([where, "", *head, *(measurement.row for measurement in measurements)])


def put_between_marks(text: str, table: str) -> str:
    """Return `text` with `table` in place of what stood between the two marks."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n{table}\n{END}{after}"


def write(table: str) -> None:
    """Put the table into the README."""
    README.write_text(put_between_marks(README.read_text("utf-8"), table), "utf-8")
