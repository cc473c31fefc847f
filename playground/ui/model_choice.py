"""What follows the chosen model and the prompt: what the model can do, its examples, and how much room there is."""

from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError
from playground.ui.controls.decoding import DecodingControls
from playground.ui.picker import Picker
from playground.ui.room import SECOND, room_line, unknown_line
from playground.ui.status import AT_ONCE, says_errors, status_line
from playground.ui.tabs.attention import AttentionTab
from playground.ui.tabs.compression import CompressionTab
from playground.ui.text_panel import ANALYSE, TextPanel, prompts_for
from playground.ui.visit import Visit


class ModelChoice:
    """Joins the choice of a model, and the prompt, to what depends on them."""

    def __init__(
        self,
        backend: Backend,
        visit: gr.State,
        panel: TextPanel,
        decoding: DecodingControls,
        attention: AttentionTab,
        compression: CompressionTab,
    ) -> None:
        self.backend = backend
        self.visit = visit
        self.panel = panel
        self.status = panel.status
        self.decoding = decoding
        self.attention = attention
        self.compression = compression

    def wire(self, page: gr.Blocks) -> None:
        """Attach every handler."""
        panel = self.panel
        Picker(self.backend, panel.picker, panel.model).wire(page)
        gr.on(
            [page.load, panel.model.change],
            self.on_model,
            inputs_kwargs={
                "model": panel.model,
                "prompt": panel.prompt,
                "visit": self.visit,
                "method": self.compression.method,
            },
            outputs=[
                panel.prompt,
                panel.tokens,
                *panel.examples,
                panel.second,
                panel.generate,
                panel.analyse,
                self.attention.kind,
                panel.status,
                self.compression.method,
                *self.compression.depending(),
                *self.decoding.for_writers,
            ],
            **AT_ONCE,
        )
        room_inputs = {"prompt": panel.prompt, "model": panel.model, "max_new_tokens": self.decoding.max_new_tokens}
        gr.on(
            [page.load, panel.prompt.change, panel.model.change, self.decoding.max_new_tokens.change],
            self.on_room,
            inputs_kwargs=room_inputs,
            outputs=panel.room,
            **AT_ONCE,
        )

    def on_room(self, prompt: str, model: str, max_new_tokens: int) -> str:
        """Say how much of the context prompt and output will take, before anything is cut."""
        try:
            spec = self.backend.spec(model)
            n_prompt = len(self.backend.tokenize(model, prompt)) if prompt.strip() else 0
            unknown = self.backend.unknown_words(model, prompt) if n_prompt else ()
        except PlaygroundError as error:
            return status_line(str(error), "error")
        return room_line(spec, n_prompt, int(max_new_tokens)) + unknown_line(unknown)

    @says_errors
    def on_model(self, model: str, prompt: str, visit: Visit, method: str) -> dict[Any, Any]:
        """Offer what the chosen model can do: examples, a second text, a student; no settings where it cannot write."""
        prompts = prompts_for(self.backend, model)
        offered = {example for name in self.backend.models() for example in prompts_for(self.backend, name)}
        is_other_example = prompt in offered - {*prompts}  # nothing that the visitor has typed is replaced
        buttons = {
            button: gr.Button(prompts[place] if place < len(prompts) else "", visible=place < len(prompts))
            for place, button in enumerate(self.panel.examples)
        }
        kind = self.backend.spec(model).kind
        label, placeholder = SECOND.get(kind, ("", ""))
        is_empty = not visit.session.ids  # else the choice belongs to the text that is there
        return {
            **buttons,
            self.panel.prompt: prompts[0] if is_other_example else gr.skip(),
            self.panel.tokens: gr.HTML(press=ANALYSE if kind == "encoder" else "Generate"),
            self.panel.second: gr.Textbox(visible=kind in SECOND, label=label, placeholder=placeholder),
            self.panel.generate: gr.Button(variant="secondary" if kind == "encoder" else "primary"),
            self.panel.analyse: gr.Button(variant="primary" if kind == "encoder" else "secondary"),
            self.attention.kind: gr.Radio(visible=kind == "encoder-decoder") if is_empty else gr.skip(),
            **self.compression.offer(self.backend, model, method),
            **{place: gr.update(visible=kind != "encoder") for place in self.decoding.for_writers},
        }
