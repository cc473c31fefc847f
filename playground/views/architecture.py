"""The parts of a model as a diagram with their real sizes: an SVG that takes its colours from the page's theme."""

import html
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from playground.records import ModelCard, StackSizes
from playground.records.sizes import say_count

WIDTH = 340
LEFT, RIGHT = 26, WIDTH - 26  # of the boxes; the frame of a layer stands around them
MIDDLE = WIDTH / 2
MOST_HEADS_DRAWN = 128
GAP = 22  # between boxes, with an arrow

POSITIONS = {
    "learned": "learned positions are added",
    "sinusoidal": "sine-shaped positions are added",
    "rotary": "queries and keys are turned by their position",
    "alibi": "distant tokens get lower scores (ALiBi)",
    "relative-buckets": "distances change the scores",
    "none": "no positions are told",
}

# A part of the diagram: what it draws from a height on, and how high it is
Part = tuple[Callable[[float], str], float]


def draw_architecture(card: ModelCard) -> str:
    """Draw each stack of a model as an SVG of its own, the encoder first, so that they stand in a row or a column."""
    return "".join(_draw_stack(card, stack) for stack in card.stacks)


def _draw_stack(card: ModelCard, stack: StackSizes) -> str:
    parts = [*_parts_before(card, stack), _layer(card, stack), *_parts_after(card, stack)]
    tops = [0.0, *accumulate(height + GAP for _, height in parts)]
    drawn = "".join(draw(top) for (draw, _), top in zip(parts, tops[:-1], strict=True))
    arrows = "".join(_arrow(bottom - GAP, bottom) for bottom in tops[1:-1])
    height = tops[-1] - GAP + 2
    return (
        f'<svg class="architecture" viewBox="0 -1 {WIDTH} {height:g}" role="img" '
        f'aria-label="{html.escape(describe_stack(card, stack))}">{drawn}{arrows}</svg>'
    )


def describe_stack(card: ModelCard, stack: StackSizes) -> str:
    """Return what the diagram of a stack shows, in a sentence; not escaped."""
    heads = f"{stack.n_query_heads} query heads" if stack.n_query_heads else "no attention heads"
    if 0 < stack.n_kv_heads < stack.n_query_heads:
        heads += f" that share {stack.n_kv_heads} key-value heads"
    cross = ", and cross-attention to the encoder" if stack.has_cross_attention else ""
    return f"The {stack.side}: {stack.n_layers} layers of width {card.spec.d_model:,}, each with {heads}{cross}."


def _parts_before(card: ModelCard, stack: StackSizes) -> Iterator[Part]:
    two_sided = len(card.stacks) > 1
    reads = {"encoder": "Source text", "decoder": "What has been written"}[stack.side] if two_sided else "Text"
    yield _line(f"{reads}, as tokens")
    details = [_sizes(card.spec.vocabulary_size, card.spec.d_model)]
    if card.positions in ("learned", "sinusoidal"):
        details.append(POSITIONS[card.positions])
    yield _box("Token embedding", details)


def _parts_after(card: ModelCard, stack: StackSizes) -> Iterator[Part]:
    spec = card.spec
    if stack.side == "encoder" and len(card.stacks) > 1:
        yield _line("→ keys and values for every decoder layer")
        return
    details = [f"{_count(spec.d_model)} → {_count(spec.vocabulary_size)}"]
    if card.is_tied:
        details.append("with the weights of the token embedding")
    yield _box("Output", details)
    yield _line("Probabilities of masked tokens" if spec.kind == "encoder" else "Probabilities of the next token")


def _layer(card: ModelCard, stack: StackSizes) -> Part:
    """Return the frame of one layer with what is in it, and how often it comes."""
    parts = [_attention(card, stack)]
    if stack.has_cross_attention:
        parts.append(_box("Cross-attention", [_heads(stack), "keys and values: from the encoder"]))
    parts.append(_feed_forward(card, stack))
    times = "1 layer" if stack.n_layers == 1 else f"× {stack.n_layers} layers"
    head, foot = 26, 28
    inner = sum(height for _, height in parts) + 12 * (len(parts) - 1)

    def draw(top: float) -> str:
        at, drawn = top + head, []
        for part, height in parts:
            drawn.append(part(at))
            at += height + 12
        norms = f" and {card.norm}" if card.norm else ""
        size = f'width="{WIDTH - 16}" height="{head + inner + foot:g}"'
        return (
            f'<rect class="arch-layer" x="8" y="{top:g}" {size} rx="12"/>'
            + _text(top + 18, times, "arch-times", x=RIGHT - 4, anchor="end")
            + _text(top + 18, stack.side.capitalize(), "arch-side", x=LEFT + 4, anchor="start")
            + "".join(drawn)
            + _text(top + head + inner + 18, f"around each: a residual connection{norms}", "arch-note")
        )

    return draw, head + inner + foot


