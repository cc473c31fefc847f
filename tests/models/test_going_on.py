"""Going on from steps that were taken before: what the whole run gives, and what generate gives behind such a text."""

import itertools
import threading
from dataclasses import replace

import pytest
import torch

import playground
from playground.decoding.plan import eos_ids
from playground.decoding.run import DecodingRun
from playground.records import GenerationSettings, PlaygroundError
from tests.models.test_decoding import LENGTH, PROMPT, WRITERS

STRATEGIES = [
    {"strategy": "greedy"},
    {"strategy": "greedy", "repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    {"temperature": 1.3, "top_k": 0, "seed": 3},
    {"temperature": 0.7, "top_k": 9, "top_p": 0.9, "repetition_penalty": 1.2, "seed": 2**40},
]


def other_than(step, ends):
    """Return a candidate that was not chosen, and does not end the text."""
    return next(candidate.id for candidate in step.candidates[2:] if candidate.id not in (step.chosen.id, *ends))


def generate_behind(model, written, n_drawn, seed=0, **options):
    """Return what transformers' generate writes behind a prompt and ids; so many draws of the seed are over."""
    reference = model.reference
    ids = torch.tensor([[token.id for token in model.lm.tokenize(PROMPT)]])
    more = {}
    if model.lm.spec.kind == "encoder-decoder":
        start = reference.generation_config.decoder_start_token_id
        more["decoder_input_ids"] = torch.tensor([[start, *written]])
        n_given = 1 + len(written)
    else:
        ids = torch.cat([ids, torch.tensor([written], dtype=ids.dtype)], dim=1)
        n_given = ids.shape[1]
    torch.manual_seed(seed)
    vocabulary = reference.get_output_embeddings().weight.shape[0]
    for _ in range(n_drawn):
        torch.empty(1, vocabulary).exponential_()
    output = reference.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=LENGTH - len(written), **more, **options
    )
    return tuple(output[0, n_given:].tolist())


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize("options", STRATEGIES, ids=str)
def test_the_steps_of_a_run_lead_to_the_same_run(tiny, family, options):
    lm = tiny(family).lm
    whole = lm.generate(PROMPT, max_new_tokens=LENGTH, **options)
    for at in range(len(whole.steps) + 1):
        record = lm.generate(PROMPT, begun=whole.steps[:at], max_new_tokens=LENGTH, **options)
        assert record.token_ids == whole.token_ids
        assert record.text == whole.text
        assert record.finish_reason == whole.finish_reason
        assert (record.n_begun, len(record.written)) == (at, len(whole.steps) - at)
        assert [step.index for step in record.steps] == list(range(len(whole.steps)))
        assert [step.rank for step in record.steps] == [step.rank for step in whole.steps]


@pytest.mark.parametrize("family", WRITERS)
def test_another_candidate_is_gone_on_from_as_generate_does(tiny, family):
    model = tiny(family)
    for options in ({}, {"do_sample": True, "temperature": 1.5, "top_k": 0, "seed": 11}):
        ours = {**options, "strategy": "sample" if options.pop("do_sample", False) else "greedy"}
        whole = model.lm.generate(PROMPT, max_new_tokens=LENGTH, **ours)
        for at in range(0, len(whole.steps), 3):
            begun = (*whole.steps[:at], whole.steps[at].choosing(other_than(whole.steps[at], eos_ids(model.lm.loaded))))
            record = model.lm.generate(PROMPT, begun=begun, max_new_tokens=LENGTH, **ours)
            written = [step.chosen.id for step in begun]
            theirs = {**options, "do_sample": ours["strategy"] == "sample"}
            n_drawn = len(written) if theirs["do_sample"] else 0
            assert record.token_ids[at + 1 :] == generate_behind(model, written, n_drawn, **theirs)
            assert record.steps[at].by_hand


def test_one_token_at_a_time_is_the_whole_run(tiny):
    lm = tiny("gpt2").lm
    whole = lm.generate(PROMPT, max_new_tokens=LENGTH, temperature=1.4, top_k=0)
    steps = ()
    for at in range(LENGTH):
        settings = GenerationSettings(max_new_tokens=LENGTH, temperature=1.4, top_k=0)
        record = DecodingRun(lm.loaded, PROMPT, settings, begun=steps, most=1).complete()
        assert len(record.written) == 1
        assert record.finish_reason == ("paused" if at < LENGTH - 1 else "length")
        steps = record.steps
    assert record.token_ids == whole.token_ids


