"""Which tasks a model can be asked for, and the prompts that ask for them.

What it can comes from the model: its kind, its chat template, and the prefixes that its configuration names.
"""

from collections.abc import Callable
from typing import Any

from playground.models.loading import LoadedModel
from playground.records import GenerationSettings, LanguageTask, PlaygroundError, TaskName, TaskPrompt
from playground.records.language_tasks import TASK_TITLES

LONGEST_PROMPT = 20_000  # characters that a chat template may make of a message
_PLAIN = "Asked for in plain words, as a decoder takes it; one that was not trained to follow them goes on as it likes."
_ENCODER = "An encoder predicts masked words and writes nothing."

_SETTINGS: dict[TaskName, GenerationSettings] = {
    "continue": GenerationSettings(strategy="sample", temperature=0.8, top_k=40, max_new_tokens=64),
    "chat": GenerationSettings(strategy="sample", temperature=0.7, top_k=0, top_p=0.9, max_new_tokens=200),
    "translate": GenerationSettings(strategy="beam", num_beams=4, max_new_tokens=64),
    "summarise": GenerationSettings(strategy="beam", num_beams=4, no_repeat_ngram_size=3, max_new_tokens=80),
    "answer": GenerationSettings(strategy="greedy", max_new_tokens=32, stop=("\n",)),
}
_DECODER_PROMPTS: dict[TaskName, Callable[[str, str], str]] = {
    "continue": lambda text, _: text,
    "translate": lambda text, _: f"English: {text}\nFrench:",
    "summarise": lambda text, _: f"{text}\n\nTL;DR:",
    "sentiment": lambda text, _: f"{text}\nThe feeling of this text is",
    "answer": lambda text, question: f"{text}\n\nQuestion: {question}\nAnswer:",
}
# Keys of transformers' task_specific_params, as T5's configuration has them
_PREFIX_KEYS: dict[TaskName, str] = {"summarise": "summarization", "translate": "translation"}


def tasks_of(loaded: LoadedModel) -> tuple[LanguageTask, ...]:
    """Return every task, with the reason where the model cannot be asked for it."""
    return tuple(_task(loaded, name) for name in TASK_TITLES)


def task_prompt(loaded: LoadedModel, name: TaskName, text: str, question: str = "") -> TaskPrompt:
    """Return what the model reads for a task.

    question: of "answer", what is asked of the passage `text`. Raises PlaygroundError where the model cannot be asked
    for it, or there is nothing to ask of.
    """
    if name not in TASK_TITLES:
        raise PlaygroundError(f"There is no task {str(name)[:40]!r}; there are: {', '.join(TASK_TITLES)}.")
    if absent := _task(loaded, name).absent:
        raise PlaygroundError(absent)
    if not text.strip():
        raise PlaygroundError("Type the text first.")
    if name == "answer" and not question.strip():
        raise PlaygroundError("Type the question that the passage is to answer.")
    return TaskPrompt(_prompt(loaded, name, text.strip(), question.strip()), _SETTINGS.get(name))


def _task(loaded: LoadedModel, name: TaskName) -> LanguageTask:
    kind, model = loaded.spec.kind, loaded.spec.name
    if name == "fill-in":
        wants = f"{model} predicts what comes next. Choose an encoder, such as fill-in or a BERT."
        return LanguageTask(name, "" if kind == "encoder" else wants, "Mask words in the Fill in tab, or type [MASK].")
    if kind == "encoder":
        return LanguageTask(name, f"{_ENCODER} Choose a model that writes.")
    if name == "chat":
        has_template = bool(getattr(loaded.codec.tokenizer, "chat_template", None))
        wants = f"{model} brings no chat template: it was not trained on conversations. Choose a chat model."
        note = "The message in the model's own chat template; its marks of roles stand in the prompt, and in the text."
        return LanguageTask(name, "" if has_template else wants, note)
    if kind == "decoder":
        return LanguageTask(name, note="" if name == "continue" else _PLAIN)
    return _of_encoder_decoder(loaded, name)


def _of_encoder_decoder(loaded: LoadedModel, name: TaskName) -> LanguageTask:
    model = loaded.spec.name
    if name == "continue":
        return LanguageTask(name, note="The encoder reads the text, and the decoder writes what it was trained to.")
    if name not in _PREFIX_KEYS:
        return LanguageTask(name, f"{model} writes one text from another; this task needs a decoder.")
    prefixes = _prefixes(loaded)
    if not prefixes:
        return LanguageTask(name, note="Read as it is: such a model does the one task that it was trained for.")
    if (prefix := _prefix(prefixes, name)) is None:
        return LanguageTask(name, f"{model} was not trained for it: its configuration names {', '.join(prefixes)}.")
    return LanguageTask(name, note=f"With the words that the model was trained with: “{prefix}”.")


def _prefixes(loaded: LoadedModel) -> dict[str, str]:
    params = getattr(loaded.model.config, "task_specific_params", None)
    if not isinstance(params, dict):
        return {}
    found = {str(key)[:60]: value.get("prefix") for key, value in params.items() if isinstance(value, dict)}
    return {key: prefix for key, prefix in found.items() if isinstance(prefix, str) and len(prefix) <= 200}


def _prefix(prefixes: dict[str, str], name: TaskName) -> str | None:
    keys = [key for key in prefixes if key.startswith(_PREFIX_KEYS[name])]
    french = [key for key in keys if key.endswith("_fr")]
    return prefixes[(french or keys)[0]] if keys else None


def _prompt(loaded: LoadedModel, name: TaskName, text: str, question: str) -> str:
    if name == "chat":
        return _chat_prompt(loaded, text)
    if loaded.spec.kind == "decoder":
        return _DECODER_PROMPTS[name](text, question)
    return (_prefix(_prefixes(loaded), name) or "") + text if name in _PREFIX_KEYS else text


def _chat_prompt(loaded: LoadedModel, message: str) -> str:
    """Return a message in the model's chat template, which transformers runs in a sandbox.

    Raises PlaygroundError where the template fails or makes more of it than can be read.
    """
    tokenizer: Any = loaded.codec.tokenizer
    try:
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": message}], tokenize=False, add_generation_prompt=True
        )
    except Exception as error:  # a template is a program of whoever made the model
        raise PlaygroundError(f"The chat template of {loaded.spec.name} fails: {str(error)[:200]}") from error
    if len(prompt) > LONGEST_PROMPT:
        raise PlaygroundError(f"The chat template makes {len(prompt):,} characters of it; at most {LONGEST_PROMPT:,}.")
    first = tokenizer.bos_token
    adds_first = bool(first) and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    return prompt.removeprefix(first) if adds_first else prompt  # else it would come twice
