"""Which models there are: the bundled ones, folders on this machine, and names on the Hub."""

import json
import os
import re
from functools import cache
from itertools import islice
from pathlib import Path

from playground.records import Allowance, KnownModel, PlaygroundError

BUNDLED_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "models"
WELL_KNOWN_FILE = BUNDLED_FOLDER.parent / "catalogue.json"

DEEPEST_FOLDER = 3
MOST_FOLDERS_SEEN = 2000
MOST_FOLDERS = 200

# "gpt2" or "organisation/name", as huggingface_hub allows them; no "..", no address.
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)


def bundled_names() -> tuple[str, ...]:
    """Return the names of the models that come with the project: "stories" first, then by name."""
    names = [config.parent.name for config in BUNDLED_FOLDER.glob("*/config.json")]
    return tuple(sorted(names, key=lambda name: (name != "stories", name)))


@cache
def example_prompts(name: str) -> tuple[str, ...]:
    """Return prompts that a bundled model was made for; none of any other."""
    file = BUNDLED_FOLDER / name / "examples.txt"
    return tuple(file.read_text("utf-8").splitlines()) if name in bundled_names() and file.is_file() else ()


@cache
def well_known() -> tuple[KnownModel, ...]:
    """Return well-known models on the Hub, with their kind, size and licence."""
    return tuple(KnownModel(**entry) for entry in json.loads(WELL_KNOWN_FILE.read_text("utf-8")))


def check_allowed(name: str, allowance: Allowance, offered: tuple[str, ...]) -> str:
    """Return where a model that a visitor names is loaded from: a folder, or an id on the Hub.

    Raises PlaygroundError where the server does not let visitors bring such a model, or there is no such name.
    """
    only = f"Here these models can be chosen: {', '.join(offered)}."
    if not isinstance(name, str) or not (0 < len(name) <= 1000) or not (allowance.hub or allowance.folder):
        raise PlaygroundError(only)
    if _HUB_ID.fullmatch(name) and allowance.hub and not (name in bundled_names() or is_folder(name)):
        return resolve(name)
    if allowance.folder is None:
        raise PlaygroundError(f"{only} A model on the Hub has a name such as gpt2 or organisation/name.")
    if (place := _place_below(Path(allowance.folder).expanduser().resolve(), name)) is None:
        raise PlaygroundError(f"There is no model {name[:80]!r} in the folder that models may be taken from.")
    return str(place)


def _place_below(root: Path, name: str) -> Path | None:
    """Return the folder of a model below another one; None where there is none, or it is elsewhere."""
    try:
        place = (root / name).resolve()  # follows links: what one leads out of the folder to is not in it
        is_below = place != root and place.is_relative_to(root) and (place / "config.json").is_file()
    except (OSError, ValueError, RuntimeError):  # a name too long for a path; "\\0"; links in a circle
        return None
    return place if is_below else None


def folders_below(root: str) -> tuple[str, ...]:
    """Return the names of the models in folders below `root`, as `check_allowed` takes them: none is one on the Hub.

    Looks so many folders deep and at so many of them only, and follows no link: a disk may hold millions.
    """
    top = Path(root).expanduser().resolve()
    found: list[str] = []
    left, level = MOST_FOLDERS_SEEN, [top]
    for _ in range(DEEPEST_FOLDER):
        level = [folder for parent in level for folder in _folders_in(parent, left)]
        left -= len(level)
        found += [f"./{folder.relative_to(top)}" for folder in level if (folder / "config.json").is_file()]
        if left <= 0:
            break
    return tuple(sorted(found)[:MOST_FOLDERS])


def _folders_in(folder: Path, most: int) -> list[Path]:
    """Return the folders in another one that have no hidden name, at most `most`; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            seen = (
                entry for entry in entries if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            )
            return [Path(entry.path) for entry in islice(seen, max(0, most))]
    except OSError:
        return []


@cache
def description_of(name: str) -> str:
    """Return what the card of a bundled model says of it first, empty for any other."""
    card = BUNDLED_FOLDER / name / "README.md"
    if name not in bundled_names() or not card.is_file():
        return ""
    _, _, text = card.read_text("utf-8").partition("\n# ")
    paragraphs = text.split("\n\n")
    return " ".join(paragraphs[1].split()).split(". ")[0].split(", made by")[0] if len(paragraphs) > 1 else ""


def licence_of(name: str) -> str:
    """Return the licence of a bundled or a well-known model, empty where it is not known."""
    if name in bundled_names():
        return _licence_in(BUNDLED_FOLDER / name / "README.md")
    return next((model.licence for model in well_known() if model.name == name), "")


@cache
def _licence_in(card: Path) -> str:
    """Return the licence that the head of a model card names."""
    lines = card.read_text("utf-8").splitlines() if card.is_file() else []
    named = (line.removeprefix("license:").strip() for line in lines[:30] if line.startswith("license:"))
    return next(named, "")


def resolve(name: str) -> str:
    """Return where `name` is to be loaded from: a folder, or an id on the Hub.

    Raises PlaygroundError where it is neither a bundled name, nor a folder with a model, nor could be a Hub id.
    """
    if name in bundled_names():
        return str(BUNDLED_FOLDER / name)
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise PlaygroundError(f"A model has a name; there are: {known_names()}.")
    if is_folder(name):
        if not (Path(name).expanduser() / "config.json").is_file():
            raise PlaygroundError(f"The folder {name!r} holds no model: it has no config.json.")
        return str(Path(name).expanduser().resolve())
    if could_be_on_hub(name):
        return name
    raise PlaygroundError(
        f"There is no model {name[:80]!r}. Take one of: {known_names()}; or give a folder that holds a model, "
        "or a name on the Hugging Face Hub such as gpt2 or organisation/name."
    )


def could_be_on_hub(name: str) -> bool:
    """Return whether a model on the Hub can have this name."""
    is_id = _HUB_ID.fullmatch(name) is not None
    return is_id and ".." not in name and "--" not in name and not name.endswith((".git", ".ipynb"))


def is_folder(name: str) -> bool:
    """Return whether `name` is a folder on this machine."""
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, RuntimeError):  # a name too long for a path; "~nobody"
        return False


def known_names() -> str:
    """Return the bundled names, for a message."""
    return ", ".join(bundled_names()) or "none bundled yet"
