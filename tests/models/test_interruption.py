"""What breaks a run off: it ends cleanly, what was written is there, the model is free, the page says why.

The handler of the page is called as Gradio calls it, over a real backend.
"""

import copy
import html
import threading
from collections import deque
from dataclasses import fields
from types import SimpleNamespace

import pytest
import torch

import playground
from playground.backends import local
from playground.decoding import memory
from playground.decoding.memory import decoding_bytes
from playground.decoding.run import DecodingRun
from playground.records import GenerationSettings, PlaygroundError
from playground.ui.text_panel import TextPanel
from playground.ui.visit import Visit
from playground.ui.wiring import Tabs, Wiring
from playground.ui.writing import FAILED
from tests.models import checkpoints

PROMPT = "Once upon a time"
STRATEGIES = ["greedy", "sample", "beam"]


@pytest.fixture
def tampered(tiny, monkeypatch):
    """Give a model of one's own to change, and the page's handlers over it."""
    model = copy.deepcopy(tiny("gpt2").lm.loaded.model)
    model.generation_config.eos_token_id = None
    lm = playground.wrap(model, checkpoints.byte_level_tokenizer(), "gpt2")
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: lm)
    monkeypatch.setattr(playground.language_model.LanguageModel, "speed_up", lambda self: False)
    backend = local.LocalBackend(["gpt2"])
    history = SimpleNamespace(**{name: name for name in ("undo", "redo", "write_on", "sentence", "runs")})
    names = {field.name: field.name.replace("_", "-") for field in fields(TextPanel)}
    panel = TextPanel(**(names | {"history": history}))
    tab = SimpleNamespace(name="", guessing="guessing")
    decoding = SimpleNamespace(inputs=dict)
    wiring = Wiring(backend, "visit", panel, decoding, Tabs(*[tab] * len(Tabs._fields)))
    return SimpleNamespace(lm=lm, model=model, backend=backend, wiring=wiring)


def begin(tampered, visit, visitor="me", **settings):
    request = SimpleNamespace(session_hash=visitor)
    return tampered.wiring.on_generate(request, PROMPT, "gpt2", visit, **settings)


def is_idle(update):
    """What is refused before anything begins leaves the buttons as they are: free."""
    if "generate" not in update:
        return "stop" not in update
    return update["generate"].interactive is True and update["stop"].interactive is False


def check_free(tampered, visit, **settings):
    """The next run writes, and no thread of an earlier one is left."""
    *_, last = begin(tampered, visit, strategy="greedy", max_new_tokens=3, **settings)
    assert "3 tokens" in last["status"]
    assert is_idle(last)
    assert len(visit.session.steps) == 3
    assert tampered.wiring.writer.cancellations._switches == {}
    for thread in threading.enumerate():
        if thread.name == "decoding":
            thread.join(20)
            assert not thread.is_alive()


def on_forward(model, act, from_call=0):
    """Let something happen in a forward pass; return what ends it."""
    calls = []

    def hook(module, inputs, output):
        calls.append(0)
        return act(output) if len(calls) > from_call else None

    return model.register_forward_hook(hook)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_stopped_during_the_first_forward_pass(tampered, strategy):
    visit = Visit()
    request = SimpleNamespace(session_hash="me")
    hook = on_forward(tampered.model, lambda output: tampered.wiring.writer.on_stop(request))
    *_, last = begin(tampered, visit, strategy=strategy, max_new_tokens=50)
    hook.remove()
    assert "you stopped it" in last["status"]
    assert is_idle(last)
    assert len(visit.session.steps) <= 1  # the token whose pass it was
    check_free(tampered, visit)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_closed_tab_leaves_no_run_behind(tampered, strategy):
    """Gradio closes the handler's generator where the connection is gone."""
    running = begin(tampered, Visit(), strategy=strategy, max_new_tokens=50)
    next(running)
    next(running)
    running.close()
    check_free(tampered, Visit())


