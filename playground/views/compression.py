"""Compressed copies beside their original: a table, size against perplexity, and what each of them writes."""

import html
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from playground.records import CompressedModel, Compression, CompressionMethod, CompressionProgress, ModelMeasures
from playground.records.sizes import say_bytes, say_count
from playground.views.comparison import compared_html
from playground.views.figure import base_layout
from playground.views.palette import SeriesName, series_color
from playground.views.tables import comparison_table

METHODS: dict[CompressionMethod, str] = {
    "bfloat16": "bfloat16",
    "float16": "float16",
    "float32": "float32",
    "int8-dynamic": "int8, weights and what they are given",
    "int8": "int8, weights only",
    "int4": "int4, weights only",
    "magnitude": "small weights pruned",
    "heads": "least useful heads pruned",
    "shared": "layers share weights",
    "dropped": "layers dropped",
    "distilled": "distilled: a two-layer student, trained here",
    "student": "distilled: the student that came with the model",
}
ABOUT: dict[CompressionMethod, str] = {
    "float32": "32 bits a number: 8 for the size, 23 for the digits. Nothing is lost.",
    "bfloat16": "16 bits a number: the range of float32, two to three digits.",
    "float16": "16 bits a number: three to four digits, up to 65,504; what is larger becomes infinite.",
    "int8-dynamic": "The matrices of the layers as whole numbers from −127 to 127 with a scale for each output; what a "
    "matrix is given is rounded so for each token, too. Embeddings and output stay as they are.",
    "int8": "The matrices of the layers as whole numbers from −127 to 127 with a scale for each output, turned back "
    "when they are used. Embeddings and output stay as they are.",
    "int4": "The matrices of the layers as whole numbers from −7 to 7, two a byte, with a scale for each group of "
    "weights, turned back when they are used. Embeddings and output stay as they are.",
    "magnitude": "In each matrix of the layers, the weights nearest to zero become zero. Neither memory nor time is "
    "saved by that alone: it takes a format that leaves zeros out, and a processor that skips them.",
    "heads": "The heads whose absence changes the log-probabilities of the text least pass on nothing.",
    "shared": "A layer computes with another's weights, which are kept once: smaller, not faster.",
    "dropped": "The residual stream goes past a layer: smaller and faster.",
    "distilled": "A student with the first and the last layer learns, step by step, the model's whole distribution of "
    "each next token, on text that the model writes. A hundred steps show how it comes nearer; watch the nats fall.",
    "student": "A student with two layers that was trained before, on the books that the model was trained on; its "
    "figures are in the model's card.",
}


def describe_compression(compression: Compression) -> str:
    """Return how a copy is compressed, in a few words; not escaped."""
    names: dict[CompressionMethod, str] = {
        "magnitude": f"{compression.percent:g} % of weights pruned",
        "heads": f"{say_count(len(compression.heads) or compression.n_heads, 'head')} pruned",
        "int4": f"int4 weights, groups of {compression.group}",
        "int8": "int8 weights",
        "int8-dynamic": "int8, dynamic",
        "shared": "layers " + ", ".join(f"{layer}={giver}" for layer, giver in compression.shared[:6]),
        "dropped": f"without layer{'' if len(compression.layers) == 1 else 's'} "
        + ", ".join(map(str, compression.layers[:8])),
        "distilled": f"student, {say_count(compression.steps, 'step')}",
        "student": "student that came with it",
    }
    return names.get(compression.method, compression.method)


def compression_table(variants: Sequence[CompressedModel], chosen: int) -> str:
    """Return a row for the original, as it was measured with the last copy, and one for each copy."""
    if not variants:
        return ""
    columns = (
        ("", ""),
        ("on disk", "a safetensors file of its weights"),
        ("in memory", "weights and buffers"),
        ("tokens/s", "greedily, one text, in turns with the original; beside it the original's at that moment"),
        ("perplexity", "of the text: as unsure as between so many tokens"),
        ("KL, nats", "Kullback-Leibler divergence of its next-token distributions from the original's, the mean"),
        ("same top token", "places of the text where both find the same token likeliest"),
    )
    last = variants[-1].original
    rows = [_row("the original", last, None, is_chosen=False)]
    rows += [
        _row(describe_compression(one.compression), one.compressed, one, is_chosen=at == chosen)
        for at, one in enumerate(variants)
    ]
    return comparison_table(columns, rows)


def compression_sentence(variants: Sequence[CompressedModel]) -> str:
    """Return on what the numbers of the table rest; not escaped."""
    if not variants:
        return ""
    last = variants[-1]
    cut = f" (its last {last.n_left_out} tokens are left out)" if last.n_left_out else ""
    return (
        f"Perplexity, KL and top token over the {last.n_tokens} tokens of the text{cut}. Speeds are medians, measured "
        "in turns with the original, so compare the two of a row. “Packed” leaves zeros out and keeps a bit a weight."
    )


