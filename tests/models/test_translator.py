"""The bundled translator translates what it never saw, and its cross-attention shows which word comes from where."""

import random
from pathlib import Path

import numpy as np
import pytest
import sacrebleu
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, MarianMTModel

import playground
from playground.models.catalogue import bundled_names, example_prompts
from tests.translator import FOLDER, module

N_HELD_OUT = 200
LIMIT_BYTES = 6_000_000


@pytest.fixture(scope="module")
def translator():
    return playground.load("translator")


@pytest.fixture(scope="module")
def held_out():
    """Sentences with a pair of words that training never had together, in both languages."""
    grammar = module("grammar")
    rng = random.Random(5)
    return [grammar.pair(grammar.draw_of(rng, held_out=True)) for _ in range(N_HELD_OUT)]


@pytest.fixture(scope="module")
def translated(held_out):
    """What transformers alone makes of them, without this package."""
    model = AutoModelForSeq2SeqLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    texts = []
    for begin in range(0, N_HELD_OUT, 50):
        sources = [english for english, _ in held_out[begin : begin + 50]]
        inputs = tokenizer(sources, padding=True, return_tensors="pt", return_token_type_ids=False)
        output = model.generate(**inputs, max_length=64, do_sample=False)
        assert (output == tokenizer.eos_token_id).any(-1).all(), "a sentence does not end by itself"
        texts += tokenizer.batch_decode(output, skip_special_tokens=True)
    return texts


def test_it_is_bundled_and_what_it_says_it_is(translator):
    assert "translator" in bundled_names()
    assert bundled_names()[0] == "stories"
    assert isinstance(translator.loaded.model, MarianMTModel)
    spec = translator.spec
    assert (spec.kind, spec.n_layers, spec.context_length) == ("encoder-decoder", 3, 128)


def test_its_files_are_small():
    files = list(FOLDER.glob("*.safetensors"))
    assert files
    assert all(path.stat().st_size < 10_000_000 for path in files)
    assert sum(path.stat().st_size for path in files) < LIMIT_BYTES


def test_it_translates_combinations_that_it_never_saw(held_out, translated):
    right = sum(ours == french for ours, (_, french) in zip(translated, held_out, strict=True))
    assert right >= 0.97 * N_HELD_OUT


def test_its_bleu(held_out, translated):
    assert sacrebleu.corpus_bleu(translated, [[french for _, french in held_out]]).score >= 95


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("the red car", "la voiture rouge"),
        ("The man doesn't have a dog.", "L'homme n'a pas de chien."),
        ("Does she see the birds?", "Est-ce qu'elle voit les oiseaux ?"),
        ("He goes to the market.", "Il va au marché."),
        ("I saw her.", "Je l'ai vue."),
    ],
)
def test_generate_writes_french(translator, english, french):
    run = translator.generate(english, strategy="greedy")
    assert run.text == french
    assert run.finish_reason == "end-of-text"
    assert "".join(token.text for token in run.prompt_tokens) == english
    assert "".join(step.token.text for step in run.steps) == french


def test_generate_writes_what_transformers_writes(translator, held_out, translated):
    for (english, _), text in list(zip(held_out, translated, strict=True))[:10]:
        assert translator.generate(english, strategy="greedy").text == text


def test_rows_of_every_kind_of_attention_add_up_to_one(translator):
    run = translator.generate("The small black dog sleeps.", strategy="greedy")
    attention = translator.attention(run)
    assert attention.kinds == ("encoder", "decoder", "cross")
    for kind in attention.kinds:
        for layer in range(attention.n_layers):
            weights = attention.weights(layer, kind=kind)
            assert weights.shape[1:] == (len(attention.query_tokens(kind)), len(attention.key_tokens(kind)))
            np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)


def test_cross_attention_crosses_over(translator):
    attention = translator.attention("the red car", "la voiture rouge")
    labels = [token.label.strip() for token in attention.tokens]
    written = [token.label.strip() for token in attention.target_tokens]
    red, car = labels.index("red"), labels.index("car")
    # A row's token is what the decoder read; what it chose there is the next one
    voiture, rouge = written.index("voiture") - 1, written.index("rouge") - 1
    looks = np.stack([attention.weights(layer, kind="cross") for layer in range(attention.n_layers)]).argmax(-1)
    crosses = (looks[:, :, voiture] == car) & (looks[:, :, rouge] == red)  # (layer, head)
    assert crosses.any()


def test_words_are_tokens(translator, held_out):
    tokenizer = translator.loaded.tokenizer
    assert tokenizer.tokenize("L'homme n'a pas d'amis aujourd'hui.") == [
        "L'", "homme", "n'", "a", "pas", "d'", "amis", "aujourd'hui", ".",
    ]  # fmt: skip
    assert tokenizer.tokenize("Paul\N{RIGHT SINGLE QUOTATION MARK}s dog doesn't") == ["Paul", "'s", "dog", "doesn't"]
    for pair in held_out:
        for text in pair:
            assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"], text
    for _, french in held_out:
        ids = tokenizer(text_target=french)["input_ids"]
        assert tokenizer.decode(ids, skip_special_tokens=True) == french


def test_words_that_it_never_read_are_named(translator, held_out):
    assert translator.unknown_words("The zebra eats a red Zucchini, zebra! <b>") == ("zebra", "Zucchini", "<", "b", ">")
    assert translator.unknown_words("la voiture rouge, the red car") == ("la", "voiture", "rouge")
    assert not [english for english, _ in held_out if translator.unknown_words(english)]


def test_the_card_says_what_it_is():
    card = Path(FOLDER, "README.md").read_text("utf-8")
    assert card.startswith("---\nlicense: cc-by-4.0\n")
    assert "{" not in card, "a figure of the card was not filled in"
    for word in ("BLEU", "exact", "held-out", "gets wrong"):
        assert word in card


def test_the_examples_are_of_words_that_it_knows(translator):
    examples = example_prompts("translator")
    assert len(examples) == 5
    assert [translator.unknown_words(example) for example in examples] == [()] * 5
