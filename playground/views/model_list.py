"""What the picker shows, as JSON: the models that can be chosen, what a search found, and how far a loading is."""

import json
from collections.abc import Mapping, Sequence

from playground.records import Allowance, FoundModel, KnownModel, LoadProgress, PlaygroundError, shown_name
from playground.records.sizes import say_bytes
from playground.views.model_card import say_parameters

# What whoever runs the server has to do where something is not allowed
NO_HUB = (
    "This server offers the models above only. Whoever runs it can let visitors bring any model of the Hugging Face "
    "Hub: start it with --bring hub, or set PLAYGROUND_BRING=hub."
)
NO_FOLDER = (
    "Models in folders of the server's disk are not offered here. Whoever runs it can offer those below one folder: "
    "start it with --folder PATH, or set PLAYGROUND_FOLDER."
)
NO_FOLDERS_YET = "The folder that this server opens holds no model yet: a model is a folder with a config.json."


def model_list_json(
    offered: Sequence[str],
    bundled: Mapping[str, str],
    known: Sequence[KnownModel],
    folders: Sequence[str],
    may: Allowance,
) -> str:
    """Return the groups of the picker; what may not be brought comes with what has to be set for it.

    bundled: what there is to say of each model that comes with the project.
    """
    by_name = {model.name: model for model in known}
    return json.dumps(
        {
            "offered": [_offered(name, by_name.get(name), bundled.get(name)) for name in offered],
            "known": [_known(model) for model in known if model.name not in offered],
            "folders": [{"name": name, "title": name.removeprefix("./")} for name in folders],
            "hub": may.hub,
            "noHub": "" if may.hub else NO_HUB,
            "noFolder": "" if folders else NO_FOLDERS_YET if may.folder else NO_FOLDER,
        }
    )


def found_json(words: str, found: Sequence[FoundModel]) -> str:
    """Return what a search for `words` found."""
    return json.dumps({"words": words, "models": [_found(model) for model in found], "error": ""})


def search_failed_json(words: str, error: PlaygroundError) -> str:
    """Return why a search for `words` found nothing."""
    return json.dumps({"words": words, "models": [], "error": str(error)})


def progress_json(progress: LoadProgress) -> str:
    """Return how far a loading is: a title, a share from 0 to 1 or null where it is not known, and the numbers."""
    name = shown_name(progress.model)
    titles = {
        "looking": f"Looking for {name} …",
        "downloading": f"Downloading {name} …",
        "reading": f"Reading the weights of {name} …",
        "ready": f"{name} is ready.",
    }
    share = min(1.0, progress.bytes_done / progress.bytes_total) if progress.bytes_total > 0 else None
    return json.dumps(
        {
            "model": name,
            "stage": progress.stage,
            "title": titles[progress.stage],
            "share": 1.0 if progress.stage == "ready" else share,
            "numbers": _numbers(progress),
        }
    )


def load_failed_json(model: str, error: PlaygroundError) -> str:
    """Return why a loading failed; the message says what to do next."""
    name = shown_name(model)
    return json.dumps({"model": name, "stage": "failed", "title": str(error), "share": None, "numbers": ""})


def _numbers(progress: LoadProgress) -> str:
    if progress.bytes_total <= 0 or progress.stage not in ("downloading", "reading"):
        return ""
    amount = f"{say_bytes(progress.bytes_done)} of {say_bytes(progress.bytes_total)}"
    if progress.stage == "reading":
        return amount
    number = min(progress.n_files_done + 1, progress.n_files)
    parts = [f"file {number} of {progress.n_files}", progress.file, amount]
    if progress.bytes_per_s > 0:
        left_s = (progress.bytes_total - progress.bytes_done) / progress.bytes_per_s
        parts += [f"{say_bytes(progress.bytes_per_s)} a second", _say_left(left_s)]
    return ", ".join(part for part in parts if part)


def _say_left(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    minutes = seconds / 60
    return f"about {round(minutes)} min left" if minutes < 90 else f"about {minutes / 60:.1f} h left"


def _offered(name: str, known: KnownModel | None, description: str | None) -> dict[str, object]:
    about = _known(known) if known else {"name": name, "facts": ""}
    if description is not None:
        about = {"name": name, "facts": "bundled: comes with this page, needs no internet", "note": description}
    return {**about, "gated": False}  # the server has it by its own leave


def _known(model: KnownModel) -> dict[str, object]:
    facts = (model.kind, f"{say_parameters(model.parameters)} parameters", model.licence)
    return {
        "name": model.name,
        "facts": ", ".join(facts),
        "note": model.note[:1].upper() + model.note[1:],
        "gated": model.gated,
    }


def _found(model: FoundModel) -> dict[str, object]:
    facts = [
        model.kind or "",
        f"{say_parameters(model.parameters)} parameters" if model.parameters else "",
        model.licence,
        f"downloads in a month: {model.downloads:,}" if model.downloads else "",
    ]
    return {"name": model.name, "facts": ", ".join(fact for fact in facts if fact), "gated": model.gated}
