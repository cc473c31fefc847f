"""Checks annotations while the tests run, on the packages that compute: beartype, and for the shapes jaxtyping."""

import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any, get_args, runtime_checkable

import jaxtyping
from beartype import BeartypeConf, beartype
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
_with_shapes = jaxtyping.jaxtyped


def make_protocols_checkable(hint: object) -> None:
    """Let `isinstance` answer for the protocols in an annotation: without that beartype refuses them."""
    if is_protocol(hint):
        runtime_checkable(hint)
    for part in get_args(hint):
        make_protocols_checkable(part)


def check(function: Callable) -> Callable:
    """Return `function` with its annotations checked at every call, each by itself."""
    if function.__qualname__ in SELF_CHECKED:
        return function
    for hint in function.__annotations__.values():
        make_protocols_checkable(hint)
    return beartype(conf=_CONF)(function)


def names_a_shape(hint: object) -> bool:
    """Tell whether an annotation has a shape in it; of one that is a text, whether it may have."""
    if isinstance(hint, str):
        return "[" in hint
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(names_a_shape(part) for part in get_args(hint))


def jaxtyped_where_needed(*, typechecker: Callable[[Callable], Callable]) -> Callable[[Any], Any]:
    """Do what `jaxtyping.jaxtyped` does, but where no shape is named leave its wrapper out: it takes 20 µs a call.

    Functions are called so often that it was nearly half of the time of the tests of decoding.
    """

    def decorate(thing: Any) -> Any:
        if is_dataclass(thing):
            thing.__init__ = decorate(thing.__init__)
            return thing
        if inspect.isclass(thing):
            return thing
        if any(map(names_a_shape, thing.__annotations__.values())):
            return _with_shapes(thing, typechecker=typechecker)
        return typechecker(thing)

    return decorate


def install() -> None:
    """Check whatever is imported from PACKAGES from now on."""
    # The import hook puts `@jaxtyping.jaxtyped(typechecker=...)` before every function and class
    jaxtyping.jaxtyped = jaxtyped_where_needed
    jaxtyping.install_import_hook(PACKAGES, "tests.typechecking.check")
