"""A search gives names that can be loaded, a bounded number of them, whatever the Hub answers."""

import json

import pytest

from playground.models import hub_search
from playground.models.hub_search import MOST_FOUND, search_hub
from playground.records import FoundModel, PlaygroundError
from tests.hub import Fault, Repository


def answered(hub, entries):
    body = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    hub.faults["/api/models"] = Fault(status=200, body=body)
    return search_hub("tiny")


def test_what_the_hub_has(hub):
    hub.repositories["org/tiny"].n_parameters = 1234
    hub.repositories["org/tiny"].tags = ("license:mit",)
    hub.repositories["other/Tiny-2"] = Repository({}, gated=True)
    hub.repositories["other/large"] = Repository({})
    found = search_hub("  tiny ")
    assert [(model.name, model.gated) for model in found] == [("org/tiny", False), ("other/Tiny-2", True)]
    assert found[0] == FoundModel("org/tiny", None, 1234, "mit", False, 1)


@pytest.mark.parametrize("words", ["", " \n "])
def test_nothing_is_asked_without_words(hub, words):
    assert search_hub(words) == ()
    assert hub.paths() == []


def test_a_text_is_no_name(hub):
    with pytest.raises(PlaygroundError, match="at most 100 characters"):
        search_hub("x" * 101)
    assert hub.paths() == []


def test_the_machines_own_token_stays_here(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._headers.get_token", lambda: "hf_ofThisMachine")
    search_hub("tiny")
    assert "authorization" not in hub.asked[-1][1]


def test_names_that_none_can_have_are_left_out(hub):
    bad = [
        "<img src=x onerror=alert(1)>",
        "a/../b",
        "https://x/y",
        "a/b/c",
        "",
        "x" * 500,
        "a b",
        7,
        None,
        ["a"],
        "a--b",
    ]
    entries = [{"id": name} for name in bad]
    found = answered(hub, [*entries, "text", None, 5, [], {"id": "org/good"}])
    assert [model.name for model in found] == ["org/good"]


def test_fields_of_any_kind(hub):
    entry = {"id": "a/b", "tags": "license:x", "downloads": -5, "safetensors": {"total": "many"}, "pipeline_tag": ["x"]}
    assert answered(hub, [entry]) == (FoundModel("a/b", None, None, "", False, 0),)
    entry = {"id": "a/b", "tags": [7, "license:" + "<b>" * 99], "downloads": True, "safetensors": [], "gated": "manual"}
    (found,) = answered(hub, [entry])
    assert (found.parameters, found.gated, found.downloads, len(found.licence)) == (None, True, 0, 60)


def test_what_is_no_language_model_is_left_out(hub):
    tasks = {"a/1": "text-generation", "a/2": "text-to-image", "a/3": "fill-mask", "a/4": "translation"}
    found = answered(hub, [{"id": name, "pipeline_tag": task} for name, task in tasks.items()])
    assert [(model.name, model.kind) for model in found] == [
        ("a/1", "decoder"),
        ("a/3", "encoder"),
        ("a/4", "encoder-decoder"),
    ]


def test_thousands_of_results_are_cut(hub):
    assert len(answered(hub, [{"id": f"a/{number}"} for number in range(5000)])) == MOST_FOUND
    assert len(answered(hub, [{"id": "a/same"}] * 5000)) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'"x"', b"[" * 100_000, b"\xff\xfe", b'[{"id": '])
def test_what_is_no_answer(hub, body):
    with pytest.raises(PlaygroundError, match="cannot be read"):
        answered(hub, body)


def test_an_endless_answer_is_not_read_to_the_end(hub, monkeypatch):
    monkeypatch.setattr(hub_search, "MOST_ANSWER_BYTES", 1000)
    with pytest.raises(PlaygroundError, match="more than can be read"):
        answered(hub, [{"id": f"a/{number}"} for number in range(5000)])


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (429, {"Retry-After": "7"}, "asked too often from this machine. Try again in 7 seconds"),
        (500, {}, "trouble of its own"),
        (404, {}, "refused"),
    ],
)
def test_what_the_hub_refuses(hub, status, headers, message):
    hub.faults["/api/models"] = Fault(status=status, headers=headers)
    with pytest.raises(PlaygroundError, match=message):
        search_hub("tiny")


def test_no_network(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PlaygroundError, match=r"cannot be reached from this server.*stories"):
        search_hub("tiny")


def test_a_hub_that_says_nothing_is_not_waited_for_long(hub, monkeypatch):
    monkeypatch.setattr(hub_search, "SEARCH_TIMEOUT_S", 0.1)
    hub.faults["/api/models"] = Fault(delay_s=1)
    with pytest.raises(PlaygroundError, match="cannot be reached"):
        search_hub("tiny")
