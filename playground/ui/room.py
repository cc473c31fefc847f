"""What a model of each kind can do with what was typed, and how much room there is for it."""

from collections.abc import Sequence

from playground.records import ModelKind, ModelSpec, PlaygroundError, ReadText
from playground.records.sizes import say_count
from playground.ui.status import status_line
from playground.ui.text_panel import ANALYSE

WHY_NOT = "it reads a text from both sides at once and does not write on."
# What the second box is for, by the kind of model: its label, and what stands in it while it is empty
SECOND: dict[ModelKind, tuple[str, str]] = {
    "encoder-decoder": ("Target, to analyse", "What the model wrote, or should have written …"),
    "encoder": ("Second sentence, optional", "Type a second sentence, and the model reads the pair …"),
}


def checked_writer(spec: ModelSpec) -> ModelKind:
    """Return the kind of a model that can write on; PlaygroundError with what to do instead for one that cannot."""
    if spec.kind == "encoder":
        raise PlaygroundError(f"{spec.name} is an encoder: {WHY_NOT} Press “{ANALYSE}” to see its attention.")
    return spec.kind


def room_line(spec: ModelSpec, n_prompt: int, n_new: int) -> str:
    """Return how much of what a model reads and writes the prompt and the new tokens will take."""
    if spec.kind == "encoder":
        return status_line(f"{count_line(n_prompt, spec.context_length)}. {spec.name} is an encoder: {WHY_NOT}")
    if spec.kind == "encoder-decoder":
        return two_texts_line(n_prompt, n_new, spec.context_length)
    return one_text_line(n_prompt, n_new, spec.context_length)


def unknown_line(words: Sequence[str], most: int = 6) -> str:
    """Return the warning that a model never read some words, empty where it knows all."""
    if not words:
        return ""
    named = ", ".join(f"“{word[:24]}”" for word in words[:most]) + (" and more" if len(words) > most else "")
    means = "is no word that it knows" if len(words) == 1 else "are no words that it knows"
    return status_line(f"{named} {means}: what it makes of this text means little. Use other words.", "busy")


def analysis_line(read: ReadText, spec: ModelSpec) -> str:
    """Return what was read without generating, what was left out, and what is missing for all of its attention."""
    n_read = len(read.tokens) + len(read.target_tokens)
    parts = [f"{say_count(n_read, 'token')}, read without generating."]
    if read.n_left_out:
        parts.append(f"The model reads {spec.context_length}: the last {read.n_left_out} were left out.")
    if spec.kind == "encoder-decoder" and not read.ids.target_ids:
        parts.append(
            "The target is empty, so here is the encoder's attention alone: type in the second box what the model "
            "should have written, or press Generate, for the decoder's and the cross-attention."
        )
    return status_line(" ".join(parts), "busy" if len(parts) > 1 else "quiet")


def count_line(n_tokens: int, context: int | None) -> str:
    """Return how many tokens a text has, of how many that can be read."""
    return say_count(n_tokens, "token") if context is None else f"{n_tokens} of {context} tokens"


def two_texts_line(n_source: int, n_new: int, context: int | None) -> str:
    """Return how source and target fit an encoder-decoder, which reads and writes beside each other."""
    if context is None:
        return status_line(f"{say_count(n_source, 'token')} to read, at most {n_new} to write")
    if n_source > context:
        return status_line(
            f"The prompt has {n_source} tokens, the model reads {context}: shorten it by at least "
            f"{n_source - context}.",
            "error",
        )
    if n_new > context - 1:
        return status_line(
            f"{n_source} of {context} tokens to read; it will stop after {context - 1} new ones.", "busy"
        )
    return status_line(f"{n_source} of {context} tokens to read, at most {n_new} of {context - 1} to write")


def one_text_line(n_prompt: int, n_new: int, context: int | None) -> str:
    """Return how prompt and output fit the context of a decoder, which goes on where the prompt ends."""
    if context is None:
        return status_line(say_count(n_prompt, "token"))
    left = context - n_prompt
    if left <= 0:
        return status_line(
            f"The prompt has {n_prompt} tokens, the model reads {context}: shorten it by at least {1 - left}.", "error"
        )
    if n_new > left:
        return status_line(
            f"{n_prompt} + {n_new} tokens do not fit the {context} that the model reads: it will stop after {left}.",
            "busy",
        )
    return status_line(f"{n_prompt} + {n_new} of {context} tokens")
