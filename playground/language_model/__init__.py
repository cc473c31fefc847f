"""Language models as a notebook and the page's backend use them."""

from playground.language_model.model import LanguageModel, build_settings, load, wrap

__all__ = ["LanguageModel", "build_settings", "load", "wrap"]
