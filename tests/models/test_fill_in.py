"""Masks: what could stand there equals transformers' own output, and they are filled one after the other."""

import math

import pytest
import torch
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
)

import playground
from playground.records import PlaygroundError, TextIds
from tests.models.checkpoints import wordpiece_tokenizer

TEXT = "The little girl saw a [MASK] in the [MASK]."
N_TOKENS = len(wordpiece_tokenizer())
SIZES = {
    "vocab_size": N_TOKENS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "initializer_range": 0.5,
}
FAMILIES = {
    "bert": (BertForMaskedLM, BertConfig, SIZES),
    "roberta": (RobertaForMaskedLM, RobertaConfig, SIZES),
    "electra": (ElectraForMaskedLM, ElectraConfig, SIZES | {"embedding_size": 32}),
    "albert": (AlbertForMaskedLM, AlbertConfig, SIZES | {"embedding_size": 16}),
    "distilbert": (
        DistilBertForMaskedLM,
        DistilBertConfig,
        {"vocab_size": N_TOKENS, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "initializer_range": 0.5},
    ),
    "modernbert": (ModernBertForMaskedLM, ModernBertConfig, SIZES),
}


@pytest.fixture(scope="module", params=FAMILIES)
def lm(request):
    model_class, config_class, sizes = FAMILIES[request.param]
    torch.manual_seed(1)
    return playground.wrap(model_class(config_class(**sizes)).eval(), wordpiece_tokenizer(), request.param)


@pytest.fixture(scope="module")
def bert():
    torch.manual_seed(1)
    return playground.wrap(BertForMaskedLM(BertConfig(**SIZES)).eval(), wordpiece_tokenizer(), "bert")


def probabilities(lm, ids, **more):
    with torch.no_grad():
        return lm.loaded.model(torch.tensor([ids]), **more).logits[0].softmax(-1)


def test_candidates_are_those_of_transformers(lm):
    ids = lm.loaded.codec.tokenizer(TEXT)["input_ids"]
    expected = probabilities(lm, ids)
    fill = lm.fill_in(TEXT)
    assert [mask.place for mask in fill.masks] == [place for place, id in enumerate(ids) if id == 4]
    for mask in fill.masks:
        best, best_ids = expected[mask.place].topk(10)
        assert [one.id for one in mask.candidates] == best_ids.tolist()
        assert [one.raw_probability for one in mask.candidates] == pytest.approx(best.tolist(), abs=1e-6)
        bits = -(expected[mask.place] * expected[mask.place].log2()).nansum()
        assert mask.entropy_bits == pytest.approx(float(bits), abs=1e-4)
        assert (mask.given, mask.rank, mask.probability) == (None, None, None)


def test_the_surest_mask_is_filled_first_and_the_next_is_read_with_it(lm):
    ids = lm.loaded.codec.tokenizer(TEXT)["input_ids"]
    expected = []
    for _ in range(2):
        given = probabilities(lm, ids)
        given[:, :5] = 0  # no special token is put in
        at = max((place for place, id in enumerate(ids) if id == 4), key=lambda place: float(given[place].max()))
        ids[at] = int(given[at].argmax())
        expected.append((at, ids[at], float(given[at].max())))
    filled = lm.fill_masks(TEXT)
    assert [(one.place, one.candidate.id) for one in filled] == [(place, id) for place, id, _ in expected]
    assert [one.candidate.raw_probability for one in filled] == pytest.approx([p for *_, p in expected], abs=1e-6)


def test_what_stood_there_has_its_rank(bert):
    read = bert.read("The little girl saw a dog.")
    place = 6
    masked = bert.mask(read.ids, [place])
    assert [token.id for token in masked.tokens] == [
        4 if at == place else token.id for at, token in enumerate(read.tokens)
    ]
    (mask,) = bert.fill_in(masked.ids, read).masks
    expected = probabilities(bert, list(masked.ids.ids))[place]
    own = expected[read.tokens[place].id]
    assert mask.given == read.tokens[place]
    assert mask.probability == pytest.approx(float(own), abs=1e-7)
    assert mask.rank == 1 + int((expected > own).sum())


def test_the_second_sentence_is_read_as_such(bert):
    read = bert.read("The little [MASK].", "A dog.")
    (mask,) = bert.fill_in(read.ids).masks
    expected = probabilities(bert, list(read.ids.ids), token_type_ids=torch.tensor([read.type_ids]))[mask.place]
    assert mask.candidates[0].raw_probability == pytest.approx(float(expected.max()), abs=1e-6)
    plain = probabilities(bert, list(read.ids.ids))[mask.place]
    assert not math.isclose(float(plain.max()), float(expected.max()), abs_tol=1e-6)


def test_words_are_those_of_what_was_typed(bert):
    read = bert.read("The girl didn't run.")
    masked = bert.mask(read.ids, [2])
    fill = bert.fill_in(masked.ids, read)
    assert [word.label.strip() for word in fill.words if not word.special] == ["The", "girl", "didn't", "run", "."]
    assert fill.given == read.tokens


@pytest.mark.parametrize("place", [-1, 99, True])
def test_a_token_that_there_is_not(bert, place):
    with pytest.raises(PlaygroundError, match="There is no token"):
        bert.mask("The girl", [place])


def test_a_text_without_masks(bert):
    assert bert.fill_in("The girl").masks == ()
    with pytest.raises(PlaygroundError, match="mask a word first"):
        bert.fill_masks("The girl")


def test_a_text_of_another_length_than_the_one_before(bert):
    with pytest.raises(PlaygroundError, match="another length"):
        bert.fill_in("The [MASK] girl", bert.read("The girl"))


def test_a_text_beyond_the_context(bert):
    with pytest.raises(PlaygroundError, match="64"):
        bert.fill_in("[MASK] " * 70)


def test_models_that_write_fill_nothing(tiny):
    for family in ("gpt2", "bart"):
        with pytest.raises(PlaygroundError, match="fills no masks"):
            tiny(family).lm.fill_in("The girl")


def test_a_tokenizer_without_a_mask():
    torch.manual_seed(1)
    tokenizer = wordpiece_tokenizer()
    tokenizer.mask_token = None
    lm = playground.wrap(BertForMaskedLM(BertConfig(**SIZES)).eval(), tokenizer, "bert")
    with pytest.raises(PlaygroundError, match="no mask token"):
        lm.fill_in("The girl")


def test_weights_that_are_not_a_number():
    model = BertForMaskedLM(BertConfig(**SIZES)).eval()
    with torch.no_grad():
        model.cls.predictions.bias.fill_(float("nan"))
    lm = playground.wrap(model, wordpiece_tokenizer(), "damaged")
    for ask in (lm.fill_in, lm.fill_masks):
        with pytest.raises(PlaygroundError, match="not a number"):
            ask("The [MASK]")


def test_nothing_of_the_ids_is_trusted(bert):
    with pytest.raises(PlaygroundError):
        bert.fill_in(TextIds((2, 10**9, 3)))
