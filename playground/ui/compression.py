"""What happens in the Compress tab: a copy is compressed and compared, chosen, and removed."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import AttentionKind, CompressedModel, CompressionProgress, PlaygroundError
from playground.ui.controls.decoding import DecodingControls, settings_from
from playground.ui.session import Session
from playground.ui.status import AT_ONCE, RUNS_MODEL, says_errors, status_line
from playground.ui.stoppable import Stoppable
from playground.ui.tabs.compression import (
    MOST_VARIANTS,
    CompressionTab,
    compression_from,
    kept_variants,
    measured_text,
)
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit, in_turn
from playground.views.compression import describe_compression, progress_sentence


class Compressions:
    """Joins the tab to the backend."""

    def __init__(
        self, backend: Backend, visit: gr.State, panel: TextPanel, decoding: DecodingControls, tab: CompressionTab
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.decoding = decoding
        self.status = tab.progress
        self.tab = tab
        self.comparing = Stoppable(tab.progress, tab.start, tab.stop)

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        tab = self.tab
        visit: dict[str, Any] = {"visit": self.visit}
        tab.method.input(tab.show_method, inputs=tab.method, outputs=tab.depending(), **AT_ONCE)
        tab.start.click(
            self.on_start,
            inputs_kwargs={
                **visit,
                **tab.fields(),
                "other": tab.other,
                "prompt": self.panel.prompt,
                **self.decoding.inputs(),
            },
            outputs=[self.visit, self.status, tab.stop, *tab.outputs()],
            **RUNS_MODEL,
        )
        self.comparing.wire(page)
        filled: list[Any] = [self.visit, self.status, *tab.outputs()]
        chosen: dict[str, Any] = {**visit, "chosen": tab.chosen}
        tab.chosen.input(self.on_chosen, inputs_kwargs=chosen, outputs=filled, **AT_ONCE)
        tab.remove.click(self.on_remove, inputs_kwargs=visit, outputs=filled, **AT_ONCE)
        tab.maps.click(
            self.on_maps, inputs_kwargs=visit, outputs=[self.visit, self.status, *tab.outputs()], **RUNS_MODEL
        )

    def on_start(
        self,
        request: gr.Request,
        visit: Visit,
        other: str,
        prompt: str,
        **given: Any,
    ) -> Iterator[dict[Any, Any]]:
        """Compress a copy, measure it in turns with the model, and keep what was found as a row."""
        tab, session = self.tab, visit.session

        def work(switch: threading.Event) -> Iterator[dict[Any, Any]]:
            fields = {name: given.pop(name) for name in tab.fields()}
            compression = compression_from(**fields)
            text = measured_text(self.backend, session, str(other))
            of = (session.model, text)
            if len(kept_variants(session)) >= MOST_VARIANTS and session.variants_of == of:
                raise PlaygroundError(f"{MOST_VARIANTS} copies are kept at most: remove one below.")
            yield {self.status: status_line("Looking at the model …", "busy")}
            for event in self.backend.compare_compressed(
                session.model,
                text,
                compression,
                prompt=str(prompt),
                settings=settings_from(given),
                head=head_of(session),
                cancel=switch,
            ):
                if isinstance(event, CompressionProgress):
                    yield {self.status: status_line(progress_sentence(event), "busy")}
                else:
                    yield self.keep(visit, session.model, of, event)
                    return
            yield {self.status: status_line("You stopped it; nothing was kept.")}

        yield from self.comparing.run(request, work)

    @in_turn
    def keep(self, visit: Visit, model: str, of: tuple[str, Any], found: CompressedModel) -> dict[Any, Any]:
        """Keep a copy's numbers as a row; those of another model or text make room."""
        session = visit.session
        if session.model != model:
            return {self.status: status_line("Another model has been chosen meanwhile; nothing was kept.")}
        before = session.variants if session.variants_of == of else ()
        said = f"{describe_compression(found.compression)}: compared."
        if session.variants and not before:
            said += " The rows of another text were removed: their numbers cannot be compared with these."
        variants = (*before, found)[-MOST_VARIANTS:]
        visit.session = replace(session, variants=variants, variants_of=of, variant=len(variants) - 1)
        return self.shown(visit) | {self.status: status_line(said[:1].upper() + said[1:])}

    @says_errors
    @in_turn
    def on_chosen(self, visit: Visit, chosen: int) -> dict[Any, Any]:
        """Another copy is to be shown beside the original."""
        last = len(visit.session.variants) - 1
        at = chosen if isinstance(chosen, int) and not isinstance(chosen, bool) else 0
        visit.session = replace(visit.session, variant=max(0, min(at, last)))
        return self.shown(visit)

    @says_errors
    @in_turn
    def on_remove(self, visit: Visit) -> dict[Any, Any]:
        """The copy that is shown is to go."""
        session = visit.session
        if not kept_variants(session):
            raise PlaygroundError("There is no copy yet: compress one first.")
        rest = tuple(one for at, one in enumerate(session.variants) if at != session.variant)
        visit.session = replace(session, variants=rest, variant=max(0, min(session.variant, len(rest) - 1)))
        return self.shown(visit) | {self.status: status_line("Removed.")}

    @says_errors
    def on_maps(self, visit: Visit) -> dict[Any, Any]:
        """The head that is selected now is to be shown in both."""
        session = visit.session
        head = head_of(session)
        if not kept_variants(session) or session.variants_of is None or head is None:
            raise PlaygroundError("There is no copy yet: compress one first.")
        variant = session.variants[session.variant]
        model, text = session.variants_of
        maps = self.backend.compressed_maps(model, text, variant.compression, head)
        with visit.lock:
            variants = tuple(replace(one, maps=maps) if one is variant else one for one in visit.session.variants)
            visit.session = replace(visit.session, variants=variants)
        return self.shown(visit) | {self.status: status_line("The maps are those of the selected head.")}

    def shown(self, visit: Visit) -> dict[Any, Any]:
        """Return the tab for the visit."""
        return {self.visit: visit, self.status: status_line(""), **self.tab.show_variants(visit.session)}


def head_of(session: Session) -> tuple[AttentionKind, int, int] | None:
    """Return the selected head, as the backend names it."""
    return (session.kind, session.layer, session.head) if session.layers else None
