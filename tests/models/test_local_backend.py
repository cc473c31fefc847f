"""The backend in this process does what its protocol says."""

import threading
import time

import numpy as np
import pytest

import playground
from playground.backends import local
from playground.backends.protocol import Backend
from playground.records import GenerationRecord, GenerationSettings, PlaygroundError, Step

PROMPT = "Once upon a time there"


@pytest.fixture
def backend(tiny, monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    found: Backend = local.LocalBackend(["gpt2", "bert", "bart"])
    return found


def test_models_and_what_they_are(backend):
    assert backend.models() == ("gpt2", "bert", "bart")
    assert backend.spec("bert").kind == "encoder"
    assert "".join(token.text for token in backend.tokenize("gpt2", PROMPT)) == PROMPT
    for name in ("llama", "../gpt2", "", "nobody/x"):
        with pytest.raises(PlaygroundError, match="Take one of: gpt2, bert, bart"):
            backend.spec(name)


def test_generate_yields_what_has_gathered(backend):
    settings = GenerationSettings(max_new_tokens=40, temperature=2.0)
    messages = list(backend.generate("gpt2", PROMPT, settings, threading.Event(), 0.01))
    events = [event for message in messages for event in message]
    record = events[-1]
    assert isinstance(record, GenerationRecord)
    assert events[:-1] == list(record.steps)
    assert len(record.steps) > 5
    assert record.token_ids == playground_ids(settings, backend)


def playground_ids(settings, backend):
    return backend._pool.get("gpt2").generate(PROMPT, settings).token_ids


def test_the_first_message_comes_at_once_and_then_not_one_a_token(backend):
    settings = GenerationSettings(max_new_tokens=50, strategy="sample", temperature=2.0, seed=1)
    started = time.perf_counter()
    events = backend.generate("gpt2", PROMPT, settings, threading.Event(), 5.0)
    messages = [(time.perf_counter() - started, message) for message in events]
    assert isinstance(messages[0][1][0], Step)
    assert len(messages) == 2  # the interval ends early when the decoding does
    assert messages[0][0] < messages[1][0] < 5.0


def test_cancel_gives_what_is_there(backend):
    cancel = threading.Event()
    settings = GenerationSettings(max_new_tokens=55, strategy="sample", temperature=2.0, seed=1)
    events = []
    for message in backend.generate("gpt2", PROMPT, settings, cancel, 0.0):
        events += message
        cancel.set()
    record = events[-1]
    assert isinstance(record, GenerationRecord)
    assert 0 < len(record.steps) < 50
    assert record.finish_reason == "stopped"


def test_bad_prompts_leave_the_backend_working(backend):
    for prompt in ("", "   ", "a\ud800", "word " * 30_000, "the " * 200):
        with pytest.raises(PlaygroundError):
            list(backend.generate("gpt2", prompt, GenerationSettings(), threading.Event(), 0.1))
    settings = GenerationSettings(max_new_tokens=3)
    for prompt in ("a\x00b", "<script>alert(1)</script>", "שלום", "e\u0301"):
        *_, last = backend.generate("gpt2", prompt, settings, threading.Event(), 0.1)
        assert last[-1].prompt == prompt


def test_one_forward_pass_serves_scores_and_maps(backend, tiny):
    text = backend.read("gpt2", PROMPT).ids
    model = tiny("gpt2").lm.loaded.model
    passes = []
    handle = model.register_forward_pre_hook(lambda *call: passes.append(1))
    try:
        scores = backend.score("gpt2", text)
        summary = backend.attention_summary("gpt2", text)
        head = backend.head_map("gpt2", text, 1, 2)
        layer = backend.layer_maps("gpt2", text, 1)
        rows = backend.head_rows("gpt2", text, 3)
    finally:
        handle.remove()
    assert len(passes) == 1
    assert len(scores) == len(text.ids)
    assert summary.tiles.shape == (2, 4, len(text.ids), len(text.ids))
    np.testing.assert_array_equal(head.weights, layer.weights[2])
    np.testing.assert_allclose(rows.weights[1, 2], head.weights[3], atol=1e-6)


def test_models_do_not_share_what_is_kept(backend):
    text = backend.read("gpt2", PROMPT).ids
    causal = backend.head_map("gpt2", text, 0, 0).weights
    two_way = backend.head_map("bert", text, 0, 0).weights
    assert causal[0, 1] == 0.0
    assert two_way[0, 1] > 0.0


def test_exported_names():
    assert playground.__all__ == ["LanguageModel", "PlaygroundError", "__version__", "load", "wrap"]
    assert all(hasattr(playground, name) for name in playground.__all__)
    with pytest.raises(AttributeError, match="no attribute 'unload'"):
        _ = playground.unload
