"""Decoding gives the very ids that transformers gives, and records what the model computed."""

import itertools
import threading
from dataclasses import replace

import pytest
import torch

from playground.decoding import step_recorder
from playground.decoding.loop import fits_loop
from playground.decoding.run import DecodingRun
from playground.records import BeamProgress, GenerationRecord, GenerationSettings, PlaygroundError, Step
from tests.models.checkpoints import CONTEXT, ENDS

PROMPT = "Once upon a time there"
LENGTH = 12
WRITERS = ["gpt2", "llama", "bart", "t5", "gemma2", "gptj"]


def reference_ids(tiny, prompt=PROMPT, seed=0, **options):
    """Return what transformers' own generate writes, by the copy that the project never touched."""
    ids = torch.tensor([[token.id for token in tiny.lm.tokenize(prompt)]])
    torch.manual_seed(seed)
    output = tiny.reference.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        return_dict_in_generate=True,
        output_scores=True,
        **{"max_new_tokens": LENGTH, "do_sample": False, **options},
    )
    n_given = 1 if tiny.lm.spec.kind == "encoder-decoder" else ids.shape[1]
    return tuple(output.sequences[0, n_given:].tolist()), output


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize("penalty", [1.0, 1.4])
def test_greedy_ids(tiny, family, penalty):
    model = tiny(family)
    record = model.lm.generate(PROMPT, strategy="greedy", repetition_penalty=penalty, max_new_tokens=LENGTH)
    assert record.token_ids == reference_ids(model, repetition_penalty=penalty)[0]
    assert len(record.token_ids) == len(record.steps) > 0


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p", "penalty"),
    [(1.0, 0, 1.0, 1.0), (0.7, 5, 1.0, 1.0), (1.5, 0, 0.8, 1.0), (0.8, 40, 0.9, 1.3), (2.0, 10**6, 0.0, 1.0)],
)
def test_sampled_ids(tiny, family, temperature, top_k, top_p, penalty):
    model = tiny(family)
    for seed in (0, 7, 2**40):
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "repetition_penalty": penalty}
        record = model.lm.generate(PROMPT, seed=seed, max_new_tokens=LENGTH, **options)
        assert record.token_ids == reference_ids(model, seed=seed, do_sample=True, **options)[0]


def test_seeds_differ(tiny):
    lm = tiny("gpt2").lm
    written = {lm.generate(PROMPT, temperature=2.0, seed=seed, max_new_tokens=8).token_ids for seed in range(8)}
    assert len(written) == 8


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize(
    ("num_beams", "length_penalty", "early_stopping", "penalty"),
    [(2, 1.0, False, 1.0), (3, 0.3, True, 1.0), (4, 2.0, False, 1.2), (5, -1.0, True, 1.0)],
)
def test_beam_ids_and_scores(ends, family, num_beams, length_penalty, early_stopping, penalty):
    options = {
        "num_beams": num_beams,
        "length_penalty": length_penalty,
        "early_stopping": early_stopping,
        "repetition_penalty": penalty,
    }
    record = ends.lm.generate(PROMPT, strategy="beam", max_new_tokens=LENGTH, **options)
    ids, output = reference_ids(ends, **options)
    assert record.token_ids == ids
    assert record.beam_tree.sequence_score == pytest.approx(float(output.sequences_scores[0]), rel=1e-6)


@pytest.mark.parametrize("family", ["gpt2", "bart"])
def test_beam_tree_is_whole(ends, family):
    record = ends.lm.generate(PROMPT, strategy="beam", num_beams=3, max_new_tokens=LENGTH)
    nodes = record.beam_tree.nodes
    best = sorted((node for node in nodes if node.in_best), key=lambda node: node.step)
    assert tuple(node.token_id for node in best) == record.token_ids
    assert best[-1].state == "finished"
    for node in nodes:
        parent = None if node.parent is None else nodes[node.parent]
        assert (parent.step + 1 if parent else 0) == node.step
        assert node.score == pytest.approx((parent.score if parent else 0.0) + node.log_probability, abs=1e-5)
        assert parent is None or parent.state == "running"
    for step in range(1, max(node.step for node in nodes)):
        at_step = [node for node in nodes if node.step == step]
        assert sum(node.state == "running" for node in at_step) == 3
        assert any(node.state == "pruned" for node in at_step)
        # Of those that have ended, only what is among the best num_beams of its step is kept
        best_scores = sorted((node.score for node in at_step), reverse=True)[:3]
        for node in at_step:
            if node.token_id in ENDS:
                assert (node.state == "finished") == (node.score >= best_scores[-1])
    # Each kept hypothesis is at least as good as the best pruned one of its step that had not ended
    for step in range(max(node.step for node in nodes)):
        kept = [node.score for node in nodes if node.step == step and node.state == "running"]
        pruned = [n.score for n in nodes if n.step == step and n.state == "pruned" and n.token_id not in ENDS]
        assert not pruned or min(kept) >= max(pruned)