def test_two_tabs_of_one_visitor_do_not_end_each_other(tampered):
    """Each tab is a session of its own."""
    both_run, visits = threading.Event(), [Visit(), Visit()]

    def wait(module, inputs):
        """Let no run end before the other has begun."""
        both_run.wait(60)

    tampered.model.register_forward_pre_hook(wait)
    runs = [
        begin(tampered, visit, visitor, strategy="greedy", max_new_tokens=20)
        for visit, visitor in zip(visits, ("one", "two"), strict=True)
    ]
    for run in runs:
        next(run)
    tampered.wiring.writer.on_stop(SimpleNamespace(session_hash="one"))
    both_run.set()
    (*_, first), (*_, second) = runs
    assert "you stopped it" in first["status"]
    assert "20 tokens" in second["status"]
    check_free(tampered, visits[0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strategy": "beam", "num_beams": 2, "num_return_sequences": 3}, "3 texts cannot come from 2 beams"),
        ({"bad_words": ["girl"], "force_words": ["girl"]}, "both forbidden and forced"),
        ({"temperature": 0}, "temperature must be"),
        ({"num_beams": 10**6, "strategy": "beam"}, "num_beams must be"),
    ],
)
def test_contradictory_settings_are_answered(tampered, settings, words):
    visit = Visit()
    *_, last = begin(tampered, visit, **settings)
    assert words in last["status"]
    assert 'role="alert"' in last["status"]
    assert is_idle(last)
    check_free(tampered, visit)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_forbidden_words_that_leave_nothing_to_choose(tampered, strategy):
    """Two tokens may be written, and none of them twice."""
    config = tampered.model.generation_config
    config.suppress_tokens = [id for id in range(tampered.lm.spec.vocabulary_size) if id not in (5, 6)]
    visit = Visit()
    *_, last = begin(tampered, visit, strategy=strategy, no_repeat_ngram_size=1, top_k=0, max_new_tokens=9)
    assert "the filters left no token to choose" in last["status"]
    assert sorted(step.token.id for step in visit.session.steps) == [5, 6]
    assert is_idle(last)
    config.suppress_tokens = None
    check_free(tampered, visit)


def raise_memory(output):
    raise RuntimeError("[enforce fail at alloc_cpu.cpp:126] DefaultCPUAllocator: can't allocate memory: 1 bytes")


def raise_cuda_memory(output):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("fail", [raise_memory, raise_cuda_memory])
def test_memory_that_ends_while_it_writes(tampered, strategy, fail):
    visit = Visit()
    hook = on_forward(tampered.model, fail, from_call=4)
    *_, last = begin(tampered, visit, strategy=strategy, max_new_tokens=20)
    hook.remove()
    assert "not enough memory to go on" in last["status"]
    assert len(visit.session.steps) == 4
    assert is_idle(last)
    assert visit.session.run.text == "".join(step.token.text for step in visit.session.steps)
    if strategy == "beam":
        best = [node for node in visit.session.beam_tree.nodes if node.in_best]
        assert [node.token_id for node in best] == [step.token.id for step in visit.session.steps]
    check_free(tampered, visit)


def test_beams_beyond_the_memory_are_refused_with_what_fits(tampered, monkeypatch):
    """A beam of gpt2: 2 layers x (keys and values) x 32 numbers a token, and its logits."""
    loaded = tampered.lm.loaded
    n_prompt = len(tampered.lm.tokenize(PROMPT))
    one = decoding_bytes(loaded, 1, n_prompt, n_prompt + 10)
    assert one == 2 * 2 * 32 * (n_prompt + 10) * 4 + 6 * checkpoints.VOCABULARY * 4
    monkeypatch.setattr(memory, "free_memory_bytes", lambda device: 5 * one)
    visit = Visit()
    *_, last = begin(tampered, visit, strategy="beam", num_beams=16, max_new_tokens=10)
    assert "Writing 16 x" in last["status"]
    assert "take at most 5 beams" in last["status"]
    assert is_idle(last)
    check_free(tampered, visit)
    monkeypatch.setattr(memory, "free_memory_bytes", lambda device: one - 1)
    with pytest.raises(PlaygroundError, match="free: ask for fewer new tokens"):
        tampered.lm.generate(PROMPT, max_new_tokens=10)


def test_an_endless_loop_of_one_token_ends_and_is_named(tampered):
    def prefer_one(output):
        output.logits[..., 70] = 1e4

    hook = on_forward(tampered.model, prefer_one)
    visit = Visit()
    *_, last = begin(tampered, visit, strategy="greedy", max_new_tokens=100_000)
    hook.remove()
    assert "the model's context is full" in html.unescape(last["status"])  # and no later
    n_written = len(visit.session.steps)
    assert {step.token.id for step in visit.session.steps} == {70}
    assert f"Its last {n_written} tokens are one and the same" in last["status"]
    assert "repetition penalty" in last["status"]
    check_free(tampered, visit)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_model_whose_weights_hold_nan_says_so(tampered, strategy):
    weight = tampered.model.transformer.h[0].attn.c_attn.weight
    before = weight.detach().clone()
    with torch.no_grad():
        weight.view(-1)[7] = float("nan")
    visit = Visit()
    *_, last = begin(tampered, visit, strategy=strategy)
    assert "not a number" in last["status"]
    assert is_idle(last)
    analysed = tampered.wiring.on_analyse(PROMPT, "", "gpt2", visit)
    assert "not a number: its weights are damaged" in analysed["status"]
    assert visit.session.ids == ()
    with torch.no_grad():
        weight.copy_(before)
    check_free(tampered, visit)


