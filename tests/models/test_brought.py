"""Visitors bring models where the server lets them; a gated one is for those whose token opens it."""

import threading

import pytest

from playground.api.endpoints import Endpoints
from playground.backends import brought, local
from playground.backends.local import LocalBackend
from playground.records import Allowance, GenerationSettings, PlaygroundError, shown_name
from tests.hub import Fault, Repository
from tests.models.checkpoints import TOKENIZERS, build_model

TOKEN = "hf_aVisitorsOwnToken"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(
        local.models.LanguageModel, "speed_up", lambda self: False
    )  # takes seconds, and is not looked at here


@pytest.fixture
def backend():
    return LocalBackend(["stories"], "cpu", allowance=Allowance(hub=True))


@pytest.fixture
def gated(hub):
    hub.tokens = {TOKEN, "hf_another"}
    hub.repositories["org/tiny"].gated = True
    hub.repositories["org/tiny"].readers = frozenset({TOKEN})
    return hub


def opened(backend, model="org/tiny", token=None):
    *_, last = backend.open(model, token, threading.Event(), 0.01)
    assert last.stage == "ready"
    return last.model


def test_a_model_that_was_brought_is_like_any_other(hub, backend):
    with pytest.raises(PlaygroundError, match=r"no model 'org/tiny' here. Take one of: stories"):
        backend.spec("org/tiny")
    seen = list(backend.open("org/tiny", None, threading.Event(), 0.001))
    assert seen[-1].stage == "ready"
    assert backend.spec("org/tiny").name == "org/tiny"
    events = list(backend.generate("org/tiny", "Once", GenerationSettings(max_new_tokens=2), threading.Event(), 0.1))
    assert events[-1][-1].model == "org/tiny"
    assert backend.models() == ("stories",)  # what is offered to everyone stays as it is


def test_a_server_that_offers_a_list(hub):
    backend = LocalBackend(["stories"], "cpu")
    with pytest.raises(PlaygroundError, match="Here these models can be chosen: stories"):
        opened(backend)
    assert opened(backend, "stories") == "stories"
    assert hub.paths() == []


def test_a_folder(tmp_path):
    build_model("gpt2").save_pretrained(tmp_path / "mine")
    TOKENIZERS["gpt2"]().save_pretrained(tmp_path / "mine")
    backend = LocalBackend(["stories"], "cpu", allowance=Allowance(folder=str(tmp_path)))
    assert opened(backend, "mine") == "mine"
    assert backend.spec("mine").d_model == 32
    with pytest.raises(PlaygroundError, match="in the folder that models may be taken from"):
        opened(backend, "..")


def test_a_gated_model_is_for_those_whose_token_opens_it(gated, backend):
    name = opened(backend, token=TOKEN)
    assert name.startswith("org/tiny#")
    assert TOKEN not in name
    assert backend.spec(name).name == name
    for token in (None, "hf_another", "hf_unknown", "no token"):
        with pytest.raises(PlaygroundError, match=r"gated|token"):
            opened(backend, token=token)
    for guess in ("org/tiny", "org/tiny#", "org/tiny#" + "0" * 32):
        with pytest.raises(PlaygroundError, match="Take one of: stories"):
            backend.spec(guess)
    assert opened(backend, token=TOKEN) != name


def test_a_gated_model_that_left_the_pool_comes_back_for_its_visitor(gated, backend):
    name = opened(backend, token=TOKEN)
    backend._pool._kept.clear()
    assert backend.spec(name).d_model == 32


def test_a_gated_model_and_its_token_are_forgotten(gated, backend):
    name = opened(backend, token=TOKEN)
    backend.forget(name)
    with pytest.raises(PlaygroundError, match="no model"):
        backend.spec(name)
    assert TOKEN not in repr(vars(backend._brought))
    assert opened(backend, "stories") == "stories"
    for shared in ("stories", "org/unknown", name):
        backend.forget(shared)
    assert backend.spec("stories").name == "stories"


def test_the_secret_of_a_gated_model_is_not_shown(gated, backend):
    name = opened(backend, token=TOKEN)
    script = backend.script(name, "Once", GenerationSettings())
    assert "name = 'org/tiny'" in script
    assert shown_name(name) == "org/tiny"
    for other in ("org/tiny", "a#b", "org/tiny#" + "g" * 32, name + "\n"):
        assert shown_name(other) == other


def test_the_licence_that_the_hub_names(hub, backend):
    hub.repositories["org/tiny"].tags = ("text", "license:mit")
    assert backend.model_card(opened(backend)).licence == "mit"
    assert backend.model_card("stories").licence == "cc-by-4.0"


def test_search_and_folders_are_for_those_who_may_bring(hub, backend, tmp_path):
    assert [model.name for model in backend.search_hub("tiny")] == ["org/tiny"]
    assert backend.folders() == ()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    closed = LocalBackend(["stories"], "cpu", allowance=Allowance(folder=str(tmp_path)))
    assert closed.folders() == ("./mine",)
    with pytest.raises(PlaygroundError, match="no models be brought from the Hub"):
        closed.search_hub("tiny")


def test_the_machines_own_token_is_not_for_visitors(gated, backend, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._headers.get_token", lambda: TOKEN)
    with pytest.raises(PlaygroundError, match="is gated"):
        opened(backend)


def test_without_a_network_what_was_downloaded_can_be_brought(hub, backend, monkeypatch):
    opened(backend)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    backend._pool.forget("org/tiny")
    assert opened(backend) == "org/tiny"


def test_without_a_network_a_gated_one_cannot(gated, backend, monkeypatch):
    opened(backend, token=TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PlaygroundError, match="cannot be reached"):
        opened(backend, token=TOKEN)


def test_names_that_were_brought_are_bounded(gated, backend, monkeypatch):
    monkeypatch.setattr(brought, "MOST_KEPT", 2)
    first, second, third = (opened(backend, token=TOKEN) for _ in range(3))
    assert backend._pool.loaded_names() == (second, third)
    with pytest.raises(PlaygroundError, match="no model"):
        backend.spec(first)
    assert backend.models() == ("stories",)


def test_over_http(gated, backend):
    endpoints = Endpoints(backend)
    messages = list(endpoints.load("org/tiny", TOKEN))
    assert messages[-1]["stage"] == "ready"
    assert endpoints.tokenize("Once", messages[-1]["model"])["tokens"]
    for model, token in (("org/tiny", None), ("../x", None), (3, None), ("org/tiny", 5), (None, TOKEN)):
        with pytest.raises(PlaygroundError):
            list(endpoints.load(model, token))


def test_others_are_answered_while_one_is_loaded(hub, backend):
    hub.repositories["org/slow"] = Repository(hub.repositories["org/tiny"].files)
    hub.faults["/org/slow/resolve/c0ffee" + "0" * 34 + "/model.safetensors"] = Fault(pause_s=0.5)
    opened(backend)
    cancel = threading.Event()
    slow = backend.open("org/slow", None, cancel, 0.01)
    next(slow)
    assert backend.tokenize("org/tiny", "Once")
    cancel.set()
    with pytest.raises(PlaygroundError, match="cancelled"):
        list(slow)
