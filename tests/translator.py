"""Gives the tests the programs that made the bundled translator; they lie beside its weights, in no package."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "assets" / "models" / "translator"


def module(name: str) -> ModuleType:
    """Return one of the programs in the model's folder, which import each other by bare names."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return importlib.import_module(name)
