"""What happens in the Compare tab: runs side by side, a grid of samples, the same asked again and again.

Each of the runs side by side is an event of its own, so that they stream at once and each takes its place among the
runs of all visitors.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import BeamProgress, GenerationRecord, GenerationSettings, PlaygroundError, Step
from playground.ui.batches import Batch, Batches
from playground.ui.controls.decoding import DecodingControls, settings_from
from playground.ui.status import AT_ONCE, RUNS_MODEL, STREAM_INTERVAL_S, on_leaving, says_errors, status_line
from playground.ui.tabs.compare import (
    GRID_HINT,
    LONGEST_ASKED,
    LONGEST_CELL,
    MOST_ASKED,
    MOST_COLUMNS,
    TEMPERATURES,
    TOP_PS,
    CompareTab,
)
from playground.ui.text_panel import TextPanel
from playground.views.comparison import (
    compared_html,
    continuations_html,
    describe_settings,
    grid_html,
    metrics_table,
    running_html,
)


class Compare:
    """Joins the tab to the backend. What a visitor has compared is kept as long as it takes."""

    def __init__(self, backend: Backend, panel: TextPanel, decoding: DecodingControls, tab: CompareTab) -> None:
        self.backend = backend
        self.panel = panel
        self.decoding = decoding
        self.tab = tab
        self.status = tab.status
        self.batches = Batches()

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        tab = self.tab
        places = [column.place for column in tab.columns]
        tab.count.input(self.on_count, inputs_kwargs={"count": tab.count}, outputs=places, **AT_ONCE)
        for column in tab.columns:
            column.strategy.input(column.of_strategy, inputs=column.strategy, outputs=column.depending(), **AT_ONCE)
        text = {"prompt": self.panel.prompt, "model": self.panel.model}
        begun = tab.start.click(
            self.on_begin,
            inputs_kwargs={**text, "count": tab.count},
            outputs=[tab.status, tab.table, *(column.text for column in tab.columns)],
            **AT_ONCE,
        )
        for slot, column in enumerate(tab.columns):
            begun.success(
                self.column_handler(slot),
                inputs_kwargs={
                    **text,
                    "max_new_tokens": self.decoding.max_new_tokens,
                    "repetition_penalty": self.decoding.settings["repetition_penalty"],
                    **column.inputs(),
                },
                outputs=[tab.status, tab.table, *(column.text for column in tab.columns)],
                **RUNS_MODEL,
            )
        tab.fill.click(
            self.on_grid,
            inputs_kwargs={**text, "seed": self.decoding.settings["seed"], "n_tokens": tab.cell_tokens},
            outputs=[tab.status, tab.grid],
            **RUNS_MODEL,
        )
        tab.ask.click(
            self.on_again,
            inputs_kwargs={**text, "times": tab.times, "n_tokens": tab.ask_tokens, **self.decoding.inputs()},
            outputs=[tab.status, tab.again],
            **RUNS_MODEL,
        )
        tab.stop.click(self.on_stop, **AT_ONCE)
        on_leaving(page, self.on_stop)  # a closed tab leaves no run behind

    def on_count(self, count: int) -> list[Any]:
        """More or fewer settings are to stand side by side."""
        return [gr.Column(visible=slot < columns_wanted(count)) for slot in range(MOST_COLUMNS)]

    @says_errors
    def on_begin(self, request: gr.Request, prompt: str, model: str, count: int) -> dict[Any, Any]:
        """Begin a batch, whose runs then take their turns."""
        tab, n_runs = self.tab, columns_wanted(count)
        visitor = str(request.session_hash)
        self.batches.cancel(visitor)
        self.backend.tokenize(model, prompt)  # refused once, not once a run
        self.batches.begin(visitor, n_runs)
        waiting = {column.text: running_html("", "waits for its turn") for column in tab.columns[:n_runs]}
        return {tab.status: status_line(f"Comparing {n_runs} settings …", "busy"), tab.table: "", **waiting}

    def column_handler(self, slot: int) -> Callable[..., Iterator[dict[Any, Any]]]:
        """Return what runs the settings of one column."""

        def on_column(request: gr.Request, prompt: str, model: str, **settings: Any) -> Iterator[dict[Any, Any]]:
            visitor = str(request.session_hash)
            batch = self.batches.of(visitor)
            if batch is None or slot >= batch.n_runs:
                yield {self.status: gr.skip()}
                return
            record: GenerationRecord | None = None
            try:
                for finished, shown in self.stream(prompt, model, settings, batch):
                    record = finished
                    yield {self.tab.columns[slot].text: shown}
            except PlaygroundError as error:
                yield {self.tab.columns[slot].text: status_line(str(error), "error")}
            finally:
                records, is_last = batch.finish(slot, record)
            if self.batches.of(visitor) not in (batch, None):  # something else has been begun since
                return
            if is_last:
                self.batches.end(visitor, batch)
            yield self.show(batch, records, is_last=is_last)

        return on_column

    def stream(
        self, prompt: str, model: str, settings: dict[str, Any], batch: Batch
    ) -> Iterator[tuple[GenerationRecord | None, str]]:
        """Yield the text of one run as it grows, with the record of it in the end."""
        wanted = GenerationSettings(**settings)
        note, text = describe_settings(wanted), ""
        for events in self.backend.generate(model, prompt, wanted, batch.switch, STREAM_INTERVAL_S):
            text += "".join(event.token.text for event in events if isinstance(event, Step))
            last = events[-1]
            if isinstance(last, GenerationRecord):
                yield last, running_html(last.text, note)
            elif isinstance(last, BeamProgress):
                yield None, running_html(last.text, f"{note}: the best beam at this moment")
            else:
                yield None, running_html(text, note)

    def show(self, batch: Batch, records: dict[int, GenerationRecord], *, is_last: bool) -> dict[Any, Any]:
        """Return the texts that are there with their differences, and the numbers."""
        tab = self.tab
        runs = dict(zip(records, self.backend.compare_runs(list(records.values())), strict=True))
        first = min(runs, default=0)
        texts = {tab.columns[slot].text: compared_html(run, is_first=slot == first) for slot, run in runs.items()}
        said = {tab.status: gr.skip()}
        if is_last:
            stopped = batch.switch.is_set()
            said = {tab.status: status_line("You stopped it; what was there is compared." if stopped else "Compared.")}
        return {tab.table: metrics_table(runs), **texts, **said}

    def on_grid(
        self, request: gr.Request, prompt: str, model: str, seed: int, n_tokens: int
    ) -> Iterator[dict[Any, Any]]:
        """Fill the grid cell by cell; what is there stays when it is stopped."""
        tab, visitor = self.tab, str(request.session_hash)
        places = [(row, column) for row in range(len(TEMPERATURES)) for column in range(len(TOP_PS))]
        batch = self.batches.begin(visitor, 1)
        records: dict[tuple[int, int], GenerationRecord] = {}
        try:
            length = within(n_tokens, 2, LONGEST_CELL, "Tokens a cell")
            base = GenerationSettings(strategy="sample", top_k=0, seed=seed, max_new_tokens=length)
            yield {tab.grid: grid_html(TEMPERATURES, TOP_PS, {}), tab.status: status_line("Filling the grid …", "busy")}
            for row, column in places:
                wanted = replace(base, temperature=TEMPERATURES[row], top_p=TOP_PS[column])
                record = self.complete(prompt, model, wanted, batch)
                if batch.switch.is_set():
                    break
                records[row, column] = record
                runs = dict(zip(records, self.backend.compare_runs(list(records.values())), strict=True))
                done = status_line(f"Filling the grid: {len(records)} of {len(places)} …", "busy")
                yield {tab.grid: grid_html(TEMPERATURES, TOP_PS, runs), tab.status: done}
            yield {tab.status: status_line(ended(batch, f"{len(records)} of {len(places)} cells."))}
        except PlaygroundError as error:
            yield {tab.status: status_line(str(error), "error"), tab.grid: GRID_HINT if not records else gr.skip()}
        finally:
            batch.switch.set()
            self.batches.end(visitor, batch)

    def on_again(
        self, request: gr.Request, prompt: str, model: str, times: int, n_tokens: int, **settings: Any
    ) -> Iterator[dict[Any, Any]]:
        """Ask the same with one seed after another, and count what comes."""
        tab, visitor = self.tab, str(request.session_hash)
        batch = self.batches.begin(visitor, 1)
        records: list[GenerationRecord] = []
        try:
            wanted = within(times, 2, MOST_ASKED, "Times")
            base = settings_from({**settings, "max_new_tokens": within(n_tokens, 1, LONGEST_ASKED, "Tokens")})
            if base.strategy != "sample":
                raise PlaygroundError(
                    "Greedy and beam search write the same every time: choose Sample as the strategy above."
                )
            yield {tab.status: status_line(f"Asking {wanted} times …", "busy")}
            for at in range(wanted):
                record = self.complete(prompt, model, replace(base, seed=base.seed + at), batch)
                if batch.switch.is_set():
                    break
                records.append(record)
                found = self.backend.count_continuations(records)
                done = status_line(f"Asked {len(records)} of {wanted} times …", "busy")
                yield {tab.again: continuations_html(found, len(records)), tab.status: done}
            yield {tab.status: status_line(ended(batch, f"Asked {len(records)} times."))}
        except PlaygroundError as error:
            yield {tab.status: status_line(str(error), "error")}
        finally:
            batch.switch.set()
            self.batches.end(visitor, batch)

    def complete(self, prompt: str, model: str, settings: GenerationSettings, batch: Batch) -> GenerationRecord:
        """Return the record of one short run."""
        record: GenerationRecord | None = None
        for events in self.backend.generate(model, prompt, settings, batch.switch, STREAM_INTERVAL_S):
            if isinstance(events[-1], GenerationRecord):
                record = events[-1]
        assert record is not None
        return record

    def on_stop(self, request: gr.Request) -> None:
        """End all runs of this visitor within one token, those that wait too."""
        self.batches.cancel(str(request.session_hash))


def columns_wanted(count: object) -> int:
    """Return how many columns were asked for, between two and all: anything can be sent."""
    return min(MOST_COLUMNS, max(2, count)) if isinstance(count, int) else 2


def within(value: Any, low: int, high: int, name: str) -> int:
    """Return a whole number in its range; PlaygroundError where it is none."""
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not is_whole or not low <= value <= high:
        raise PlaygroundError(f"{name} must be a whole number from {low} to {high}, not {str(value)[:40]!r}.")
    return int(value)


def ended(batch: Batch, done: str) -> str:
    """Return what was done, and whether it was stopped."""
    return f"You stopped it. {done}" if batch.switch.is_set() else done