@pytest.mark.parametrize("family", ["gpt2"])
def test_search_wider_than_the_vocabulary_of_the_first_step_allows(ends, family):
    settings = {"num_beams": 16, "max_new_tokens": 4}
    record = ends.lm.generate(PROMPT, strategy="beam", **settings)
    assert record.token_ids == reference_ids(ends, **settings)[0]


def test_beam_progress_then_steps_then_record(tiny):
    run = DecodingRun(tiny("gpt2").lm.loaded, PROMPT, GenerationSettings(strategy="beam", max_new_tokens=5))
    run.start()
    run.join()
    events = run.drain()
    assert [type(event) for event in events] == [BeamProgress] * 5 + [Step] * 5 + [GenerationRecord]
    assert [event.step for event in events[:5]] == [1, 2, 3, 4, 5]
    assert len(events[4].token_labels) == 5
    assert tuple(events[5:10]) == events[-1].steps
    assert run.finished


def test_one_beam_is_greedy(tiny):
    model = tiny("gpt2")
    record = model.lm.generate(PROMPT, strategy="beam", num_beams=1, max_new_tokens=6)
    assert record.token_ids == model.lm.generate(PROMPT, strategy="greedy", max_new_tokens=6).token_ids
    assert [node.token_id for node in record.beam_tree.nodes] == list(record.token_ids)
    assert record.beam_tree.nodes[-1].state == "finished"


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
def test_candidates_are_what_the_model_computes(tiny, family, strategy):
    model = tiny(family)
    options = {"temperature": 0.7, "top_k": 6, "top_p": 0.9}
    record = model.lm.generate(PROMPT, strategy=strategy, max_new_tokens=6, **options)
    with torch.no_grad():
        logits = model.reference(torch.tensor([record.ids])).logits[0].float()
    for step in record.steps:
        row = logits[len(record.prompt_ids) + step.index - 1]
        probs = row.softmax(-1)
        assert len(step.candidates) in (50, 51)
        raw = [candidate.raw_probability for candidate in step.candidates[:50]]
        assert raw == pytest.approx(probs.topk(50).values.tolist(), abs=1e-6)
        for candidate in step.candidates:
            assert candidate.raw_probability == pytest.approx(float(probs[candidate.id]), abs=1e-6)
        assert step.chosen in step.candidates
        assert step.chosen.id == step.token.id == record.token_ids[step.index]
        assert step.rank == 1 + int((row > row[step.chosen.id]).sum())
        assert step.entropy_bits == pytest.approx(float(-(probs * probs.log2()).sum()), abs=1e-4)
        left = [candidate.probability for candidate in step.candidates]
        if strategy == "sample":
            expected = filtered_probs(row / 0.7, top_k=6, top_p=0.9)
            assert left == pytest.approx([float(expected[candidate.id]) for candidate in step.candidates], abs=1e-5)
            assert step.n_kept == int((expected > 0).sum()) <= 6
            assert step.chosen.probability > 0
        else:
            assert left == pytest.approx([candidate.raw_probability for candidate in step.candidates], abs=1e-6)
            assert step.n_kept == len(row)


def filtered_probs(logits, top_k, top_p):
    """Return the probabilities that top-k, then top-p leave, by their definitions."""
    order = logits.argsort(descending=True)[:top_k]
    probs = logits[order].softmax(-1)
    before = probs.cumsum(-1) - probs  # of the more likely ones
    kept = order[before < top_p]
    result = torch.zeros_like(logits)
    result[kept] = logits[kept].softmax(-1)
    return result


def test_an_unlikely_choice_is_the_last_candidate(tiny):
    record = tiny("gpt2").lm.generate(PROMPT, temperature=100.0, top_k=0, max_new_tokens=20)
    unlikely = [step for step in record.steps if step.rank > 50]
    assert unlikely
    for step in unlikely:
        assert len(step.candidates) == 51
        assert step.candidates[-1] == step.chosen


