"""Tasks: which a model can be asked for, how it is asked, and labels compared as transformers would."""

import copy

import pytest
import torch

import playground
from playground.analysis.reference_scores import score_against
from playground.records import PlaygroundError
from tests.models import checkpoints

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def possible(lm):
    return {task.name for task in lm.tasks() if not task.absent}


@pytest.fixture
def chatty():
    tokenizer = checkpoints.byte_level_tokenizer()
    tokenizer.chat_template = TEMPLATE
    return playground.wrap(checkpoints.build_model("gpt2"), tokenizer, "chatty")


def prefixed(params):
    model = checkpoints.build_model("t5")
    model.config.task_specific_params = params
    return playground.wrap(model, checkpoints.TOKENIZERS["t5"](), "t5")


def test_tasks_come_from_what_the_model_is(tiny, chatty):
    asked = {"continue", "translate", "summarise", "sentiment", "answer"}
    assert possible(tiny("gpt2").lm) == asked
    assert possible(chatty) == asked | {"chat"}
    assert possible(tiny("bert").lm) == {"fill-in"}
    assert possible(tiny("marian").lm) == {"continue", "translate", "summarise"}
    assert all(task.absent or task.note or task.name == "continue" for task in tiny("marian").lm.tasks())


def test_an_encoder_decoder_is_asked_with_the_words_of_its_configuration():
    lm = prefixed(
        {
            "summarization": {"prefix": "summarize: ", "num_beams": 4},
            "translation_en_to_de": {"prefix": "translate English to German: "},
            "translation_en_to_fr": {"prefix": "translate English to French: "},
        }
    )
    assert lm.task_prompt("summarise", "A long text.").prompt == "summarize: A long text."
    assert lm.task_prompt("translate", " A dog. ").prompt == "translate English to French: A dog."
    only = prefixed({"summarization": {"prefix": "summarize: "}})
    assert "translate" not in possible(only)
    with pytest.raises(PlaygroundError, match="was not trained for it: its configuration names summarization"):
        only.task_prompt("translate", "A dog.")


@pytest.mark.parametrize(
    "params", ["summarization", {"summarization": 3}, {"summarization": {"prefix": 7}}, {"x": {"prefix": "y" * 300}}]
)
def test_a_configuration_that_makes_no_sense_names_no_words(params):
    assert prefixed(params).task_prompt("summarise", "A text.").prompt == "A text."


def test_a_message_is_put_into_the_models_template(chatty):
    made = chatty.task_prompt("chat", "Hello")
    assert made.prompt == "<|user|>Hello\n<|assistant|>"
    assert made.settings is not None
    assert made.settings.strategy == "sample"
    assert chatty.generate(made.prompt, made.settings, max_new_tokens=3).prompt == made.prompt


def test_the_first_token_does_not_come_twice():
    tokenizer = checkpoints.TOKENIZERS["llama"]()
    tokenizer.chat_template = "{{ bos_token }}" + TEMPLATE
    lm = playground.wrap(checkpoints.build_model("llama"), tokenizer, "chatty")
    prompt = lm.task_prompt("chat", "Hello").prompt
    ids = [token.id for token in lm.tokenize(prompt)]
    assert ids.count(tokenizer.bos_token_id) == 1


@pytest.mark.parametrize("template", ["{{ nothing.at.all }}", "{% for", "{{ 'a' * 30000 }}"])
def test_a_template_that_fails_says_so(chatty, template):
    chatty.loaded.codec.tokenizer.chat_template = template
    with pytest.raises(PlaygroundError, match="chat template"):
        chatty.task_prompt("chat", "Hello")


def test_what_is_missing_is_said(tiny):
    lm = tiny("gpt2").lm
    with pytest.raises(PlaygroundError, match="Type the text first"):
        lm.task_prompt("continue", "  ")
    with pytest.raises(PlaygroundError, match="question"):
        lm.task_prompt("answer", "A passage.")
    with pytest.raises(PlaygroundError, match="no chat template"):
        lm.task_prompt("chat", "Hello")
    assert lm.task_prompt("answer", "A passage.", "What?").prompt == "A passage.\n\nQuestion: What?\nAnswer:"


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "falcon"])
def test_labels_are_as_likely_as_transformers_finds_them(tiny, family):
    lm, reference = tiny(family).lm, tiny(family).reference
    prompt = "The girl saw"
    scores = lm.score_labels(prompt, ["a dog", "the house", "a dog "])
    assert {score.label for score in scores} == {"a dog", "the house"}
    assert sum(score.probability for score in scores) == pytest.approx(1)
    assert scores[0].probability > scores[1].probability
    ids = [token.id for token in lm.tokenize(prompt)]
    for score in scores:
        own = [token.id for token in score.tokens]
        labels = torch.tensor([[-100] * len(ids) + own])
        with torch.inference_mode():
            loss = copy.copy(reference)(torch.tensor([ids + own]), labels=labels).loss
        assert score.log_prob_nats == pytest.approx(-float(loss) * len(own), abs=1e-3)


@pytest.mark.parametrize("labels", [[], ["one"], ["one", " one "], [str(n) for n in range(9)], ["x" * 41, "y"]])
def test_labels_that_cannot_be_compared(tiny, labels):
    with pytest.raises(PlaygroundError, match="label"):
        tiny("gpt2").lm.score_labels("The girl", labels)


def test_labels_are_for_decoders(tiny):
    with pytest.raises(PlaygroundError, match="no decoder"):
        tiny("bert").lm.score_labels("The girl", ["one", "two"])


def test_a_prompt_beyond_the_context(tiny):
    with pytest.raises(PlaygroundError, match="the model reads 64"):
        tiny("gpt2").lm.score_labels("the girl " * 200, ["one", "two"])


def test_scores_by_hand():
    scores = {score.name: score.value for score in score_against("the cat sat", "the cat ran")}
    # 2 of 3 words; 1 of 2 pairs; the longest common sequence is "the cat": 2 of 3
    assert scores["ROUGE-1"] == pytest.approx(200 / 3)
    assert scores["ROUGE-2"] == pytest.approx(50)
    assert scores["ROUGE-L"] == pytest.approx(200 / 3)
    # effective order 3; no run of 3 is right, which sacrebleu's exponential smoothing counts as a half
    assert scores["BLEU"] == pytest.approx(100 * (2 / 3 * 1 / 2 * 1 / 2) ** (1 / 3), abs=1e-3)
    assert all(score.value == pytest.approx(100) for score in score_against("Un chat noir dort.", "Un chat noir dort."))


@pytest.mark.parametrize(("text", "reference"), [("", "a"), ("a", " "), ("a" * 20_001, "a")])
def test_texts_that_cannot_be_scored(text, reference):
    with pytest.raises(PlaygroundError):
        score_against(text, reference)
