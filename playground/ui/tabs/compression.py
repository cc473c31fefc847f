"""The Compress tab: copies of the model made smaller, and what each of them costs and loses."""

import html
import re
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import (
    GROUPS,
    MOST_DISTILLED,
    MOST_PERCENT,
    CompressedModel,
    Compression,
    CompressionMethod,
    PlaygroundError,
    TextIds,
)
from playground.ui.components import build_chart, build_heading, no_chart
from playground.ui.head_views.base import drawn_of_text
from playground.ui.session import Session
from playground.ui.status import status_line
from playground.views.compression import (
    ABOUT,
    METHODS,
    both_texts_html,
    compression_sentence,
    compression_table,
    describe_compression,
    draw_sizes,
)
from playground.views.head_map import draw_head_map

MOST_VARIANTS = 6
MOST_NAMED = 64  # layers
HINT = "Generate or analyse a text, choose how to compress, and press “Compress and compare”."
TABLE_HINT = f"<p class='compare-empty'>{HINT} Size, speed, perplexity and divergence of each copy appear here.</p>"
TEXT_HINT = "<p class='compare-empty'>What it writes from the prompt above, with the settings above.</p>"
CHOICES = [(name, method) for method, name in METHODS.items()]
FIRST: CompressionMethod = "int8"  # is chosen when the page opens


@dataclass(frozen=True)
class CompressionTab:
    """The components of the tab."""

    name: ClassVar[str] = "Compress"
    method: gr.Dropdown
    about: gr.HTML
    percent: gr.Slider
    group: gr.Dropdown
    n_heads: gr.Number
    layers: gr.Textbox
    steps: gr.Slider
    other: gr.Textbox
    start: gr.Button
    stop: gr.Button
    progress: gr.HTML
    table: gr.HTML
    sentence: gr.HTML
    sizes: gr.HTML
    chosen: gr.Dropdown
    remove: gr.Button
    maps: gr.Button
    original_text: gr.HTML
    copy_text: gr.HTML
    original_map: gr.HTML
    copy_map: gr.HTML

    def outputs(self) -> list[gr.components.Component]:
        """Return what `show` fills."""
        return [
            self.start, self.table, self.sentence, self.sizes, self.chosen, self.original_text, self.copy_text,
            self.original_map, self.copy_map,
        ]  # fmt: skip

    def fields(self) -> dict[str, gr.components.Component]:
        """Return the fields that say how to compress, by the names of `compression_from`."""
        return {
            "method": self.method,
            "percent": self.percent,
            "group": self.group,
            "n_heads": self.n_heads,
            "layers": self.layers,
            "steps": self.steps,
        }

    def depending(self) -> list[gr.components.Component]:
        """Return what `show_method` fills."""
        return [self.about, self.percent, self.group, self.n_heads, self.layers, self.steps]

    def show_method(self, method: str) -> list[Any]:
        """Return what a method does, and the fields that it has."""
        shared = method == "shared"
        return [
            f"<p>{html.escape(ABOUT.get(cast(CompressionMethod, method), ''))}</p>",
            gr.update(visible=method == "magnitude"),
            gr.update(visible=method == "int4"),
            gr.update(visible=method == "heads"),
            gr.update(
                visible=method in ("shared", "dropped"),
                label="Layers" if shared else "Layers dropped",
                info="3=2: layer 3 uses the weights of layer 2" if shared else "as 2 or 4-6",
            ),
            gr.update(visible=method == "distilled"),
        ]

    def show(self, backend: Backend, session: Session) -> dict[Any, Any]:
        """Return the copies that are kept; of a model that writes nothing, why there are none."""
        if reason := backend.absent_instruments(session.model).get("compress"):
            return self.empty(reason) | {self.start: gr.Button(interactive=False)}
        return self.show_variants(session) | {self.start: gr.Button(interactive=True)}

    def offer(self, backend: Backend, model: str, method: str) -> dict[Any, Any]:
        """Return the methods that there are for a model, with what depends on the one that is chosen."""
        methods = [(name, one) for name, one in CHOICES if one != "student" or backend.has_student(model)]
        if any(one == method for _, one in methods):
            return {self.method: gr.Dropdown(choices=methods)}
        dependent = dict(zip(self.depending(), self.show_method(FIRST), strict=True))
        return {self.method: gr.Dropdown(choices=methods, value=FIRST), **dependent}

    def empty(self, reason: str = "") -> dict[Any, Any]:
        """Return the tab without any copy, and why."""
        table = f"<p class='compare-empty'>{html.escape(reason)}</p>" if reason else TABLE_HINT
        return {
            self.table: table,
            self.sentence: "",
            self.chosen: gr.Dropdown(choices=[], value=None),
            self.original_text: TEXT_HINT,
            self.copy_text: TEXT_HINT,
            **dict.fromkeys((self.sizes, self.original_map, self.copy_map), no_chart(reason)),
        }

    def show_variants(self, session: Session) -> dict[Any, Any]:
        """Return the table of the copies, and all of the one that is chosen."""
        variants = kept_variants(session)
        if not variants:
            return self.empty()
        chosen = min(max(0, session.variant), len(variants) - 1)
        first, second = both_texts_html(variants[chosen])
        sizes = gr.HTML(value=drawn_of_text(draw_sizes(variants), session, "size and perplexity"), absent="")
        names = [(f"{at + 1}. {describe_compression(one.compression)}", at) for at, one in enumerate(variants)]
        return {
            self.table: compression_table(variants, chosen),
            self.sentence: f"<p>{html.escape(compression_sentence(variants))}</p>",
            self.sizes: sizes,
            self.chosen: gr.Dropdown(choices=names, value=chosen),
            self.original_text: first,
            self.copy_text: second,
            **self.show_maps(session, variants[chosen]),
        }

    def show_maps(self, session: Session, variant: CompressedModel) -> dict[Any, Any]:
        """Return the maps of one head in the original and in a copy; else why there are none."""
        if variant.maps is None:
            return dict.fromkeys((self.original_map, self.copy_map), no_chart(variant.maps_absent))
        names = ("in the original", f"in the copy, {describe_compression(variant.compression)}")
        drawn = [
            drawn_of_text(draw_head_map(head_map, compact=True), session, f"{head_name(head_map)} {name}")
            for head_map, name in zip(variant.maps, names, strict=True)
        ]
        return {
            self.original_map: gr.HTML(value=drawn[0], absent=""),
            self.copy_map: gr.HTML(value=drawn[1], absent=""),
        }