@pytest.mark.parametrize("family", ["gpt2", "bart", "t5"])
def test_nothing_of_the_models_own_generation_config_leaks_in(tiny, family):
    model = tiny(family)
    strategies = ("greedy", "sample")
    plain = {name: model.lm.generate(PROMPT, max_new_tokens=8, strategy=name).token_ids for name in strategies}
    config = model.lm.loaded.model.generation_config
    leaks = {
        "no_repeat_ngram_size": 1,
        "temperature": 0.1,
        "top_k": 1,
        "max_length": 3,
        "min_length": 5,
        "num_beams": 3,
        "do_sample": True,
    }
    before = {name: getattr(config, name) for name in leaks}
    try:
        for name, value in leaks.items():
            setattr(config, name, value)
        for strategy, ids in plain.items():
            assert model.lm.generate(PROMPT, max_new_tokens=8, strategy=strategy).token_ids == ids
    finally:
        for name, value in before.items():
            setattr(config, name, value)


@pytest.mark.parametrize("family", ["gpt2", "bart", "t5"])
@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
def test_what_the_model_demands_of_its_tokens_is_a_filter(tiny, family, strategy):
    model = tiny(family)
    free = model.lm.generate(PROMPT, max_new_tokens=8, strategy="greedy").token_ids
    rules = {
        "forced_eos_token_id": 9,
        "suppress_tokens": [free[1]],
        "begin_suppress_tokens": [free[0]],
        "bad_words_ids": [[free[2]], [free[3], free[4]]],
    }
    if family != "gpt2":  # transformers forces it where one token is there, and a prompt may be longer
        rules["forced_bos_token_id"] = 11
    configs = [model.lm.loaded.model.generation_config, model.reference.generation_config]
    sampled = {"do_sample": True, "temperature": 0.8, "top_k": 40}
    options = {"greedy": {}, "sample": sampled, "beam": {"num_beams": 4}}[strategy]
    try:
        for config, (name, value) in itertools.product(configs, rules.items()):
            setattr(config, name, value)
        record = model.lm.generate(PROMPT, max_new_tokens=8, strategy=strategy, seed=3)
        assert record.token_ids == reference_ids(model, seed=3, **{**options, "max_new_tokens": 8})[0]
    finally:
        for config, name in itertools.product(configs, rules):
            setattr(config, name, None)
    assert record.steps[-1].chosen.id == 9
    assert record.steps[-1].chosen.probability == pytest.approx(1.0)
    assert record.steps[-1].chosen.raw_probability < 0.9
    assert record.finish_reason == "length"


def test_sampling_leaves_the_global_rng_alone(tiny):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    tiny("gpt2").lm.generate(PROMPT, max_new_tokens=5)
    assert torch.equal(before, torch.random.get_rng_state())


def test_threads_draw_what_they_would_draw_alone(tiny):
    lm = tiny("gpt2").lm
    alone = {seed: lm.generate(PROMPT, seed=seed, temperature=1.5, max_new_tokens=20).token_ids for seed in range(4)}
    together = {}

    def work(seed):
        together[seed] = lm.generate(PROMPT, seed=seed, temperature=1.5, max_new_tokens=20).token_ids

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
    assert len(set(alone.values())) > 1


@pytest.mark.parametrize("strategy", ["greedy", "sample"])
def test_cancel_stops_within_one_token(tiny, strategy):
    cancel = threading.Event()
    settings = GenerationSettings(strategy=strategy, max_new_tokens=40)
    run = DecodingRun(tiny("gpt2").lm.loaded, PROMPT, settings, cancel)
    criterion = {}

    def notify(original=run._notify):
        criterion["steps"] = criterion.get("steps", 0) + 1
        if criterion["steps"] == 3:
            cancel.set()
        original()

    run._notify = notify  # called by the decoding thread itself, after each token
    run.start()
    assert run.join(30)
    record = run.drain()[-1]
    assert record.finish_reason == "stopped"
    assert len(record.steps) == 3


def test_cancelled_search_gives_what_is_there(tiny):
    cancel = threading.Event()
    run = DecodingRun(tiny("gpt2").lm.loaded, PROMPT, GenerationSettings(strategy="beam", max_new_tokens=40), cancel)
    emit = run._emit
    events = []

    def count(event):
        events.append(event)
        if len(events) == 3:
            cancel.set()
        emit(event)

    run._emit = count
    run.start()
    assert run.join(30)
    record = run.drain()[-1]
    assert record.finish_reason == "stopped"
    assert len(record.token_ids) == 3
    assert record.beam_tree.nodes


