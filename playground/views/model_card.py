"""What there is to say of a model, as HTML: its sizes in groups, and the diagram of its parts."""

import html

from playground.records import ModelCard, ModelKind, shown_name
from playground.records.sizes import say_bytes
from playground.views.architecture import POSITIONS, draw_architecture

KINDS: dict[ModelKind, str] = {
    "decoder": "decoder: it writes on, each token looking back only",
    "encoder": "encoder: it reads a text from both sides and predicts words that are hidden",
    "encoder-decoder": "encoder-decoder: one half reads a text, the other writes another, such as a translation",
}
NOTE = (
    "The numbers are those of this model. Where the norms stand within a layer, and whether its parts follow each "
    "other or stand side by side, differs between families and is not drawn."
)

Facts = list[tuple[str, str]]


def model_card_html(card: ModelCard) -> str:
    """Return the card; everything that comes from the model is escaped."""
    groups = {"What it is": _what(card), "Sizes": _sizes(card), "Here": _here(card)}
    facts = "".join(_group_html(title, facts) for title, facts in groups.items())
    figure = f'<div class="model-stacks">{draw_architecture(card)}</div><figcaption class="caption">{NOTE}</figcaption>'
    return (
        f'<article class="model-card"><div class="model-facts">'
        f'<h3 class="model-name">{html.escape(shown_name(card.spec.name))}</h3>{facts}</div>'
        f'<figure class="model-figure" style="--stacks: {len(card.stacks)}">{figure}</figure></article>'
    )


def say_parameters(n_parameters: int) -> str:
    """Return a number of parameters as people say it: "124 million"."""
    for unit, name in ((10**9, "billion"), (10**6, "million"), (10**3, "thousand")):
        if n_parameters >= unit:
            value = n_parameters / unit
            return f"{value:.0f} {name}" if value >= 99.5 else f"{value:.3g} {name}"
    return str(n_parameters)


def _what(card: ModelCard) -> Facts:
    spec = card.spec
    return [
        ("kind", KINDS[spec.kind]),
        ("class in transformers", spec.architecture),
        ("parameters", f"{spec.n_parameters:,}"),
        ("licence", card.licence or "not known here: look at its page"),
    ]


def _sizes(card: ModelCard) -> Facts:
    spec = card.spec
    facts: Facts = []
    for stack in card.stacks:
        of = f"{stack.side}: " if len(card.stacks) > 1 else ""
        facts += [
            (f"{of}layers", f"{stack.n_layers}"),
            (f"{of}query heads", f"{stack.n_query_heads}"),
            (f"{of}key-value heads", _kv_heads(stack.n_query_heads, stack.n_kv_heads)),
            (f"{of}width of a head", f"{stack.d_head}"),
            (f"{of}feed-forward width", f"{stack.d_feed_forward:,}" if stack.d_feed_forward else "not named"),
        ]
        if stack.n_experts:
            facts.append((f"{of}experts", f"{stack.n_experts}, {stack.n_experts_used or '?'} used for each token"))
    context = "not bounded" if spec.context_length is None else f"{spec.context_length:,} tokens"
    return [
        *facts,
        ("width of the model", f"{spec.d_model:,}"),
        ("vocabulary", f"{spec.vocabulary_size:,} tokens"),
        ("context", context),
        ("positions", POSITIONS[card.positions] if card.positions else "told in a way that is not known here"),
        ("output weights", "those of the token embedding" if card.is_tied else "its own"),
    ]


def _here(card: ModelCard) -> Facts:
    spec, placement = card.spec, card.placement
    dtype, device = (placement.dtype, placement.device) if placement else (spec.dtype, spec.device)
    return [
        ("memory", say_bytes(card.n_bytes)),
        ("numbers", f"{dtype}: {placement.why_dtype}" if placement else dtype),
        ("device", f"{device}: {placement.why_device}" if placement else device),
    ]


def _kv_heads(n_query_heads: int, n_kv_heads: int) -> str:
    if not 0 < n_kv_heads < n_query_heads:
        return f"{n_kv_heads}"
    return f"{n_kv_heads}, each shared by {n_query_heads // n_kv_heads} query heads"


def _group_html(title: str, facts: Facts) -> str:
    rows = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts)
    return f"<h4>{title}</h4><dl>{rows}</dl>"
