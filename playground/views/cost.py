"""What a model costs to run: every formula with its numbers filled in, and the KV cache by length."""

import html
import math
from itertools import groupby

import numpy as np
import plotly.graph_objects as go

from playground.records import HOURS_A_MONTH, CachedLayer, CostAssumptions, ModelCost
from playground.records.sizes import say_bytes
from playground.views.figure import base_layout
from playground.views.palette import series_color

Line = tuple[str, str, str]  # what it is, the formula with its numbers, the result
UNBOUNDED = 8192  # tokens of the picture, where the context has no bound
_POINTS = 64


def token_lines(cost: ModelCost, given: CostAssumptions) -> list[Line]:
    """Return what one written token takes, line by line; not escaped."""
    n_tokens, n_source = given.n_tokens, given.n_source if cost.is_encoder_decoder else 0
    matrices, looks = cost.matrix_flops(), cost.attention_flops(n_tokens, n_source)
    lines = [
        ("operations of the matrices", f"2 × {cost.n_multiplied:,} weights", say_flops(matrices)),
        ("operations of attention", f"{_looks(cost, n_tokens, n_source)}", say_flops(looks)),
        ("together", f"{matrices:,} + {looks:,}", say_flops(matrices + looks)),
    ]
    if cost.is_encoder_decoder:
        source = cost.text_flops(0, n_source)
        lines.append(
            (f"reading the source, {n_source:,} tokens, once", "its matrices and attention", say_flops(source))
        )
    lines += [
        ("KV cache at this length", _cache(cost, n_tokens, n_source), say_bytes(cost.cache_bytes(n_tokens, n_source))),
        (
            "read from memory",
            f"{say_bytes(cost.multiplied_bytes)} of weights ({cost.dtype}) + the cache",
            say_bytes(cost.read_bytes(n_tokens, n_source)),
        ),
        (
            "operations a byte",
            f"{matrices + looks:,} / {cost.read_bytes(n_tokens, n_source):,}",
            f"{(matrices + looks) / max(1, cost.read_bytes(n_tokens, n_source)):.2g}",
        ),
    ]
    return lines


def money_lines(given: CostAssumptions) -> list[Line]:
    """Return what it costs, line by line; not escaped."""
    rate, price, used = f"{given.tokens_per_s:,.4g}", _money(given.price_an_hour), f"{100 * given.utilisation:g} %"
    lines = [
        ("1,000 tokens", f"1,000 × {price} / (3,600 s × {rate} tokens/s × {used})", _money(given.price_a_thousand)),
        (
            "a class",
            f"{given.n_students:,} students × {given.tokens_a_student:,} tokens = {given.class_tokens:,} tokens, "
            f"{given.class_hours:,.3g} h",
            _money(given.class_price),
        ),
        (
            "a month of users",
            f"{given.n_users:,} × {given.tokens_a_user:,} = {given.month_tokens:,} tokens; a machine writes "
            f"{given.month_capacity:,.0f}, so {given.n_machines:,} × {HOURS_A_MONTH} h × {price}",
            _money(given.month_price),
        ),
        (
            "the same from the service",
            f"{given.month_tokens:,} / 1,000,000 × {_money(given.price_a_million)}",
            _money(given.service_month_price),
        ),
        (
            "breaks even at",
            f"{price} / (3,600 s × {rate} tokens/s × {_money(given.price_a_million)} / 1,000,000)",
            f"{100 * given.break_even:,.3g} % of its time" if math.isfinite(given.break_even) else "never",
        ),
    ]
    return lines


def break_even_sentence(given: CostAssumptions) -> str:
    """Return which of the two is cheaper, and when; not escaped."""
    if given.break_even > 1:
        return (
            "Writing one text at a time, this machine is never as cheap as the service: even if it wrote all the time. "
            "It would have to write several texts at once, or be faster."
        )
    cheaper = "your machines" if given.month_price < given.service_month_price else "the service"
    return (
        f"A machine that writes more than {100 * given.break_even:.3g} % of its time is cheaper than the service. For "
        f"this month of users {cheaper} would cost less."
    )