def test_cancelled_before_it_began(tiny):
    cancel = threading.Event()
    cancel.set()
    for strategy in ("sample", "beam"):
        run = DecodingRun(tiny("gpt2").lm.loaded, PROMPT, GenerationSettings(strategy=strategy), cancel)
        run.start()
        run.join()
        (record,) = run.drain()
        assert record.finish_reason == "stopped"
        assert record.text == ""


def test_closing_the_stream_ends_the_decoding(tiny):
    before = {thread.ident for thread in threading.enumerate()}
    steps = tiny("gpt2").lm.stream(PROMPT, max_new_tokens=50)
    first = next(steps)
    (worker,) = [thread for thread in threading.enumerate() if thread.ident not in before]
    steps.close()
    worker.join(5)
    assert not worker.is_alive()
    assert first.index == 0


@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
def test_prompt_and_output_stay_in_the_context(tiny, strategy):
    lm = tiny("gpt2").lm
    record = lm.generate(PROMPT, strategy=strategy, num_beams=2, max_new_tokens=1000)
    assert len(record.ids) == CONTEXT
    assert record.finish_reason == "context"
    assert lm.attention(record).weights(0, 0).shape == (CONTEXT, CONTEXT)


def test_length_is_not_context(tiny):
    lm = tiny("gpt2").lm
    room = CONTEXT - len(lm.tokenize(PROMPT))
    assert lm.generate(PROMPT, strategy="greedy", max_new_tokens=room).finish_reason == "length"
    assert lm.generate(PROMPT, strategy="greedy", max_new_tokens=room + 1).finish_reason == "context"


def test_a_prompt_that_fills_the_context_is_refused_with_the_numbers(tiny):
    lm = tiny("gpt2").lm
    text = "the " * 80
    n_tokens = len(lm.tokenize(text))
    assert n_tokens >= CONTEXT
    too_many = n_tokens - CONTEXT + 1  # one is to be written
    with pytest.raises(PlaygroundError, match=f"has {n_tokens} tokens.* reads {CONTEXT}.* least {too_many}"):
        lm.generate(text)


@pytest.mark.parametrize("family", ["gpt2", "bart"])
def test_end_of_text(ends, family):
    record = ends.lm.generate(PROMPT, temperature=3.0, top_k=0, max_new_tokens=50)
    assert record.finish_reason == "end-of-text"
    assert record.token_ids[-1] in ENDS
    assert not set(record.token_ids[:-1]) & set(ENDS)


@pytest.mark.parametrize("strategy", ["greedy", "beam"])
def test_stop_string_ends_with_the_token_that_completes_it(tiny, strategy):
    lm = tiny("gpt2").lm
    options = {"strategy": strategy, "max_new_tokens": 10, "num_beams": 2}
    free = lm.generate(PROMPT, **options)
    texts = [step.token.text for step in free.steps]
    stop = "".join(texts)[2:6]
    record = lm.generate(PROMPT, stop=stop, **options)
    assert record.finish_reason == "stop-string"
    assert stop in record.text
    assert stop not in "".join(step.token.text for step in record.steps[:-1])


def test_an_encoder_does_not_write(tiny):
    with pytest.raises(PlaygroundError, match="bert is an encoder: it cannot write on"):
        tiny("bert").lm.generate(PROMPT)


@pytest.mark.parametrize("damage", [float("nan"), float("inf")])
@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
def test_logits_that_are_not_numbers(tiny, strategy, damage):
    model = tiny("llama").lm.loaded.model
    handle = model.lm_head.register_forward_hook(lambda module, inputs, output: output.fill_(damage))
    try:
        with pytest.raises(PlaygroundError, match="not a number"):
            tiny("llama").lm.generate(PROMPT, strategy=strategy, max_new_tokens=3)
    finally:
        handle.remove()


def test_a_logit_that_is_no_number_is_told_though_its_token_is_suppressed(tiny, monkeypatch):
    model = tiny("llama").lm.loaded.model
    monkeypatch.setattr(model.generation_config, "suppress_tokens", [5])
    handle = model.lm_head.register_forward_hook(
        lambda module, inputs, output: output.index_fill_(-1, torch.tensor(5), float("nan"))
    )
    try:
        with pytest.raises(PlaygroundError, match="not a number"):
            tiny("llama").lm.generate(PROMPT, strategy="greedy", max_new_tokens=3)
    finally:
        handle.remove()