def build_compression() -> CompressionTab:
    """Build the tab's components."""
    with gr.Column(elem_id="panel-compress"):
        build_heading(
            "Compress a copy",
            "The same text, prompt and settings for the model and a copy of it that was made smaller. The model itself "
            "stays as it is.",
        )
        with gr.Row(elem_id="compress-options"):
            method = gr.Dropdown(
                CHOICES, value=FIRST, label="Method", filterable=False, elem_id="compress-method", min_width=220
            )
            percent = gr.Slider(
                0, MOST_PERCENT, 50, step=5, label="Weights pruned, %", elem_id="compress-percent", visible=False,
                buttons=[], min_width=160,
            )  # fmt: skip
            group = gr.Dropdown(
                list(GROUPS), value=32, label="Weights a scale", filterable=False, elem_id="compress-group",
                visible=False, min_width=120,
            )  # fmt: skip
            n_heads = gr.Number(
                4, label="Heads pruned", precision=0, minimum=1, elem_id="compress-heads", visible=False, min_width=110
            )
            layers = gr.Textbox(
                "", label="Layers", info="as 2 or 4-6", max_lines=1, elem_id="compress-layers", visible=False,
                min_width=160,
            )  # fmt: skip
            steps = gr.Slider(
                10, MOST_DISTILLED, 100, step=10, label="Training steps", elem_id="compress-steps", visible=False,
                buttons=[], min_width=160,
            )  # fmt: skip
            other = gr.Textbox(
                "", label="Measured on", placeholder="The text above; or paste another here …", lines=1, max_lines=4,
                elem_id="compress-text", min_width=240, scale=2,
            )  # fmt: skip
        about = gr.HTML(f"<p>{html.escape(ABOUT[FIRST])}</p>", elem_classes=["caption"], elem_id="compress-about")
        with gr.Row(elem_id="compress-bar"):
            start = gr.Button("Compress and compare", variant="primary", elem_id="compress-start", min_width=180)
            stop = gr.Button("Stop", elem_id="compress-stop", interactive=False, min_width=80)
            progress = gr.HTML(status_line(""), elem_id="compress-progress")
        table = gr.HTML(TABLE_HINT, elem_id="compress-table", apply_default_css=False)
        sentence = gr.HTML("", elem_classes=["caption"], elem_id="compress-sentence")
        sizes = build_chart("compress-sizes", hint="Size against perplexity, a point for each copy.", place=340)
    with gr.Column(elem_id="panel-compress-both"):
        build_heading("Side by side", "What each writes from the prompt above, and where the selected head looks.")
        with gr.Row(elem_id="compress-choice"):
            chosen = gr.Dropdown(
                [], value=None, label="Copy", filterable=False, elem_id="compress-chosen", min_width=200
            )
            remove = gr.Button("Remove this copy", elem_id="compress-remove", min_width=140)
            maps = gr.Button("Maps of the selected head", elem_id="compress-maps", min_width=180)
        made: list[gr.HTML] = []
        with gr.Row(elem_id="compress-row"):
            for name, title in (("original", "The original"), ("copy", "The copy")):
                with gr.Column(min_width=300):
                    build_heading(title)
                    made += [
                        gr.HTML(TEXT_HINT, elem_id=f"compress-{name}-text", apply_default_css=False),
                        build_chart(f"compress-{name}-map", hint="The selected head's attention.", place=340),
                    ]
    return CompressionTab(
        method=method, about=about, percent=percent, group=group, n_heads=n_heads, layers=layers, steps=steps,
        other=other,
        start=start, stop=stop, progress=progress, table=table, sentence=sentence, sizes=sizes, chosen=chosen,
        remove=remove, maps=maps, original_text=made[0], original_map=made[1], copy_text=made[2], copy_map=made[3],
    )  # fmt: skip


