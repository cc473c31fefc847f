"""The code that is shown gives, with transformers alone, the ids that were shown."""

import pytest
import torch

import playground
from playground.records import PlaygroundError
from tests.models import checkpoints

RUNS = [
    {"strategy": "greedy", "repetition_penalty": 1.2},
    {"strategy": "sample"},
    {"strategy": "sample", "min_p": 0.05, "typical_p": 0.9, "no_repeat_ngram_size": 2, "num_return_sequences": 3},
    {"strategy": "beam", "num_beams": 3, "length_penalty": 0.5, "early_stopping": "never", "bad_words": ["little"]},
    {"strategy": "beam", "num_beams": 2, "do_sample": True, "top_k": 20, "num_return_sequences": 2},
    {"strategy": "sample", "force_words": ["dragon", "castle"], "max_new_tokens": 24},
    {"strategy": "sample", "stop": [".", "the"], "seed": 3},
]


def new_ids(code):
    """Run a program as it stands; return the ids that it came to."""
    scope = {}
    state = torch.random.get_rng_state()
    try:
        exec(compile(code, "shown.py", "exec"), scope)
    finally:
        torch.random.set_rng_state(state)
    return [tuple(row.tolist()) for row in scope["new_ids"]]


@pytest.mark.parametrize("options", RUNS, ids=str)
def test_of_the_bundled_model(options, capsys):
    lm = playground.load("stories")
    options = {"max_new_tokens": 20, **options}
    prompt = 'Once "upon" a\ntime'
    code = lm.script(prompt, **options)
    record = lm.generate(prompt, **options)
    found = new_ids(code)
    assert "playground" not in code
    assert found[0][: len(record.token_ids)] == record.token_ids
    assert [row[: len(one.token_ids)] for row, one in zip(found, record.sequences, strict=True)] == [
        one.token_ids for one in record.sequences
    ]
    assert capsys.readouterr().out


@pytest.mark.parametrize("family", ["bart", "llama"])
def test_of_a_folder_with_a_configuration_of_its_own(tmp_path, family):
    model = checkpoints.build_model(family)
    model.generation_config.no_repeat_ngram_size = 2
    model.generation_config.min_length = 4
    model.save_pretrained(tmp_path)
    checkpoints.TOKENIZERS[family]().save_pretrained(tmp_path)
    lm = playground.load(str(tmp_path), device="cpu", dtype="float32")
    for options in ({"strategy": "beam", "num_beams": 2}, {"temperature": 1.5, "top_k": 0, "force_words": ["fire"]}):
        record = lm.generate("Once upon", max_new_tokens=12, **options)
        found = new_ids(lm.script("Once upon", max_new_tokens=12, **options))
        assert found[0][: len(record.token_ids)] == record.token_ids


def test_what_cannot_be_run_has_no_code():
    with pytest.raises(PlaygroundError, match="3 texts cannot come"):
        playground.load("stories").script("Once", strategy="beam", num_beams=2, num_return_sequences=3)