def lines_html(lines: list[Line]) -> str:
    """Return lines as a table, escaped."""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(what)}</th><td class="cost-formula">{html.escape(formula)}</td>'
        f'<td class="number">{html.escape(result)}</td></tr>'
        for what, formula, result in lines
    )
    return f'<div class="compare-scroll"><table class="compare-table cost-table"><tbody>{rows}</tbody></table></div>'


def draw_cache(cost: ModelCost, given: CostAssumptions) -> go.Figure:
    """Draw what the KV cache holds, by the number of tokens; what the weights take as a line to compare with."""
    most = max(cost.context_length or UNBOUNDED, given.n_tokens)
    lengths = np.unique(np.linspace(0, most, _POINTS).round().astype(int))
    source = given.n_source if cost.is_encoder_decoder else 0
    sizes = [cost.cache_bytes(int(length), source) for length in lengths]
    top = max(*sizes, 1)
    unit, name = next(
        (size, name) for size, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes")) if top >= size
    )
    figure = go.Figure(layout=base_layout(height=300, meta={"hover": "plotly"}))
    figure.add_scatter(
        x=lengths, y=[size / unit for size in sizes], mode="lines", line={"color": series_color("after"), "width": 2.5},
        marker={"color": series_color("after")}, name="KV cache", meta={"series": "after"},
        hovertemplate=f"%{{x:,}} tokens: %{{y:.3g}} {name}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[given.n_tokens], y=[cost.cache_bytes(given.n_tokens, source) / unit], mode="markers",
        marker={"color": series_color("chosen"), "size": 11}, name="this length", meta={"series": "chosen"},
        hovertemplate=f"%{{x:,}} tokens: %{{y:.3g}} {name}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title="tokens", fixedrange=True, zeroline=False, rangemode="tozero", automargin=True)
    figure.update_yaxes(title=f"KV cache, {name}", fixedrange=True, zeroline=False, rangemode="tozero", automargin=True)
    return figure


def cache_sentence(cost: ModelCost, given: CostAssumptions) -> str:
    """Return how many texts fit beside the weights where there is as much memory again; not escaped."""
    size = cost.cache_bytes(given.n_tokens, given.n_source if cost.is_encoder_decoder else 0)
    weights = cost.multiplied_bytes
    if not size:
        return ""
    return (
        f"At {given.n_tokens:,} tokens the cache takes {100 * size / max(1, weights):.2g} % of what the weights take: "
        f"{max(1, weights // size):,} such texts fill as much memory as they."
    )


def say_flops(operations: float) -> str:
    """Return a number of operations in words: "17.9 million"."""
    for unit, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if operations >= unit:
            return f"{operations / unit:.3g} {name}"
    return f"{operations:.0f}"


def _looks(cost: ModelCost, n_tokens: int, n_source: int) -> str:
    parts = []
    for layer, layers in groupby(cost.layers):
        n_layers = len(list(layers))
        seen = n_source if layer.kind == "cross" else layer.n_seen(n_tokens)
        parts.append(f"{n_layers} layers × 2 × {layer.n_query_heads} heads × {_widths(layer)} × {seen:,} tokens")
    return _few(parts)


def _cache(cost: ModelCost, n_tokens: int, n_source: int) -> str:
    parts = []
    for layer, layers in groupby(cost.layers):
        n_layers = len(list(layers))
        kept = n_source if layer.kind == "cross" else layer.n_kept(n_tokens)
        parts.append(f"{n_layers} layers × {layer.n_kv_heads} heads × {_widths(layer)} × {kept:,} tokens")
    return f"{_few(parts)}, × {cost.bytes_a_number} bytes"


def _few(parts: list[str]) -> str:
    """Return parts of a sum; of models whose layers alternate only the first."""
    shown = " + ".join(dict.fromkeys(parts[:4]))
    return shown + (" + …" if len(parts) > 4 else "")


def _widths(layer: CachedLayer) -> str:
    return f"({layer.d_key} + {layer.d_value})"


def _money(value: float) -> str:
    if not math.isfinite(value):
        return "∞"
    if value == 0:
        return "0"
    return f"{value:,.2f}" if value >= 1 else f"{value:.3g}" if value >= 1e-4 else f"{value:.2e}"
