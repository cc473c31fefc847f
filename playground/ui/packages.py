"""Where installed packages lie, whose files the page loads."""

import importlib.util
from pathlib import Path


def package_folder(name: str) -> Path:
    """Return the folder of an installed package without importing it (mpld3 would load matplotlib)."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{name} is not installed: pip install -r requirements.txt")
    return Path(spec.submodule_search_locations[0])
