"""A word counts as unknown where the model could not read it, and nowhere else."""

import pytest

from playground.models import loading
from playground.models.vocabulary import unknown_words
from playground.records import PlaygroundError
from tests.models import checkpoints


def loaded(family: str) -> loading.LoadedModel:
    return loading.wrap(checkpoints.build_model(family), checkpoints.TOKENIZERS[family](), family)


def test_words_without_a_token_are_named_once_and_in_order():
    assert unknown_words(loaded("bert"), "the 中 girl and שלום and 中") == ("中", "שלום")


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_model_that_reads_bytes_knows_every_word(family):
    assert unknown_words(loaded(family), "中文 and שלום <|end|>") == ()


def test_words_of_the_other_language_are_unknown_too():
    model = loaded("bert")
    model.model.config.source_vocab_size = 3
    words = unknown_words(model, "the girl")
    assert words == ("the", "girl")


def test_a_blank_text_is_refused():
    with pytest.raises(PlaygroundError, match="Type a few words"):
        unknown_words(loaded("bert"), " ")
