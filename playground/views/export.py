"""Maps to take away: CSV, NPZ, one HTML file that opens without internet, and the Python that makes them.

Layers have the numbers that they have in the model, except in Python, where they are counted over those that have
attention.
"""

import csv
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from plotly.offline import get_plotlyjs

from playground.records import HeadMap, HeadPatterns, PlaygroundError, TextIds, Token, fitting
from playground.views.figure import file_stem
from playground.views.head_map import draw_head_map
from playground.views.labels import plain_label
from playground.views.palette import ASSETS

MOST_WEIGHTS = 4_000_000  # in one page: 21 MB beside plotly.js


@dataclass(frozen=True)
class ExportedFile:
    """A file for the browser to save."""

    name: str
    media_type: str
    content: bytes


def export_csv(head_map: HeadMap, model: str) -> ExportedFile:
    """Return a row a query and a column a key, with the tokens' numbers and labels at the edges."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["query \\ key", *(_cell(at, token) for at, token in enumerate(head_map.key_tokens))])
    for at, (token, row) in enumerate(zip(head_map.query_tokens, head_map.weights, strict=True)):
        writer.writerow([_cell(at, token), *(repr(float(weight)) for weight in row)])
    # A mark at the beginning, by which spreadsheets know UTF-8
    return ExportedFile(file_name(head_map, model, "csv"), "text/csv", text.getvalue().encode("utf-8-sig", "replace"))


def export_npz(head_map: HeadMap, model: str) -> ExportedFile:
    """Return the weights and the tokens for numpy.load: weights, query_tokens, key_tokens, query_ids, ..."""
    content = io.BytesIO()
    np.savez_compressed(
        content,
        weights=head_map.weights,
        query_tokens=np.array([token.label for token in head_map.query_tokens]),
        key_tokens=np.array([token.label for token in head_map.key_tokens]),
        query_ids=np.array([token.id for token in head_map.query_tokens]),
        key_ids=np.array([token.id for token in head_map.key_tokens]),
        layer=np.array(head_map.number_of(head_map.layer)),
        head=np.array(head_map.head),
        kind=np.array(head_map.kind),
        shown=np.array(what_is_shown(head_map)),
        model=np.array(model),
    )
    return ExportedFile(file_name(head_map, model, "npz"), "application/octet-stream", content.getvalue())


def export_html(head_maps: Sequence[HeadMap], model: str) -> ExportedFile:
    """Return maps of one text as one page that holds plotly.js and asks no other host for anything.

    Raises PlaygroundError, with how many would fit, where the page would be too large to open.
    """
    first = head_maps[0]
    check_size(len(head_maps), first.weights.size)
    parts = []
    for at, shown in enumerate(head_maps):
        figure = draw_head_map(shown, height=760)
        drawn = figure.to_html(
            full_html=False, include_plotlyjs=False, config={"displaylogo": False, "responsive": True}
        )
        parts.append(f'<h2 id="map-{at}">{html.escape(what_is_shown(shown))}</h2>\n{drawn}')
    links = [f'<a href="#map-{at}">{html.escape(short_name(shown))}</a>' for at, shown in enumerate(head_maps)]
    title = f"{model}: {what_is_shown(first) if len(head_maps) == 1 else f'{len(head_maps)} heads'}"
    fields = {
        "TITLE": html.escape(title),
        "TEXT": html.escape("".join(token.text for token in first.query_tokens)),
        "LINKS": " · ".join(links) if len(links) > 1 else "",
        "PLOTLY": get_plotlyjs(),
        "MAPS": "\n".join(parts),
    }
    template = (ASSETS / "html" / "export.html").read_text(encoding="utf-8")
    page = re.sub("|".join(fields), lambda found: fields[found[0]], template)
    name = file_name(first, model, "html") if len(head_maps) == 1 else f"{file_stem(model, 'heads')}.html"
    return ExportedFile(name, "text/html", page.encode("utf-8", "replace"))


def check_size(n_maps: int, n_weights: int) -> None:
    """Raise PlaygroundError where so many maps of `n_weights` each make a page too large to open."""
    if n_maps * n_weights <= MOST_WEIGHTS:
        return
    fitting = MOST_WEIGHTS // n_weights
    advice = f"choose at most {fitting} of this text" if fitting else "take a shorter text, or save it as NPZ"
    raise PlaygroundError(
        f"{n_maps} maps of this text hold {n_maps * n_weights / 1e6:.1f} million weights, and a page "
        f"{MOST_WEIGHTS / 1e6:.0f} million: {advice}."
    )


def export_patterns(patterns: HeadPatterns, model: str, text_name: str) -> ExportedFile:
    """Return a row a head: layer, head, its score for every pattern (empty where none), and the patterns it fits."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["layer", "head", *patterns.names, "fits"])
    for place, layer in enumerate(patterns.layers):
        for head in range(patterns.scores.shape[2]):
            scores = [repr(float(score)) if np.isfinite(score) else "" for score in patterns.scores[:, place, head]]
            writer.writerow([layer, head, *scores, " ".join(fitting(patterns.of(place, head)))])
    return ExportedFile(f"{file_stem(model, 'patterns', text_name)}.csv", "text/csv", text.getvalue().encode())


