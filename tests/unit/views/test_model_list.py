"""The groups of the picker, and how far a loading is, as JSON."""

import json

import pytest

from playground.records import Allowance, FoundModel, KnownModel, LoadProgress, PlaygroundError
from playground.views.model_list import (
    found_json,
    load_failed_json,
    model_list_json,
    progress_json,
    search_failed_json,
)

KNOWN = (
    KnownModel("org/open", "decoder", 124_000_000, "MIT", False, "a note"),
    KnownModel("org/gated", "encoder", 2_610_000_000, "Terms", True, ""),
)
SECRET = "org/m#" + "0" * 32


def groups(offered=("stories", "org/open"), folders=(), may=None):
    listed = model_list_json(
        offered, {"stories": "Tells stories", "translator": ""}, KNOWN, folders, may or Allowance()
    )
    return json.loads(listed)


def test_groups():
    shown = groups(may=Allowance(hub=True))
    assert [model["name"] for model in shown["offered"]] == ["stories", "org/open"]
    assert shown["offered"][0]["note"] == "Tells stories"
    assert shown["offered"][1]["facts"] == "decoder, 124 million parameters, MIT"
    assert shown["known"] == [  # what the server offers is not listed twice
        {"name": "org/gated", "facts": "encoder, 2.61 billion parameters, Terms", "note": "", "gated": True}
    ]
    assert (shown["hub"], shown["noHub"]) == (True, "")


def test_what_is_not_allowed_says_what_to_set():
    shown = groups()
    assert "--bring hub" in shown["noHub"]
    assert "PLAYGROUND_BRING=hub" in shown["noHub"]
    assert "--folder PATH" in shown["noFolder"]
    assert "PLAYGROUND_FOLDER" in shown["noFolder"]
    assert "config.json" in groups(may=Allowance(folder="/secret/place"))["noFolder"]
    assert "secret" not in json.dumps(groups(folders=("a/b",), may=Allowance(folder="/secret/place")))
    shown = groups(folders=("./a/b",), may=Allowance(folder="/x"))
    assert (shown["folders"], shown["noFolder"]) == ([{"name": "./a/b", "title": "a/b"}], "")


def test_what_a_search_found():
    found = [FoundModel("a/b", "decoder", 1500, "mit", True, 12_345), FoundModel("a/c", None, None, "", False, 0)]
    shown = json.loads(found_json("b", found))
    assert shown["words"] == "b"
    assert shown["models"] == [
        {"name": "a/b", "facts": "decoder, 1.5 thousand parameters, mit, downloads in a month: 12,345", "gated": True},
        {"name": "a/c", "facts": "", "gated": False},
    ]
    assert json.loads(search_failed_json("b", PlaygroundError("why"))) == {"words": "b", "models": [], "error": "why"}


@pytest.mark.parametrize(
    ("progress", "title", "share", "numbers"),
    [
        (LoadProgress("org/m"), "Looking for org/m …", None, ""),
        (
            LoadProgress(SECRET, "downloading", "model.safetensors", 5, 4, 61_000_000, 180_000_000, 20_000_000.0),
            "Downloading org/m …",
            61 / 180,
            "file 5 of 5, model.safetensors, 61 MB of 180 MB, 20 MB a second, about 6 s left",
        ),
        (
            LoadProgress("m", "downloading", "a", 2, 0, 0, 10**12, 10**6),
            "Downloading m …",
            0,
            "file 1 of 2, a, 0 bytes of 1 TB, 1 MB a second, about 277.8 h left",
        ),
        (
            LoadProgress("m", "downloading", "", 2, 2, 10, 10, 0.0),
            "Downloading m …",
            1,
            "file 2 of 2, 10 bytes of 10 bytes",
        ),
        (LoadProgress("m", "reading", "", 0, 0, 5, 10), "Reading the weights of m …", 0.5, "5 bytes of 10 bytes"),
        (LoadProgress("m", "ready"), "m is ready.", 1, ""),
    ],
)
def test_how_far_a_loading_is(progress, title, share, numbers):
    shown = json.loads(progress_json(progress))
    assert (shown["title"], shown["numbers"]) == (title, numbers)
    assert shown["share"] == (None if share is None else pytest.approx(share))
    assert "0" * 32 not in progress_json(progress)


def test_a_loading_that_failed():
    shown = json.loads(load_failed_json(SECRET, PlaygroundError("Do this next.")))
    assert shown == {"model": "org/m", "stage": "failed", "title": "Do this next.", "share": None, "numbers": ""}
