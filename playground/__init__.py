"""Attention Playground: watch a transformer choose every token, and see where every head looked."""

from typing import TYPE_CHECKING, Any

from playground.records import PlaygroundError

if TYPE_CHECKING:
    from playground.language_model import LanguageModel, load, wrap

__version__ = "0.1.0"
__all__ = ["LanguageModel", "PlaygroundError", "__version__", "load", "wrap"]


def __getattr__(name: str) -> Any:
    """Import torch and transformers (3 s) only when a model is asked for (PEP 562)."""
    if name in ("LanguageModel", "load", "wrap"):
        from playground import language_model

        return getattr(language_model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
