"""A head's map to take away: CSV, NPZ, one HTML file that opens without internet, and the Python that makes it."""

import csv
import io
from dataclasses import dataclass

import numpy as np

from playground.records import HeadMap, TextIds, Token
from playground.views.head_map import draw_head_map
from playground.views.labels import plain_label


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
    """Return the weights and the tokens for numpy.load: weights, query_tokens, key_tokens, ids, layer, head, model."""
    content = io.BytesIO()
    np.savez_compressed(
        content,
        weights=head_map.weights,
        query_tokens=np.array([token.label for token in head_map.query_tokens]),
        key_tokens=np.array([token.label for token in head_map.key_tokens]),
        query_ids=np.array([token.id for token in head_map.query_tokens]),
        key_ids=np.array([token.id for token in head_map.key_tokens]),
        layer=np.array(head_map.layer),
        head=np.array(head_map.head),
        kind=np.array(head_map.kind),
        shown=np.array(what_is_shown(head_map)),
        model=np.array(model),
    )
    return ExportedFile(file_name(head_map, model, "npz"), "application/octet-stream", content.getvalue())


def export_html(head_map: HeadMap, model: str) -> ExportedFile:
    """Return the map as one file that holds plotly.js and asks no other host for anything."""
    figure = draw_head_map(head_map, height=760)
    figure.update_layout(title={"text": f"{_plain(model)}: {what_is_shown(head_map)}", "x": 0.02}, margin={"t": 120})
    page = figure.to_html(full_html=True, include_plotlyjs=True, config={"displaylogo": False})
    return ExportedFile(file_name(head_map, model, "html"), "text/html", page.encode("utf-8", "replace"))


def export_python(head_map: HeadMap, model: str, text: TextIds) -> ExportedFile:
    """Return the lines of Python that compute the same values from the ids of the text's tokens."""
    view, place = head_map.view, f"{head_map.layer}, {head_map.head}"
    if head_map.kind != "self":
        place += f", kind={head_map.kind!r}"
    ids = f"{list(text.ids)!r}" + (f", {list(text.target_ids)!r}" if text.target_ids else "")
    if text.second_at:
        ids = f"TextIds({text.ids!r}, type_ids={text.type_ids!r}, second_at={text.second_at})"
    changes = []
    if view.heads != "one":
        changes.append(f"heads={view.heads!r}")
    if view.heads == "difference":
        changes += [f"other_layer={view.other_layer}", f"other_head={view.other_head}"]
    if view.hide_first:
        changes.append("hide_first=True")
    if head_map.values == "norms":
        last = f"weights = attention.norm_map({place}).norms  # float32 [query, key]"
    elif head_map.values == "words":
        last = f"weights = attention.word_map({place}).weights  # float32 [query word, key word]"
    elif changes:
        last = f"weights = attention.head_map({place}, view=MapView({', '.join(changes)})).weights"
    else:
        last = f"weights = attention.weights({place})  # float32 [query, key]"
    names = [name for name in ("MapView", "TextIds") if name in last + ids]
    lines = [
        "import playground",
        *([f"from playground.records import {', '.join(names)}"] if names else []),
        "",
        f"lm = playground.load({model!r})",
        f"attention = lm.attention({ids})  # the ids of the text's tokens",
        last,
        "print(weights.shape)",
        "",
    ]
    return ExportedFile(file_name(head_map, model, "py"), "text/x-python", "\n".join(lines).encode())


def what_is_shown(head_map: HeadMap) -> str:
    """Return the layer and head, or what was made of them, in words."""
    view, layer = head_map.view, f"layer {head_map.layer}"
    if head_map.values != "weights":
        what = {"norms": "weights times the length of the value", "words": "weights between words"}[head_map.values]
        return f"{layer}, head {head_map.head}, {what}"
    shown = {
        "one": f"{layer}, head {head_map.head}",
        "mean": f"{layer}, mean of its heads",
        "max": f"{layer}, maximum of its heads",
        "difference": f"{layer}, head {head_map.head} minus layer {view.other_layer}, head {view.other_head}",
    }[view.heads]
    return shown + (", without the first token" if view.hide_first else "")


def file_name(head_map: HeadMap, model: str, ending: str) -> str:
    """Return a file name of letters, digits and hyphens."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in model)[:40]
    return f"{plain}-layer-{head_map.layer}-head-{head_map.head}.{ending}"


def _plain(model: str) -> str:
    return model.replace("<", "‹").replace(">", "›")


def _cell(at: int, token: Token) -> str:
    # The number comes first: a spreadsheet would take a token that begins with "=" for a formula
    return f"{at}: {plain_label(token)}"
