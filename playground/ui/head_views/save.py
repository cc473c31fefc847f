"""Maps to take away: pictures are saved beside each chart, data and code are made here, the browser saves both."""

import base64
import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import HeadMap, PlaygroundError, shown_name
from playground.ui.session import Session
from playground.ui.status import AT_ONCE
from playground.views.export import (
    ExportedFile,
    check_size,
    export_csv,
    export_html,
    export_npz,
    export_python,
)

THIS_MAP, THIS_LAYER, LISTED = "this map", "all heads of the layer", "the heads listed"
MOST_LISTED = 64
_nonces = itertools.count()

ShownMap = Callable[[Backend, Session], HeadMap]


@dataclass(frozen=True)
class Save:
    """A button that saves a file: `make(backend, session, **options)` returns it, or raises PlaygroundError."""

    button: gr.Button
    make: Callable[..., ExportedFile]
    options: dict[str, gr.components.Component] = field(default_factory=dict)


class SaveRow:
    """A button a format. What a button asks for comes as a message, so that nothing is put on the server's disk."""

    def __init__(self, shown_map: ShownMap) -> None:
        self.shown_map = shown_map

    def build(self) -> None:
        with gr.Row(elem_id="save-row"):
            gr.HTML("<p>Save the numbers</p>", elem_classes=["caption"], elem_id="save-label")
            self.buttons = {
                name: gr.Button(name, size="sm", min_width=50, elem_id=f"save-{name.lower()}")
                for name in ("CSV", "NPZ", "Python")
            }
        with gr.Row(elem_id="save-page"):
            gr.HTML("<p>Save a page for offline use, of</p>", elem_classes=["caption"])
            self.choice = gr.Dropdown(
                [THIS_MAP, THIS_LAYER, LISTED], value=THIS_MAP, label="What the page holds", show_label=False,
                container=False, elem_id="save-heads", min_width=170, filterable=False,
            )  # fmt: skip
            self.listed = gr.Textbox(
                "", label="Heads, as layer.head", show_label=False, container=False, placeholder="0.1, 2.4",
                elem_id="save-list", max_lines=1, max_length=600, min_width=110, visible=False,
            )  # fmt: skip
            self.page = gr.Button("HTML", size="sm", min_width=50, elem_id="save-html")
        self.choice.input(show_list, self.choice, self.listed, **AT_ONCE)

    def saves(self) -> list[Save]:
        """Return every button with what it makes."""

        def python(backend: Backend, session: Session) -> ExportedFile:
            other = session.kept.text if session.kept else None
            return export_python(self.shown_map(backend, session), shown_name(session.model), session.text, other)

        def page(backend: Backend, session: Session, choice: str, listed: str) -> ExportedFile:
            return export_html(self.chosen_maps(backend, session, choice, listed), shown_name(session.model))

        return [
            Save(
                self.buttons["CSV"], lambda backend, at: export_csv(self.shown_map(backend, at), shown_name(at.model))
            ),
            Save(
                self.buttons["NPZ"], lambda backend, at: export_npz(self.shown_map(backend, at), shown_name(at.model))
            ),
            Save(self.buttons["Python"], python),
            Save(self.page, page, {"choice": self.choice, "listed": self.listed}),
        ]

    def chosen_maps(self, backend: Backend, session: Session, choice: str, listed: str) -> Sequence[HeadMap]:
        """Return the maps of a page. Raises PlaygroundError where a head is not there, or they are too many."""
        n_heads = session.shape.n_heads
        if choice == THIS_LAYER:
            places = [(session.layer, head) for head in range(n_heads)]
        elif choice == LISTED:
            places = read_heads(str(listed), session.layers, n_heads)
        else:
            return [self.shown_map(backend, session)]
        check_size(len(places), len(session.queries) * len(session.keys))  # before they are computed
        return [backend.head_map(session.model, session.text, layer, head, session.kind) for layer, head in places]


def show_list(choice: str) -> gr.Textbox:
    """Return the box for a list of heads, in sight only where a list is wanted."""
    return gr.Textbox(visible=choice == LISTED)


def read_heads(text: str, layers: Sequence[int], n_heads: int) -> list[tuple[int, int]]:
    """Return (place of the layer, head) for each of a list such as "0.1, 2.4", in its order, each once.

    layers: by their numbers in the model. Raises PlaygroundError where it is not such a list.
    """
    heads: dict[tuple[int, int], None] = {}
    for part in filter(None, re.split(r"[,;\s]+", text.strip())):
        found = re.fullmatch(r"(\d{1,4})\.(\d{1,4})", part, re.ASCII)
        layer, head = (int(found[1]), int(found[2])) if found else (-1, -1)
        if layer not in layers or not 0 <= head < n_heads:
            known = ", ".join(map(str, layers[:40]))
            raise PlaygroundError(
                f"“{part[:20]}” is no head of this model: write layer.head, as 0.1, 2.4; the layers are {known}, the "
                f"heads 0 to {n_heads - 1}."
            )
        heads[layers.index(layer), head] = None
    if not heads:
        raise PlaygroundError("Write the heads that the page shall have as layer.head, such as 0.1, 2.4.")
    if len(heads) > MOST_LISTED:
        raise PlaygroundError(f"A page holds at most {MOST_LISTED} heads, and {len(heads)} are listed.")
    return list(heads)


def file_message(file: ExportedFile) -> str:
    """Return a file for assets/js/download.js: JSON of {name, type, data, nonce}."""
    data = base64.b64encode(file.content).decode()
    # A value that does not change is not sent: the nonce lets the same file be saved twice
    return json.dumps({"name": file.name, "type": file.media_type, "data": data, "nonce": next(_nonces)})