@pytest.mark.parametrize("family", ["gpt2", "bart"])
def test_a_search_goes_on_as_generate_searches_there(tiny, family):
    model = tiny(family)
    whole = model.lm.generate(PROMPT, strategy="greedy", max_new_tokens=4)
    record = model.lm.generate(PROMPT, begun=whole.steps[:3], strategy="beam", num_beams=3, max_new_tokens=LENGTH)
    written = [step.chosen.id for step in whole.steps[:3]]
    assert record.token_ids[3:] == generate_behind(model, written, 0, num_beams=3)
    assert record.token_ids[:3] == tuple(written)
    assert record.beam_tree.steps[0][0].step == 0
    assert [node.token_id for node in record.beam_tree.best_path] == list(record.token_ids[3:])
    assert [step.index for step in record.steps] == list(range(len(record.steps)))


def test_several_texts_share_what_they_begin_with(tiny):
    lm = tiny("gpt2").lm
    whole = lm.generate(PROMPT, max_new_tokens=4, temperature=2.0)
    record = lm.generate(PROMPT, begun=whole.steps, max_new_tokens=9, temperature=2.0, num_return_sequences=3)
    assert len(record.sequences) == 3
    assert all(sequence.token_ids[:4] == whole.token_ids for sequence in record.sequences)
    assert len({sequence.token_ids for sequence in record.sequences}) == 3


def test_a_text_that_has_ended_is_not_gone_on_from():
    lm = playground.load("stories")
    whole = lm.generate("Once upon a time", strategy="greedy", max_new_tokens=3)
    end = lm.generate("Once upon a time", strategy="greedy", max_new_tokens=3, stop=(whole.steps[1].token.text,))
    again = lm.generate("Once upon a time", begun=end.steps, max_new_tokens=9, stop=(whole.steps[1].token.text,))
    assert again.token_ids == end.token_ids
    assert again.finish_reason == "stop-string"
    full = lm.generate("Once upon a time", begun=whole.steps, max_new_tokens=3)
    assert (full.token_ids, full.finish_reason) == (whole.token_ids, "length")
    stopped = threading.Event()
    stopped.set()
    run = DecodingRun(lm.loaded, "Once upon a time", GenerationSettings(), stopped, begun=whole.steps)
    assert run.complete().finish_reason == "stopped"


def test_a_stop_text_may_begin_in_what_was_written_before():
    lm = playground.load("stories")
    whole = lm.generate("Once upon a time", strategy="greedy", max_new_tokens=8)
    stop = whole.steps[3].token.text + whole.steps[4].token.text
    record = lm.generate("Once upon a time", begun=whole.steps[:4], strategy="greedy", max_new_tokens=8, stop=(stop,))
    assert (len(record.steps), record.finish_reason) == (5, "stop-string")


def test_a_character_may_be_chosen_byte_by_byte():
    lm = playground.load("stories")
    steps = ()
    for byte in "é".encode():
        id = next(id for id in range(300) if lm.loaded.codec.token_bytes(id) == bytes([byte]))
        record = lm.generate("Caf", begun=steps, max_new_tokens=1 + len(steps), strategy="greedy")
        step = record.steps[-1]
        candidates = (*step.candidates, step.candidates[0]._replace(id=id, text="", label="?"))
        steps = (*steps, replace(step, candidates=candidates).choosing(id))
    record = lm.generate("Caf", begun=steps, max_new_tokens=4, strategy="greedy")
    assert record.text.startswith("é")
    assert "".join(step.token.text for step in record.steps) == record.text


def test_choosing_the_end_ends_the_text():
    lm = playground.load("stories")
    step = lm.generate("Once upon a time", max_new_tokens=1).steps[0]
    end = step.candidates[1]._replace(id=eos_ids(lm.loaded)[0], text="", label="<|endoftext|>")
    step = replace(step, candidates=(*step.candidates, end)).choosing(end.id)
    record = lm.generate("Once upon a time", begun=[step], max_new_tokens=9)
    assert (record.finish_reason, record.text, len(record.steps)) == ("end-of-text", "", 1)


def test_none_of_the_candidates_is_refused(tiny):
    step = tiny("gpt2").lm.generate(PROMPT, max_new_tokens=1).steps[0]
    with pytest.raises(PlaygroundError, match="none of the candidates"):
        step.choosing(-5)
    assert step.choosing(step.chosen.id) is step


def test_ranks_are_those_by_raw_probability(tiny):
    step = tiny("gpt2").lm.generate(PROMPT, max_new_tokens=1, temperature=2.0).steps[0]
    for before, after in itertools.pairwise(step.candidates[:10]):
        assert step.choosing(before.id).rank < step.choosing(after.id).rank