@pytest.fixture
def seen_beside(monkeypatch):
    """Give an event until which the decoding stands still at each token: the thread beside it may be late."""
    seen, gather = threading.Event(), step_recorder.StepRecorder._gather

    def gather_and_wait(*args):
        gather(*args)
        assert seen.wait(60)

    monkeypatch.setattr(step_recorder.StepRecorder, "_gather", gather_and_wait)
    monkeypatch.setattr("playground.decoding.run._OBSERVE_S", 0.001)
    return seen


@pytest.mark.parametrize("family", ["gpt2", "bart"])
@pytest.mark.parametrize(
    "options", [{"strategy": "greedy"}, {"seed": 3, "stop": ("e", "o"), "repetition_penalty": 1.2}]
)
def test_steps_are_the_same_made_beside_the_decoding_and_in_it(tiny, monkeypatch, seen_beside, family, options):
    settings = {"max_new_tokens": 40, "temperature": 1.3, "top_k": 30, **options}
    observe, threads = step_recorder.observe_stages, set()

    def observe_stages(raw, filtered):
        threads.add(threading.current_thread())
        seen_beside.set()
        return observe(raw, filtered)

    monkeypatch.setattr(step_recorder, "observe_stages", observe_stages)
    records = []
    for has_free_core in (True, False):
        monkeypatch.setattr("playground.decoding.run.has_free_core", lambda free=has_free_core: free)
        threads.clear()
        if has_free_core:
            seen_beside.clear()
        else:
            seen_beside.set()
        records.append(tiny(family).lm.generate(PROMPT, **settings))
        assert bool(threads - {threading.current_thread()}) == has_free_core
    beside, within = records
    assert replace(beside, duration_s=0) == replace(within, duration_s=0)
    for one, other in zip(beside.steps, within.steps, strict=True):
        assert one.funnel.probabilities.tolist() == other.funnel.probabilities.tolist()


def test_what_fails_beside_the_decoding_is_raised(tiny, monkeypatch, seen_beside):
    observe = step_recorder.observe_stages

    def fail(raw, filtered):
        seen_beside.set()
        if threading.current_thread() is not threading.main_thread():
            raise ArithmeticError("beside")
        return observe(raw, filtered)

    monkeypatch.setattr("playground.decoding.run.has_free_core", lambda: True)
    monkeypatch.setattr(step_recorder, "observe_stages", fail)
    with pytest.raises(ArithmeticError, match="beside"):
        tiny("gpt2").lm.generate(PROMPT, strategy="greedy", max_new_tokens=40)


@pytest.mark.parametrize("family", ["gpt2", "bart"])
def test_text_is_what_the_tokens_decode_to(tiny, family):
    lm = tiny(family).lm
    for seed in range(5):
        record = lm.generate(PROMPT, temperature=3.0, top_k=0, max_new_tokens=30, seed=seed)
        assert record.text == lm.loaded.codec.decode(record.token_ids)
        assert record.text == "".join(step.token.text for step in record.steps)


def test_the_first_word_keeps_its_space(tiny):
    lm = tiny("llama").lm  # its tokenizer drops a space at the start of what it decodes
    ids = lm.loaded.tokenizer("the girl said", add_special_tokens=False)["input_ids"]
    decoder = lm.loaded.codec.incremental(tuple(token.id for token in lm.tokenize(PROMPT)))
    assert "".join(decoder.push(id).text for id in ids) == " the girl said"


def test_stream_refuses_at_once(tiny):
    with pytest.raises(PlaygroundError, match="Type a few words first"):
        tiny("gpt2").lm.stream("  ")


def test_unknown_option_is_named(tiny):
    with pytest.raises(PlaygroundError, match=r"'beams'; there are: strategy, temperature"):
        tiny("gpt2").lm.generate(PROMPT, beams=3)


@pytest.mark.parametrize(
    ("family", "fits"), [("gpt2", True), ("llama", True), ("gemma2", True), ("bart", False), ("t5", False)]
)
def test_the_short_loop_serves_decoders(tiny, family, fits):
    assert fits_loop(tiny(family).lm.loaded.model) is fits