def test_a_failure_of_the_model_itself_leaves_the_page_free(tampered):
    def fail(output):
        raise ValueError("something in here")

    visit = Visit()
    hook = on_forward(tampered.model, fail, from_call=2)
    running = begin(tampered, visit, strategy="greedy", max_new_tokens=20)
    updates = []
    with pytest.raises(ValueError, match="something in here"):
        updates.extend(running)
    hook.remove()
    check_free(tampered, visit)


def test_a_failure_is_said_before_it_is_raised(tampered):
    def fail(output):
        raise RuntimeError("a kernel of some kind")

    hook = on_forward(tampered.model, fail)
    running = begin(tampered, Visit(), strategy="greedy")
    updates = []
    with pytest.raises(RuntimeError, match="a kernel"):
        deque(map(updates.append, running))
    hook.remove()
    assert FAILED in html.unescape(updates[-1]["status"])
    assert is_idle(updates[-1])


def test_a_run_that_breaks_off_is_over_for_programs_too(tampered):
    hook = on_forward(tampered.model, raise_memory, from_call=1)
    run = DecodingRun(tampered.lm.loaded, PROMPT, GenerationSettings(strategy="beam", num_beams=3))
    record = run.complete()
    hook.remove()
    assert (record.finish_reason, len(record.steps)) == ("memory", 1)


def test_a_text_whose_attention_cannot_be_shown_is_kept_all_the_same(tampered, monkeypatch):
    def refuse(model, text):
        raise PlaygroundError("too large")

    visit = Visit()
    list(begin(tampered, visit, strategy="greedy", max_new_tokens=3))
    monkeypatch.setattr(tampered.backend, "attention_shapes", refuse)
    shown = tampered.wiring.on_text(visit)
    assert "too large" in shown["status"]
    assert "Run 1 of 1" in shown["sentence"]
    assert shown["write_on"].interactive


def test_instruments_that_are_late_do_not_bring_an_older_text_back(tampered, monkeypatch):
    """What fills them was begun with the text before; while it is on its way another text may come."""
    tab = tampered.wiring.attention
    empty = {"outputs": list, "show_views": lambda *given: [], "show_text": lambda *given, **more: {}}
    vars(tab).update(empty)
    tampered.wiring.choices = SimpleNamespace(name="", show_text=lambda *given, **more: {})
    tampered.wiring.beams = SimpleNamespace(outputs=list, show_text=lambda session: [])
    monkeypatch.setattr("playground.ui.wiring.show_tint", lambda backend, session: "{}")
    visit = Visit()
    list(begin(tampered, visit, strategy="greedy", max_new_tokens=3))
    chips = tampered.wiring.on_views(visit)["tokens"]._constructor_args[0]
    assert chips.keys() == {"given", "selected", "tint"}


@pytest.mark.parametrize("prompt", [None, 7, ["a"], {"b": 1}])
def test_whatever_a_browser_sends_for_a_prompt_is_read_as_text_or_refused(tampered, prompt):
    request = SimpleNamespace(session_hash="me")
    *_, last = tampered.wiring.on_generate(request, prompt, "gpt2", Visit(), strategy="greedy", max_new_tokens=2)
    assert is_idle(last)
    said = html.unescape(last["status"])
    assert ("2 tokens" if prompt else "type") in said.lower()


@pytest.mark.parametrize("model", [None, 7, ["gpt2"], {"gpt2": 1}])
def test_whatever_a_browser_sends_for_a_model_is_unknown(tampered, model):
    request = SimpleNamespace(session_hash="me")
    *_, last = tampered.wiring.on_generate(request, PROMPT, model, Visit(), strategy="greedy")
    assert is_idle(last)
    assert 'role="alert"' in last["status"]


def test_that_the_model_reads_is_said_before_its_first_token(tampered):
    busy, *rest = begin(tampered, Visit(), strategy="greedy", max_new_tokens=3)
    assert "Generating" in busy["status"]
    assert busy["stop"].interactive is True
    assert all(update["tokens"] for update in rest)
