"""Text files of assets/."""

from playground.views.palette import ASSETS


def read_asset(path: str) -> str:
    """Return a text file of assets/."""
    return (ASSETS / path).read_text(encoding="utf-8")
