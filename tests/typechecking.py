"""Checks annotations, shapes among them, while the tests run: jaxtyping with beartype, on the packages that compute."""

from collections.abc import Callable
from typing import get_args, runtime_checkable

from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook
from typing_extensions import is_protocol

PACKAGES = (
    "playground.analysis",
    "playground.attention",
    "playground.backends",
    "playground.decoding",
    "playground.language_model",
    "playground.models",
    "playground.records",
    "playground.settings",
    "playground.views",
)
# Not these: Gradio looks at its handlers to tell generators from functions, and the wrappers hide that.
UNCHECKED_PACKAGES = ("playground.api", "playground.ui")

# Records that are made from what a user sends: they check their values themselves, and say what is wrong with them.
SELF_CHECKED = {"GenerationSettings.__init__"}

_CONF = BeartypeConf(is_pep484_tower=True)  # an int may stand for a float, as for Python and for pyright


def make_protocols_checkable(hint: object) -> None:
    """Let `isinstance` answer for the protocols in an annotation: without that beartype refuses them."""
    if is_protocol(hint):
        runtime_checkable(hint)
    for part in get_args(hint):
        make_protocols_checkable(part)


def check(function: Callable) -> Callable:
    """Return `function` with its annotations checked at every call."""
    if function.__qualname__ in SELF_CHECKED:
        return function
    for hint in function.__annotations__.values():
        make_protocols_checkable(hint)
    return beartype(conf=_CONF)(function)


def install() -> None:
    """Check whatever is imported from PACKAGES from now on."""
    install_import_hook(PACKAGES, "tests.typechecking.check")