def progress_sentence(progress: CompressionProgress) -> str:
    """Return how far it is; not escaped."""
    said = f": {progress.done} of {progress.total}" if progress.total > 1 else ""
    return f"{progress.doing[:1].upper()}{progress.doing[1:]}{said} …"


def draw_sizes(variants: Sequence[CompressedModel]) -> go.Figure:
    """Draw size on disk against perplexity, of the original and of each copy."""
    figure = go.Figure(
        layout=base_layout(height=340, margin={"l": 8, "r": 16, "t": 28, "b": 8}, meta={"hover": "plotly"})
    )
    original = variants[-1].original
    unit, name = (
        (1e9, "GB") if original.disk_bytes >= 1e9 else (1e6, "MB") if original.disk_bytes >= 1e6 else (1e3, "kB")
    )
    points: list[tuple[SeriesName, str, list[str], list[ModelMeasures]]] = [
        ("before", "the original", ["the original"], [original]),
        (
            "after",
            "copies",
            [describe_compression(one.compression) for one in variants],
            [one.compressed for one in variants],
        ),
    ]
    for series, title, labels, measures in points:
        figure.add_scatter(
            x=[one.packed_bytes / unit for one in measures],
            y=[one.perplexity if math.isfinite(one.perplexity) else None for one in measures],
            text=labels,
            name=title,
            mode="markers+text",
            textposition=["bottom center" if at % 2 else "top center" for at in range(len(labels))],
            textfont={"size": 11},
            cliponaxis=False,
            marker={"color": series_color(series), "size": 11, "symbol": "diamond" if series == "before" else "circle"},
            hovertemplate=f"%{{text}}: %{{x:.3g}} {name}, perplexity %{{y:.4g}}<extra></extra>",
            meta={"series": series},
        )
    figure.update_layout(showlegend=False)
    sizes = [one.packed_bytes / unit for _, _, _, measures in points for one in measures]
    room = 0.18 * (max(sizes) - min(sizes)) or max(sizes) * 0.5
    figure.update_xaxes(
        title=f"size on disk, packed, {name}", range=[min(sizes) - room, max(sizes) + room], fixedrange=True,
        zeroline=False, automargin=True,
    )  # fmt: skip
    values = [one.perplexity for _, _, _, measures in points for one in measures if math.isfinite(one.perplexity)]
    wide = bool(values) and max(values) > 20 * min(values)
    figure.update_yaxes(
        title="perplexity", fixedrange=True, zeroline=False, automargin=True, type="log" if wide else "linear"
    )
    return figure


def both_texts_html(variant: CompressedModel) -> tuple[str, str]:
    """Return what the original and the copy wrote; where they differ the copy's is marked."""
    if len(variant.runs) < 2:
        none = "<p class='compare-empty'>Nothing was written: the prompt was empty.</p>"
        return none, none
    first, second = variant.runs
    return compared_html(first, is_first=True), compared_html(second, is_first=False)


def _row(name: str, measures: ModelMeasures, variant: CompressedModel | None, *, is_chosen: bool) -> str:
    original = variant.original if variant else measures
    disk = say_bytes(measures.disk_bytes) + _part(measures.disk_bytes, original.disk_bytes)
    if measures.packed_bytes < 0.97 * measures.disk_bytes:
        zeros = 100 * measures.n_zero / max(1, measures.n_weights)
        disk += f"<br><small>packed {say_bytes(measures.packed_bytes)}: {zeros:.0f} % are zero</small>"
    memory = say_bytes(measures.memory_bytes) + _part(measures.memory_bytes, original.memory_bytes)
    speed = _digits(measures.tokens_per_s)
    if variant:
        speed += f"<br><small>the original {_digits(original.tokens_per_s)}</small>"
    cells = [disk, memory, speed, _digits(measures.perplexity)]
    if variant:
        cells += [f"{variant.divergence_nats:.4f}", f"{100 * variant.agreement:.0f} %"]
    else:
        cells += ["–", "–"]
    numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
    row = ' class="chosen"' if is_chosen else ""
    return f'<tr{row}><th scope="row">{html.escape(name)}</th>{numbers}</tr>'


def _part(size: int, original: int) -> str:
    return f" <small>({100 * size / original:.0f} %)</small>" if original and size != original else ""


def _digits(value: float) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value) or value >= 1e6:
        return f"{value:.2e}" if math.isfinite(value) else "∞"
    return f"{value:,.0f}" if value >= 999.5 else f"{value:#.3g}".rstrip(".")