def export_python(head_map: HeadMap, model: str, text: TextIds, other: TextIds | None = None) -> ExportedFile:
    """Return the lines of Python that compute the same values from the ids of the text's tokens.

    other: the text that is subtracted, where one is.
    """
    place = f"{head_map.layer}, {head_map.head}"
    if head_map.kind != "self":
        place += f", kind={head_map.kind!r}"
    changes = _view_arguments(head_map)
    match head_map.values:
        case "norms":
            last = f"weights = attention.norm_map({place}).norms  # float32 [query, key]"
        case "words":
            last = f"weights = attention.word_map({place}).weights  # float32 [query word, key word]"
        case "texts":
            last = f"weights = attention.weights({place}) - other.weights({place})  # float32 [query, key]"
        case _ if changes:
            last = f"weights = attention.head_map({place}, view=MapView({', '.join(changes)})).weights"
        case _:
            last = f"weights = attention.weights({place})  # float32 [query, key]"
    number = head_map.number_of(head_map.layer)
    texts = [_arguments(text)]
    if head_map.values == "texts" and other is not None:
        texts.append(_arguments(other))
    names = [name for name in ("MapView", "TextIds") if name in " ".join([last, *texts])]
    lines = [
        "import playground",
        *([f"from playground.records import {', '.join(names)}"] if names else []),
        "",
        f"lm = playground.load({model!r})",
        f"attention = lm.attention({texts[0]})  # the ids of the text's tokens",
        *([f"other = lm.attention({texts[1]})"] if len(texts) > 1 else []),
        *([f"# layer {number} of the model is the one at {head_map.layer} of those that have attention"]
           if number != head_map.layer else []),
        last,
        "print(weights.shape)",
        "",
    ]  # fmt: skip
    return ExportedFile(file_name(head_map, model, "py"), "text/x-python", "\n".join(lines).encode())


def what_is_shown(head_map: HeadMap) -> str:
    """Return the layer and head, or what was made of them, in words."""
    view, layer = head_map.view, f"layer {head_map.number_of(head_map.layer)}"
    if head_map.values != "weights":
        what = {
            "norms": "weights times the length of the value",
            "words": "weights between words",
            "texts": "this text minus another",
        }[head_map.values]
        return f"{layer}, head {head_map.head}, {what}"
    other = f"layer {head_map.number_of(view.other_layer)}, head {view.other_head}"
    shown = {
        "one": f"{layer}, head {head_map.head}",
        "mean": f"{layer}, mean of its heads",
        "max": f"{layer}, maximum of its heads",
        "difference": f"{layer}, head {head_map.head} minus {other}",
    }[view.heads]
    return shown + (", without the first token" if view.hide_first else "")


def short_name(head_map: HeadMap) -> str:
    """Return layer.head, as heads are written on the page."""
    return f"{head_map.number_of(head_map.layer)}.{head_map.head}"


def file_names(head_map: HeadMap, model: str) -> tuple[str, ...]:
    """Return what a file of this map is called, in parts."""
    values = head_map.values if head_map.values != "weights" else head_map.view.heads
    more = () if values == "one" else (values,)
    return (model, f"layer-{head_map.number_of(head_map.layer)}", f"head-{head_map.head}", *more)


def file_name(head_map: HeadMap, model: str, ending: str) -> str:
    """Return a file name of letters, digits and hyphens."""
    return f"{file_stem(*file_names(head_map, model))}.{ending}"


def _arguments(text: TextIds) -> str:
    """Return what names a text in a call of `attention`."""
    if text.second_at:
        return f"TextIds({text.ids!r}, type_ids={text.type_ids!r}, second_at={text.second_at})"
    return f"{list(text.ids)!r}" + (f", {list(text.target_ids)!r}" if text.target_ids else "")


def _view_arguments(head_map: HeadMap) -> list[str]:
    view = head_map.view
    arguments = [] if view.heads == "one" else [f"heads={view.heads!r}"]
    if view.heads == "difference":
        arguments += [f"other_layer={view.other_layer}", f"other_head={view.other_head}"]
    return [*arguments, "hide_first=True"] if view.hide_first else arguments


def _cell(at: int, token: Token) -> str:
    # The number comes first: a spreadsheet would take a token that begins with "=" for a formula
    return f"{at}: {plain_label(token)}"