def kept_variants(session: Session) -> tuple[CompressedModel, ...]:
    """Return the copies that are kept of the model that is shown."""
    return session.variants if session.variants_of is not None and session.variants_of[0] == session.model else ()


def head_name(head_map: Any) -> str:
    """Return a head by its numbers in the model."""
    layer = head_map.layers[head_map.layer] if head_map.layers else head_map.layer
    return f"layer {layer}, head {head_map.head}"


def measured_text(backend: Backend, session: Session, other: str) -> TextIds:
    """Return the text that is measured on: the page's, or another, of an encoder-decoder another target."""
    if not session.ids:
        raise PlaygroundError("There is no text yet: generate or analyse one first.")
    if not other.strip():
        return session.text
    if not session.n_target:
        return backend.read(session.model, other).ids
    source = "".join(token.text for token in session.tokens[: session.n_source])
    return TextIds(session.text.ids, backend.read(session.model, source, other).ids.target_ids)


def compression_from(
    method: object, percent: object, group: object, n_heads: object, layers: object, steps: object = 100
) -> Compression:
    """Return the compression that the fields say. Raises PlaygroundError where they cannot be read."""
    if method not in METHODS:
        raise PlaygroundError(f"There is no method {str(method)[:40]!r}; take one of: {', '.join(METHODS)}.")
    chosen = cast(CompressionMethod, method)
    numbers = {"percent": percent, "group": group, "n_heads": n_heads, "steps": steps}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
            raise PlaygroundError(f"{name} must be a number, not {str(value)[:40]!r}.")
    return Compression(
        chosen,
        percent=float(cast(float, percent)),
        group=int(cast(float, group)),
        n_heads=int(cast(float, n_heads)),
        shared=_shared(str(layers)) if chosen == "shared" else (),
        layers=_dropped(str(layers)) if chosen == "dropped" else (),
        steps=int(cast(float, steps)),
    )


def _parts(text: str) -> list[str]:
    parts = [part.strip() for part in re.split(r"[,;]", text[:1000]) if part.strip()]
    if len(parts) > MOST_NAMED:
        raise PlaygroundError(f"Name at most {MOST_NAMED} at a time.")
    return parts


def _shared(text: str) -> tuple[tuple[int, int], ...]:
    found: dict[int, int] = {}
    for part in _parts(text):
        if not (match := re.fullmatch(r"(\d{1,4})\s*=\s*(\d{1,4})", part, re.ASCII)):
            raise PlaygroundError(f"“{part[:20]}” does not say which layer uses whose weights: write 3=2, 5=4.")
        found[int(match[1])] = int(match[2])
    return tuple(found.items())


def _dropped(text: str) -> tuple[int, ...]:
    found: dict[int, None] = {}
    for part in _parts(text):
        match = re.fullmatch(r"(\d{1,4})(?:\s*[-–]\s*(\d{1,4}))?", part, re.ASCII)
        if not match or not 0 <= int(match[2] or match[1]) - int(match[1]) < 1000:
            raise PlaygroundError(f"“{part[:20]}” is not a layer: write 2 or 4-6.")
        found |= dict.fromkeys(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(found)
