"""Every control gives the very ids that transformers' generate gives with it, for decoders and encoder-decoders."""

import itertools
import threading

import pytest
import torch

import playground
from playground.decoding.rules import allowed_tokens, spellings
from playground.records import PlaygroundError
from tests.models.checkpoints import ENDS
from tests.models.test_decoding import LENGTH, PROMPT, WRITERS, reference_ids

OFF = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
SEEDS = (0, 123456)
FILTERS = [
    {"min_p": 0.05},
    {"min_p": 1.0},
    {"typical_p": 0.7},
    {"typical_p": 0.2, "temperature": 1.7},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2, "repetition_penalty": 1.3},
    {"temperature": 0.7, "top_k": 30, "top_p": 0.9, "min_p": 0.02, "typical_p": 0.9},
    {"temperature": 2.0, "top_k": 3, "typical_p": 0.5, "repetition_penalty": 0.8, "no_repeat_ngram_size": 3},
]
SEARCHES = [
    {"num_beams": 3, "no_repeat_ngram_size": 1},
    {"num_beams": 4, "early_stopping": "never", "length_penalty": 1.5},
    {"num_beams": 2, "early_stopping": "never", "length_penalty": -0.5, "repetition_penalty": 1.3},
    {"num_beams": 5, "early_stopping": True, "no_repeat_ngram_size": 2},
]


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize("options", FILTERS, ids=str)
def test_filters_of_a_draw(tiny, family, options):
    model = tiny(family)
    for seed in SEEDS:
        record = model.lm.generate(PROMPT, seed=seed, max_new_tokens=LENGTH, **OFF | options)
        assert record.token_ids == reference_ids(model, seed=seed, do_sample=True, **OFF | options)[0]


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_repeats_of_greedy_decoding(tiny, family, size):
    model = tiny(family)
    options = {"no_repeat_ngram_size": size, "max_new_tokens": 20}
    record = model.lm.generate(PROMPT, strategy="greedy", **options)
    assert record.token_ids == reference_ids(model, **options)[0]
    groups = [record.token_ids[at : at + size] for at in range(len(record.token_ids) - size + 1)]
    assert len(groups) == len(set(groups))


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize("options", SEARCHES, ids=str)
def test_searches(ends, family, options):
    record = ends.lm.generate(PROMPT, strategy="beam", max_new_tokens=LENGTH, **options)
    ids, output = reference_ids(ends, **options)
    assert record.token_ids == ids
    assert record.beam_tree.sequence_score == pytest.approx(float(output.sequences_scores[0]), rel=1e-6)


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 3},
        {"num_beams": 4, "temperature": 0.7, "top_k": 20, "top_p": 0.9},
        {"num_beams": 2, "temperature": 1.5, "min_p": 0.1, "typical_p": 0.9, "length_penalty": 0.5},
        {"num_beams": 3, "top_k": 1, "early_stopping": True, "repetition_penalty": 1.2},
    ],
    ids=str,
)
def test_drawn_searches(ends, family, options):
    before = torch.random.get_rng_state()
    for seed in SEEDS:
        torch.random.set_rng_state(before)
        record = ends.lm.generate(
            PROMPT, strategy="beam", do_sample=True, seed=seed, max_new_tokens=LENGTH, **OFF | options
        )
        assert torch.equal(before, torch.random.get_rng_state())  # nobody else's draws are touched
        ids, output = reference_ids(ends, seed=seed, do_sample=True, **OFF | options)
        assert record.token_ids == ids
        assert record.beam_tree.sequence_score == pytest.approx(float(output.sequences_scores[0]), rel=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_a_drawn_search_with_one_beam_is_a_draw(tiny, family):
    model = tiny(family)
    record = model.lm.generate(PROMPT, strategy="beam", do_sample=True, num_beams=1, seed=5, max_new_tokens=LENGTH)
    assert record.token_ids == model.lm.generate(PROMPT, seed=5, max_new_tokens=LENGTH).token_ids
    assert record.beam_tree is not None


@pytest.mark.parametrize("family", WRITERS)
def test_several_texts_at_once(ends, family):
    for seed in SEEDS:
        options = {"temperature": 1.2, "top_k": 30, "top_p": 1.0, "num_return_sequences": 4}
        record = ends.lm.generate(PROMPT, seed=seed, max_new_tokens=LENGTH, **options)
        _, output = reference_ids(ends, seed=seed, do_sample=True, **options)
        check_sequences(ends, record, output)
        assert record.sequences[0].score is None


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize("do_sample", [False, True])
def test_several_texts_of_a_search(ends, family, do_sample):
    for seed in SEEDS[: 2 if do_sample else 1]:
        options = {"num_beams": 4, "num_return_sequences": 3, "do_sample": do_sample, **OFF}
        record = ends.lm.generate(PROMPT, strategy="beam", seed=seed, max_new_tokens=LENGTH, **options)
        # without a draw transformers warns of what it does not use
        wanted = options if do_sample else {"num_beams": 4, "num_return_sequences": 3}
        _, output = reference_ids(ends, seed=seed, **wanted)
        check_sequences(ends, record, output)
        scores = [sequence.score for sequence in record.sequences]
        assert scores == pytest.approx(output.sequences_scores.tolist(), rel=1e-5)


def check_sequences(model, record, output):
    n_given = 1 if model.lm.spec.kind == "encoder-decoder" else len(record.prompt_ids)
    rows = output.sequences[:, n_given:].tolist()
    assert len(record.sequences) == len(rows)
    assert record.sequences[0].token_ids == record.token_ids
    assert record.sequences[0].text == record.text
    for sequence, row in zip(record.sequences, rows, strict=True):
        n_written = next((at + 1 for at, id in enumerate(row) if id in ENDS), len(row))  # then it is padded
        assert sequence.token_ids == tuple(row[:n_written])
        if model.lm.loaded.codec.is_byte_level:  # others may differ in how wrong bytes are shown
            assert sequence.text == model.lm.loaded.codec.decode(sequence.token_ids)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "bart", "t5"])
