"""Where what the model held at the selected position came from, through all layers below."""

import html
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import FlowMethod, PlaygroundError, TokenFlow
from playground.ui.components import build_chart, no_chart
from playground.ui.session import Session
from playground.views.labels import plain_label
from playground.views.token_flow import draw_token_flow

HINT = "Generate or analyse a text, and the way of its tokens through the layers appears here."
METHODS: dict[str, FlowMethod] = {"rollout": "rollout", "maximum flow": "flow"}


class FlowPanel:
    """A choice of method, and the picture."""

    name = "flow"
    title = "Flow"

    def build(self) -> None:
        self.method = gr.Radio(
            list(METHODS),
            value="rollout",
            label="Method",
            info="Both mix all heads of a layer, half and half with what a token already holds. Rollout multiplies "
            "the layers; maximum flow asks how much could pass at most.",
            elem_id="flow-method",
        )
        self.note = gr.HTML("", elem_classes=["caption"], elem_id="flow-note")
        self.chart = build_chart("token-flow", hint=HINT, place=360)

    def outputs(self) -> list[gr.components.Component]:
        return [self.note, self.chart]

    def changes(self) -> list[Callable[..., Any]]:
        """Return the events after which `chosen` is asked."""
        return [self.method.input]

    def options(self) -> dict[str, gr.components.Component]:
        """Return the components that decide what is shown, by the names of `chosen`."""
        return {"method": self.method}

    def chosen(self, session: Session, method: str) -> Session:
        """Return the session with another method."""
        return replace(session, flow_method=METHODS.get(method, "rollout"))

    def show(self, backend: Backend, session: Session) -> list[object]:
        try:
            flow = backend.token_flow(session.model, session.text, session.query, session.flow_method, session.kind)
        except PlaygroundError as error:  # a flow through a long text is refused; a rollout is not
            return ["", no_chart(str(error))]
        return [f"<p>{html.escape(flow_sentence(flow))}</p>", draw_token_flow(flow, compact=True).to_json()]


def flow_sentence(flow: TokenFlow) -> str:
    """Return which input tokens matter most for the token after the last layer; not escaped."""
    last = flow.relevance[-1]
    most = sorted(range(len(last)), key=lambda place: -last[place])[:3]
    names = ", ".join(f"“{plain_label(flow.tokens[place])}” ({place}) {last[place]:.2f}" for place in most)
    return f"From “{plain_label(flow.tokens[flow.token])}” (token {flow.token}) downwards. Most comes from {names}."
