"""Runs side by side as HTML: texts with their differences marked, numbers in a table, a grid, continuations."""

import html
from collections.abc import Mapping, Sequence
from itertools import groupby

from playground.records import ComparedRun, Continuation, GenerationSettings, TextMetrics
from playground.views.labels import readable
from playground.views.tables import comparison_table

DASH = "–"


def describe_settings(settings: GenerationSettings) -> str:
    """Return what sets a run apart from others, in a few words; not escaped."""
    if settings.strategy == "greedy":
        return "greedy"
    if settings.strategy == "beam":
        return f"beam search, {settings.num_beams} beams"
    top_k = f"top-k {settings.top_k}, " if settings.top_k else ""
    return f"sample, temperature {settings.temperature:g}, {top_k}top-p {settings.top_p:g}, seed {settings.seed}"


def running_html(text: str, note: str) -> str:
    """Return a text that is being written."""
    return f'<p class="compare-note">{html.escape(note)}</p><p class="compare-text">{html.escape(text)}</p>'


def compared_html(run: ComparedRun, *, is_first: bool) -> str:
    """Return a finished text; what the first one does not have is marked."""
    n_different = sum(run.differs)
    note = "the first: the others are marked against it"
    if not is_first:
        same = "the same as the first"
        note = f"{n_different} of {len(run.differs)} tokens differ from the first" if n_different else same
    return f'<p class="compare-note">{note}</p><p class="compare-text">{marked_text(run)}</p>'


def marked_text(run: ComparedRun) -> str:
    """Return the text with a mark around each stretch of tokens that differs, escaped."""
    parts = []
    pairs = zip(run.differs, run.record.steps, strict=True)
    for differs, stretch in groupby(pairs, key=lambda pair: pair[0]):
        text = html.escape("".join(step.token.text for _, step in stretch))
        parts.append(f"<mark>{text}</mark>" if differs else text)
    return "".join(parts)


def metrics_table(runs: Mapping[int, ComparedRun]) -> str:
    """Return a row for each run, by the number of its column."""
    if not runs:
        return ""
    columns = (
        ("", ""),
        ("settings", ""),
        ("tokens", ""),
        ("distinct-1", "different tokens per token (Li et al. 2016)"),
        ("distinct-2", "different pairs of tokens per token (Li et al. 2016)"),
        ("repetition, %", "sequences of four tokens that had come before (Welleck et al. 2020)"),
        ("surprisal, bits", "mean of -log2 P over the tokens, by the model alone"),
        ("time, s", ""),
    )
    rows = (
        f'<tr><th scope="row">{slot + 1}</th><td>{html.escape(describe_settings(run.record.settings))}</td>'
        + "".join(f'<td class="number">{value}</td>' for value in _numbers(run.metrics))
        + "</tr>"
        for slot, run in sorted(runs.items())
    )
    return comparison_table(columns, rows)


def grid_html(
    temperatures: Sequence[float], top_ps: Sequence[float], cells: Mapping[tuple[int, int], ComparedRun]
) -> str:
    """Return a table of small samples: a row a temperature, a column a top-p; those to come are empty."""
    head = "".join(f'<th scope="col">top-p {top_p:g}</th>' for top_p in top_ps)
    rows = "".join(
        f'<tr><th scope="row">temperature {temperature:g}</th>'
        + "".join(f"<td>{_cell(cells.get((row, column)))}</td>" for column in range(len(top_ps)))
        + "</tr>"
        for row, temperature in enumerate(temperatures)
    )
    return (
        f'<div class="compare-scroll"><table class="compare-grid"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def continuations_html(found: Sequence[Continuation], n_runs: int) -> str:
    """Return a bar for each continuation, with how often it came and how often it was to be expected."""
    rows = "".join(
        f'<tr><td class="compare-text">{html.escape(readable(one.text)) or "∅"}</td>'
        f'<td class="number">{one.count}</td>'
        f'<td class="number with-bar" style="--part: {100 * one.share:.2f}%">{100 * one.share:.0f} %</td>'
        f'<td class="number">{_percent(one.probability)}</td></tr>'
        for one in found
    )
    different = "one continuation" if len(found) == 1 else f"{len(found)} different continuations"
    return (
        f'<p class="caption">{n_runs} runs: {different}.</p><div class="compare-scroll"><table class="compare-table">'
        '<thead><tr><th scope="col">continuation</th><th scope="col">times</th><th scope="col">share</th>'
        f'<th scope="col">expected</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cell(run: ComparedRun | None) -> str:
    if run is None:
        return ""
    surprisal = _number(run.metrics.surprisal_bits)
    return f'<p class="compare-text">{marked_text(run)}</p><p class="compare-note">{surprisal} bits a token</p>'


def _numbers(metrics: TextMetrics) -> list[str]:
    repeated = DASH if metrics.repetition is None else f"{100 * metrics.repetition:.0f}"
    return [
        str(metrics.n_tokens),
        _number(metrics.distinct_1),
        _number(metrics.distinct_2),
        repeated,
        _number(metrics.surprisal_bits),
        f"{metrics.duration_s:.2f}",
    ]


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.2f}"


def _percent(probability: float) -> str:
    percent = 100 * probability
    return f"{percent:.1f} %" if percent >= 0.05 else f"{percent:.1g} %"