@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam", "drawn beam"])
def test_forbidden_words(tiny, family, strategy):
    model = tiny(family)
    ours, theirs = options_of(strategy)
    prompt, word = word_that_comes(model, ours)
    banned = [[*ids] for ids in spellings(model.lm.loaded, word)]
    record = model.lm.generate(prompt, max_new_tokens=LENGTH, seed=1, bad_words=word, **ours)
    assert record.token_ids == reference_ids(model, prompt, seed=1, bad_words_ids=banned, **theirs)[0]
    assert not any(holds(record.token_ids, ids) for ids in banned)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "bart", "t5"])
@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam", "drawn beam"])
@pytest.mark.parametrize("words", [("fire", "wood and winter")])
def test_forced_words(ends, family, strategy, words):
    ours, theirs = options_of(strategy)
    record = ends.lm.generate(PROMPT, max_new_tokens=30, seed=3, force_words=words, **ours)
    ids = [spellings(ends.lm.loaded, word)[-1] for word in words]
    n_given = 1 if ends.lm.spec.kind == "encoder-decoder" else len(record.prompt_ids)
    n_tokens = ends.reference.config.get_text_config().vocab_size
    allowed = allowed_tokens(ids, n_given, n_given + 30, ENDS, n_tokens)
    expected = reference_ids(ends, seed=3, prefix_allowed_tokens_fn=allowed, **{**theirs, "max_new_tokens": 30})[0]
    assert record.token_ids == expected
    for word, wanted in zip(words, ids, strict=True):
        assert holds(record.token_ids, wanted)
        assert word in record.text


def options_of(strategy):
    """Return the settings of a strategy, and what generate takes for them."""
    drawn = {"temperature": 1.3, "top_k": 30, "top_p": 0.95}
    return {
        "greedy": ({"strategy": "greedy"}, {}),
        "sample": ({"strategy": "sample", **drawn}, {"do_sample": True, **drawn}),
        "beam": ({"strategy": "beam", "num_beams": 3}, {"num_beams": 3}),
        "drawn beam": (
            {"strategy": "beam", "num_beams": 3, "do_sample": True, **drawn},
            {"num_beams": 3, "do_sample": True, **drawn},
        ),
    }[strategy]


def holds(ids, part):
    return any(list(ids[at : at + len(part)]) == list(part) for at in range(len(ids)))


def test_forced_words_that_do_not_fit(tiny):
    with pytest.raises(PlaygroundError, match=r"forced words take \d+ tokens, and only 2 are"):
        tiny("gpt2").lm.generate(PROMPT, force_words=["Grandmother told them"], max_new_tokens=2)


@pytest.mark.parametrize("family", ["gpt2", "llama", "bart"])
@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam", "drawn beam"])
def test_stop_texts(tiny, family, strategy):
    model = tiny(family)
    ours, theirs = options_of(strategy)
    prompt, word = word_that_comes(model, ours)
    # A token, a part of it, and one that never comes
    for stop in (word, word[1:], word[:-1], "never to be written"):
        record = model.lm.generate(prompt, max_new_tokens=LENGTH, seed=1, stop=[stop], **ours)
        asked = {"stop_strings": [stop], "tokenizer": model.lm.loaded.tokenizer, **theirs}
        assert record.token_ids == reference_ids(model, prompt, seed=1, **asked)[0], stop


def word_that_comes(model, options):
    """Return a prompt and a word in what is written then; random models write many bytes that are no characters."""
    for end in range(9, 60):
        prompt = "Peter Rabbit and his brothers ran down the hill, past the mill"[:end]
        steps = model.lm.generate(prompt, max_new_tokens=LENGTH, seed=1, **options).steps[1:]
        words = [step.token.text for step in steps if len(step.token.text) > 2 and step.token.text.isascii()]
        if words:
            return prompt, words[-1]
    raise AssertionError("no word in any text")


