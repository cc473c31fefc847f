"""The backend's models keep within a budget, and none goes while a visitor is at it."""

import inspect
import threading

import pytest

from playground.backends import local
from playground.backends.protocol import Backend
from playground.models.memory import model_bytes
from playground.records import GenerationRecord, GenerationSettings, PlaygroundError, TextIds

PROMPT = "Once upon a time there"


@pytest.fixture
def loads(tiny, monkeypatch):
    loaded = []

    def load(name, device, dtype):
        loaded.append(name)
        return tiny(name).lm

    monkeypatch.setattr(local.models, "load", load)
    monkeypatch.setattr(
        local.models.LanguageModel, "speed_up", lambda self: False
    )  # takes seconds, and is not looked at here
    return loaded


@pytest.fixture
def backend(tiny, loads):
    """Return one with room for two of these three."""
    sizes = sorted(model_bytes(tiny(name).lm.loaded.model) for name in ("gpt2", "llama", "falcon"))
    return local.LocalBackend(["gpt2", "llama", "falcon"], max_bytes=sizes[1] + sizes[2])


def test_the_least_recently_used_goes_with_its_attention(backend, loads):
    ids = tuple(token.id for token in backend.tokenize("gpt2", PROMPT))
    backend.score("gpt2", TextIds(ids))
    assert [key[0] for key in backend._cache._kept] == ["gpt2"]
    backend.spec("llama")
    backend.spec("falcon")
    assert list(backend._cache._kept) == []
    backend.spec("llama")
    assert len(backend.score("gpt2", TextIds(ids))) == len(ids)
    assert loads == ["gpt2", "llama", "falcon", "gpt2"]


def test_one_that_writes_stays_until_it_is_done(backend):
    events = backend.generate("gpt2", PROMPT, GenerationSettings(max_new_tokens=30), threading.Event(), 0.0)
    next(events)
    backend.spec("llama")
    with backend._pool.use("llama"), pytest.raises(PlaygroundError, match="Try again later"):
        backend.spec("falcon")
    last = list(events)[-1][-1]
    assert isinstance(last, GenerationRecord)
    backend.spec("falcon")
    assert backend._pool.loaded_names() == ("llama", "falcon")


def test_one_whose_generator_is_closed_may_go(backend):
    events = backend.generate("gpt2", PROMPT, GenerationSettings(max_new_tokens=30), threading.Event(), 0.0)
    next(events)
    events.close()
    assert backend._pool._kept["gpt2"].users == 0


METHODS = [
    name
    for part in Backend.__mro__
    if part.__module__.startswith("playground.")
    for name in vars(part)
    if not name.startswith("_") and name not in ("open", "forget", "examples")
    if list(inspect.signature(getattr(Backend, name)).parameters)[1:2] == ["model"]
]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_holds_its_model(backend, monkeypatch, name):
    method = getattr(Backend, name)
    taken = []
    monkeypatch.setattr(backend._pool, "_take", lambda model: taken.append(model) or 1 / 0)
    others = [None] * (len(inspect.signature(method).parameters) - 2)
    keywords = {n: None for n, p in inspect.signature(method).parameters.items() if p.kind is p.KEYWORD_ONLY}

    def call():
        result = getattr(backend, name)("gpt2", *others[: len(others) - len(keywords)], **keywords)
        next(result)  # of one that yields

    with pytest.raises(ZeroDivisionError):
        call()
    assert taken == ["gpt2"]


def test_the_methods_of_all_parts_are_looked_at():
    assert len(METHODS) == len(set(METHODS))
    assert {"spec", "generate", "head_map", "what_if"} < set(METHODS)
