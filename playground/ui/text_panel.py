"""The upper half of the page: prompt and controls, and the text as chips."""

import itertools
from dataclasses import dataclass

import gradio as gr

from playground.backends.protocol import Backend
from playground.ui.components import build_token_chips
from playground.ui.controls.decoding import DecodingControls, build_decoding, build_preview, build_strategy
from playground.ui.history import HistoryPanel, build_history
from playground.ui.picker import build_picker
from playground.ui.status import AT_ONCE, status_line

TEXT_NUMBERS = itertools.count(1)  # of all texts that came on any page

ANALYSE = "Analyse without generating"
MOST_EXAMPLES = 5
# For models that bring none
EXAMPLES = (
    "Once upon a time",
    "The capital of France is",
    "To be, or not to be",
    "1, 2, 3, 4,",
    "The fox 🦊 said 你好",
)


@dataclass(frozen=True)
class TextPanel:
    """Prompt, buttons, the text and its status."""

    prompt: gr.Textbox
    second: gr.Textbox  # an encoder-decoder's target, an encoder's second sentence
    model: gr.Dropdown
    picker: gr.HTML  # loads models, and puts them into the list
    room: gr.HTML
    generate: gr.Button
    stop: gr.Button
    analyse: gr.Button
    status: gr.HTML
    tokens: gr.HTML
    history: HistoryPanel
    examples: tuple[gr.Button, ...]
    text_number: gr.State  # changes whenever another text has come: the instruments follow
    turn: gr.Number  # unseen: what the browser counts of a visitor's acts, see latest.py

    def outputs(self) -> list[gr.components.Component | gr.State]:
        """Return what `another_text` fills."""
        return [self.tokens, self.text_number]

    def another_text(self, lines: str, selected: int) -> dict[gr.components.Component, object]:
        """Show another text, one line of JSON a token, and let every instrument follow.

        Only events that go through gradio's queue tell the browser that a state has changed.
        """
        return {self.tokens: gr.HTML(value=lines, selected=selected), self.text_number: next(TEXT_NUMBERS)}


def prompts_for(backend: Backend, model: str) -> tuple[str, ...]:
    """Return the prompts that are offered for a model."""
    return (backend.examples(model) or EXAMPLES)[:MOST_EXAMPLES]


def build_text_panel(backend: Backend) -> tuple[TextPanel, DecodingControls]:
    """Build the upper half of the page."""
    names = backend.models()
    prompts = prompts_for(backend, names[0])
    with gr.Row(elem_id="workbench"):
        with gr.Column(scale=5, min_width=320, elem_id="panel-prompt"):
            prompt = gr.Textbox(
                prompts[0],
                label="Prompt",
                placeholder="Type the beginning of a story …",
                lines=1,
                max_lines=6,
                elem_id="prompt",
                autofocus=True,
                html_attributes=gr.InputHTMLAttributes(spellcheck=False, autocorrect="off"),
            )
            second = gr.Textbox(
                "",
                label="Second text",
                lines=1,
                max_lines=6,
                visible=False,
                elem_id="second-text",
                html_attributes=gr.InputHTMLAttributes(spellcheck=False, autocorrect="off"),
            )
            room = gr.HTML("", elem_id="room")
            with gr.Row(elem_id="examples"):
                examples = tuple(
                    gr.Button(
                        prompts[place] if place < len(prompts) else "", visible=place < len(prompts), size="sm",
                        variant="secondary", min_width=60,
                    )
                    for place in range(MOST_EXAMPLES)
                )  # fmt: skip
            for button in examples:
                button.click(None, js="(text) => text", inputs=button, outputs=prompt, **AT_ONCE)
            with gr.Row(elem_id="actions"):
                generate = gr.Button("Generate", variant="primary", elem_id="generate", min_width=130)
                stop = gr.Button("Stop", elem_id="stop", interactive=False, min_width=90)
                analyse = gr.Button(ANALYSE, elem_id="analyse", min_width=130)
            preview = build_preview()
        with (
            gr.Column(scale=6, min_width=320, elem_id="panel-controls"),
            gr.Accordion("Model and settings", open=True, elem_id="settings"),
        ):
            with gr.Row(elem_id="what-and-how"):
                with gr.Column(min_width=140, elem_id="model-choice"):
                    model = gr.Dropdown(list(names), value=names[0], label="Model", elem_id="model", filterable=False)
                    picker = build_picker(backend)
                strategy = build_strategy()
            decoding = build_decoding(strategy, preview)
    with gr.Column(elem_id="panel-text"):
        tokens = build_token_chips("tokens")
        status = gr.HTML(status_line("Ready."), elem_id="status")
        history = build_history()
    text_number, turn = gr.State(0), gr.Number(0, visible=False)
    panel = TextPanel(
        prompt, second, model, picker, room, generate, stop, analyse,
        status, tokens, history, examples, text_number, turn,
    )  # fmt: skip
    return panel, decoding