def test_a_stop_text_may_begin_in_the_prompt(tiny):
    model = tiny("gpt2")
    for seed in range(30):
        free = model.lm.generate(PROMPT, max_new_tokens=4, seed=seed, top_k=0)
        if free.text[:1].isascii() and free.text[:1].isprintable():
            break
    options = {"top_k": 0, "temperature": 0.8, "stop": PROMPT[-3:] + free.text[:1], "seed": seed}
    record = model.lm.generate(PROMPT, max_new_tokens=4, **options)
    assert len(record.token_ids) == 1
    assert record.finish_reason == "stop-string"
    theirs = {"stop_strings": [options["stop"]], "tokenizer": model.lm.loaded.tokenizer, "max_new_tokens": 4}
    assert record.token_ids == reference_ids(model, seed=seed, do_sample=True, temperature=0.8, top_k=0, **theirs)[0]


def test_one_stop_text_of_several_texts_ends_one_of_them(tiny):
    model = tiny("gpt2")
    options = {"temperature": 1.3, "top_k": 30, "top_p": 1.0, "num_return_sequences": 3}
    free = model.lm.generate(PROMPT, seed=2, max_new_tokens=LENGTH, **options)
    stop = free.sequences[1].text[2:5]
    record = model.lm.generate(PROMPT, seed=2, max_new_tokens=LENGTH, stop=stop, **options)
    _, output = reference_ids(
        model, seed=2, do_sample=True, stop_strings=[stop], tokenizer=model.lm.loaded.tokenizer, **options
    )
    n_given = len(record.prompt_ids)
    for sequence, row in zip(record.sequences, output.sequences[:, n_given:].tolist(), strict=True):
        assert list(sequence.token_ids) == row[: len(sequence.token_ids)]
    assert len(record.sequences[1].token_ids) < LENGTH
    assert stop in record.sequences[1].text


@pytest.mark.parametrize("strategy", ["greedy", "sample"])
def test_a_run_that_has_nothing_left_to_choose_ends_with_what_is_there(tiny, strategy):
    model = tiny("gpt2")
    config = model.lm.loaded.model.generation_config
    config.suppress_tokens = [id for id in range(model.lm.spec.vocabulary_size) if id not in (5, 6)]
    try:
        record = model.lm.generate("Once", strategy=strategy, no_repeat_ngram_size=1, top_k=0)
    finally:
        config.suppress_tokens = None
    assert sorted(record.token_ids) == [5, 6]
    assert record.finish_reason == "nothing-left"


@pytest.mark.parametrize("options", [{"strategy": "beam", "num_beams": 2, "num_return_sequences": 3}])
def test_contradictions_are_refused(tiny, options):
    with pytest.raises(PlaygroundError, match="3 texts cannot come from 2 beams"):
        tiny("gpt2").lm.generate(PROMPT, **options)


def test_threads_that_search_by_chance_do_not_mix(tiny):
    lm = tiny("gpt2").lm
    options = {"strategy": "beam", "do_sample": True, "num_beams": 3, "max_new_tokens": 12, "temperature": 1.5}
    alone = {seed: lm.generate(PROMPT, seed=seed, **options).token_ids for seed in range(3)}
    together = {}

    def work(seed):
        together[seed] = lm.generate(PROMPT, seed=seed, **options).token_ids

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


BUNDLED = [
    {"strategy": "greedy", "no_repeat_ngram_size": 3},
    {"strategy": "sample", "temperature": 0.9, "top_k": 50, "top_p": 0.95, "min_p": 0.02, "typical_p": 0.95},
    {"strategy": "sample", "temperature": 1.2, "top_k": 0, "top_p": 0.9, "repetition_penalty": 1.1},
    {"strategy": "beam", "num_beams": 4, "no_repeat_ngram_size": 2, "early_stopping": "never"},
    {"strategy": "beam", "num_beams": 3, "do_sample": True, "temperature": 0.9, "top_k": 40, "top_p": 1.0},
]


@pytest.fixture(scope="module")
def stories():
    lm = playground.load("stories")
    lm.speed_up()
    return lm


@pytest.mark.parametrize("options", BUNDLED, ids=str)
def test_the_bundled_model(stories, options):
    lm = stories
    theirs = {name: value for name, value in options.items() if name != "strategy"}
    draws = options["strategy"] == "sample" or options.get("do_sample", False)
    ids = torch.tensor([[token.id for token in lm.tokenize("Once upon a time")]])
    for seed in SEEDS:
        record = lm.generate("Once upon a time", seed=seed, max_new_tokens=40, **options)
        torch.manual_seed(seed)
        expected = lm.loaded.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, **{**theirs, "do_sample": draws}
        )
        assert record.token_ids == tuple(expected[0, ids.shape[1] :].tolist())


def test_all_filters_at_once_in_all_orders_of_asking(tiny):
    model = tiny("llama")
    options = {"temperature": 0.9, "top_k": 50, "top_p": 0.95, "min_p": 0.01, "repetition_penalty": 1.1}
    for order in itertools.islice(itertools.permutations(options), 0, None, 37):
        asked = {name: options[name] for name in order}
        record = model.lm.generate(PROMPT, max_new_tokens=6, seed=1, **asked)
        assert record.token_ids == reference_ids(model, seed=1, do_sample=True, **options, max_new_tokens=6)[0]