def _attention(card: ModelCard, stack: StackSizes) -> Part:
    if not stack.n_query_heads:
        return _box("Mixing of tokens", ["without attention heads"])
    ahead = stack.side == "encoder"
    details = ["every token looks at all others" if ahead else "every token looks at those before it", _heads(stack)]
    if 0 < stack.n_kv_heads < stack.n_query_heads:
        details.append(f"they share {stack.n_kv_heads} key-value heads")
    if card.positions not in (None, "learned", "sinusoidal"):
        details.append(POSITIONS[card.positions])
    if stack.n_query_heads > MOST_HEADS_DRAWN:
        return _box("Self-attention", details)
    box, height = _box("Self-attention", details, room=44)

    def draw(top: float) -> str:
        rows = (("query", stack.n_query_heads), ("key, value", stack.n_kv_heads))
        cells = (_cells(top + height - 46 + 19 * at, name, n) for at, (name, n) in enumerate(rows))
        return box(top) + "".join(cells)

    return draw, height


def _cells(top: float, name: str, n_cells: int) -> str:
    """Draw a row of heads; a key-value head is as wide as the query heads that use it."""
    start, end = LEFT + 72, RIGHT - 12
    step = (end - start) / n_cells
    gap = min(3.0, step / 4)
    kind = "arch-query" if name == "query" else "arch-key"
    rects = "".join(
        f'<rect class="{kind}" x="{start + at * step + gap / 2:.2f}" y="{top:g}" width="{step - gap:.2f}" height="14" '
        f'rx="{min(3.0, step / 4):.2f}"/>'
        for at in range(n_cells)
    )
    return _text(top + 11, name, "arch-note", x=LEFT + 66, anchor="end") + rects


def _feed_forward(card: ModelCard, stack: StackSizes) -> Part:
    d_model, d_inner = card.spec.d_model, stack.d_feed_forward
    if not d_inner:
        return _box("Feed-forward network", [])
    details = [f"{_count(d_model)} → {_count(d_inner)} → {_count(d_model)}"]
    if stack.n_experts:
        used = f", {stack.n_experts_used} for each token" if stack.n_experts_used else ""
        details.append(f"{stack.n_experts} experts{used}")
    box, height = _box("Feed-forward network", details, room=30)
    widest = max(d_model, d_inner)
    outer, inner = (120 * d_model / widest, 120 * d_inner / widest)

    def draw(top: float) -> str:
        y = top + height - 34
        corners = [
            (MIDDLE - outer, y), (MIDDLE + outer, y), (MIDDLE + inner, y + 12),
            (MIDDLE + outer, y + 24), (MIDDLE - outer, y + 24), (MIDDLE - inner, y + 12),
        ]  # fmt: skip
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        return f'{box(top)}<polygon class="arch-widths" points="{points}"/>'

    return draw, height


def _heads(stack: StackSizes) -> str:
    heads = say_count(stack.n_query_heads, "query head")
    return f"{heads} of width {stack.d_head}" if stack.d_head else heads


def _box(title: str, details: Sequence[str], room: float = 0) -> Part:
    """Return a box with lines of text, and `room` for a drawing below them."""
    height = 30 + 16 * len(details) + room

    def draw(top: float) -> str:
        frame = f'<rect class="arch-box" x="{LEFT}" y="{top:g}" width="{RIGHT - LEFT}" height="{height:g}" rx="8"/>'
        lines = (_text(top + 37 + 16 * at, line, "arch-detail") for at, line in enumerate(details))
        return frame + _text(top + 20, title, "arch-title") + "".join(lines)

    return draw, height


def _line(text: str) -> Part:
    return (lambda top: _text(top + 13, text, "arch-end")), 16


def _arrow(top: float, bottom: float) -> str:
    tip = bottom - 3
    return (
        f'<path class="arch-arrow" d="M{MIDDLE:g} {top + 3:g}V{tip:g}M{MIDDLE - 4:g} {tip - 5:g}'
        f'L{MIDDLE:g} {tip:g}L{MIDDLE + 4:g} {tip - 5:g}"/>'
    )


def _text(y: float, text: str, kind: str, *, x: float = MIDDLE, anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _sizes(*sizes: int) -> str:
    return " × ".join(map(_count, sizes))


def _count(size: int) -> str:
    return f"{size:,}" if size else "?"
