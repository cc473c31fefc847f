"""What answers the controls before anything is generated: contradictions, the next token, the code."""

import json
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import PlaygroundError, contradictions, remarks
from playground.ui.controls.decoding import DecodingControls, settings_from
from playground.ui.fields import as_text
from playground.ui.status import AT_ONCE, status_line
from playground.views.funnel import funnel_json, settings_of


class Preview:
    """Joins the controls to what is said of them at once."""

    def __init__(self, backend: Backend, prompt: gr.Textbox, model: gr.Dropdown, decoding: DecodingControls) -> None:
        self.backend, self.prompt, self.model, self.decoding = backend, prompt, model, decoding

    def wire(self, page: gr.Blocks) -> None:
        """Attach the handlers."""
        decoding = self.decoding
        text = {"prompt": self.prompt, "model": self.model}
        controls = list(decoding.settings.values())
        gr.on(
            [
                *(control.change for control in controls),
                self.prompt.change,
                self.model.change,
                decoding.code_fold.expand,
            ],
            self.on_settings,
            inputs_kwargs={**text, **decoding.inputs()},
            outputs=[decoding.conflicts, decoding.code, decoding.preview],
            preprocess=False,  # gradio changes threads for each of twenty values, which are checked all the same
            **AT_ONCE,
        )
        words = [decoding.settings[name].change for name in ("bad_words", "force_words", "max_new_tokens")]
        gr.on(
            [page.load, self.prompt.change, self.model.change, *words],
            self.on_next_token,
            inputs_kwargs={**text, **decoding.inputs()},
            outputs=decoding.preview,
            preprocess=False,
            **AT_ONCE,
        )

    def on_settings(self, prompt: str, model: str, **settings: Any) -> list[Any]:
        """Say what contradicts itself, and write the code of such a run. All may be anything that a browser sends."""
        prompt, model = as_text(prompt), as_text(model)
        try:
            wanted = settings_from(settings)
        except PlaygroundError as error:
            return [status_line(str(error), "error"), "", gr.skip()]
        said = [status_line(text, "error") for text in contradictions(wanted)]
        said += [status_line(text) for text in remarks(wanted)]
        try:
            code = self.backend.script(model, prompt, wanted)
        except PlaygroundError as error:
            code = f"# {error}"
            if prompt.strip() and not said:
                said = [status_line(str(error), "error")]
        return ["".join(said), code, gr.HTML(controls=json.dumps(settings_of(wanted)))]

    def on_next_token(self, prompt: str, model: str, **settings: Any) -> str:
        """Return the distribution of the token behind the prompt; the browser applies the filters."""
        prompt, model = as_text(prompt), as_text(model)
        try:
            ids = tuple(token.id for token in self.backend.tokenize(model, prompt)) if prompt.strip() else ()
            return funnel_json(self.backend.next_token(model, ids, (), settings_from(settings))) if ids else ""
        except PlaygroundError:  # said beside the controls, and at the prompt
            return ""
