"""What every view of a head is to the tab: a name, a title, components, and how they are filled."""

from collections.abc import Sequence
from typing import Protocol

import gradio as gr

from playground.backends.protocol import Backend
from playground.ui.session import Session

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
