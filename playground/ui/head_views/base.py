"""What every view of a head is to the tab: a name, a title, components, and how they are filled."""

from collections.abc import Sequence
from typing import Protocol

import gradio as gr
import plotly.graph_objects as go

from playground.backends.protocol import Backend
from playground.records import shown_name
from playground.ui.session import Session
from playground.views.figure import name_picture

HINT = "Generate or analyse a text, and every attention head appears here."


class HeadView(Protocol):
    """A view is built where it stands on the page; only the one that is open is filled."""

    name: str
    title: str

    def build(self) -> None:
        """Create the components."""
        ...

    def outputs(self) -> Sequence[gr.components.Component]:
        """Return the components that `show` fills."""
        ...

    def show(self, backend: Backend, session: Session) -> list[object]:
        """Return the values of `outputs()` for what is selected."""
        ...


def drawn_of_head(figure: go.Figure, session: Session, what: str) -> str:
    """Return a figure of the selected head as JSON for the page, named for when it is saved as a picture."""
    layer, head, model = session.layer_number, session.head, shown_name(session.model)
    names = (model, f"layer-{layer}-head-{head}", what)
    return str(name_picture(figure, *names, title=f"{model}: layer {layer}, head {head}, {what}").to_json())


def drawn_of_text(figure: go.Figure, session: Session, what: str) -> str:
    """Return a figure of the text, not of one head, as JSON for the page, named for when it is saved as a picture."""
    model = shown_name(session.model)
    return str(name_picture(figure, model, what, title=f"{model}: {what}").to_json())
