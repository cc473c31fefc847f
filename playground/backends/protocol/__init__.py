"""What the page and the HTTP endpoints can ask for: one method per user action."""

from typing import Protocol, runtime_checkable

from playground.backends.protocol.attention import ShowsAttention
from playground.backends.protocol.attribution import Attributes
from playground.backends.protocol.compressing import Compresses
from playground.backends.protocol.inside import LooksInside
from playground.backends.protocol.masks import FillsMasks
from playground.backends.protocol.models import OffersModels
from playground.backends.protocol.patching import Patches
from playground.backends.protocol.tasks import SetsTasks
from playground.backends.protocol.training import TrainsCopies
from playground.backends.protocol.writing import Writes


@runtime_checkable
class Backend(
    OffersModels,
    Writes,
    ShowsAttention,
    LooksInside,
    Attributes,
    Patches,
    FillsMasks,
    SetsTasks,
    Compresses,
    TrainsCopies,
    Protocol,
):
    """Runs models. Every method may raise PlaygroundError with a message fit for the page.

    A text is named by the ids of its tokens (TextIds): what a model generated as it was generated, what was typed as
    `read` gives it. `kind` is one of those that `attention_shapes` gives.
    """
