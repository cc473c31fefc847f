"""The HTTP endpoints `/generate`, `/attention`, `/tokenize` and `/models`, called by name with gradio_client.

Plain functions from plain values to JSON: gradio is not imported here. Parameter names are those of the Python
interface; all but the text have defaults, and whatever comes is checked, since anybody can send anything.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from playground.backends.protocol import Backend
from playground.records import (
    AttentionKind,
    BeamProgress,
    GenerationRecord,
    GenerationSettings,
    ModelSpec,
    PlaygroundError,
    ReadText,
    Step,
    Token,
)

STREAM_INTERVAL_S = 0.1
LOAD_INTERVAL_S = 0.5
MOST_WEIGHTS = 2_000_000  # in one answer: 16 MB of JSON
KINDS: tuple[AttentionKind, ...] = ("self", "encoder", "decoder", "cross")


class Endpoints:
    """The four endpoints over a backend. `error` is raised with the message of a PlaygroundError."""

    def __init__(self, backend: Backend, error: type[Exception] = PlaygroundError) -> None:
        self.backend = backend
        self.error = error

    def register(self, add: Callable[..., Any]) -> None:
        """Add each endpoint with `add(function, api_name=...)`."""
        add(self.generate, api_name="generate", concurrency_limit=4, concurrency_id="models")
        add(self.attention, api_name="attention", concurrency_limit=4, concurrency_id="models")
        add(self.tokenize, api_name="tokenize")
        add(self.models, api_name="models")
        add(self.load, api_name="load", concurrency_limit=4, concurrency_id="loads")

    def default_model(self, model: str | None) -> str:
        """Return the name that was asked for, or the first there is."""
        return self.backend.models()[0] if model is None else str(model)

    def generate(
        self,
        prompt: str,
        model: str | None = None,
        strategy: str = "sample",
        temperature: float = 0.8,
        top_k: int = 40,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        num_beams: int = 4,
        length_penalty: float = 1.0,
        early_stopping: bool | str = False,
        max_new_tokens: int = 64,
        stop: list[str] | None = None,
        seed: int = 7,
        min_p: float = 0.0,
        typical_p: float = 1.0,
        no_repeat_ngram_size: int = 0,
        bad_words: list[str] | None = None,
        force_words: list[str] | None = None,
        do_sample: bool = False,
        num_return_sequences: int = 1,
    ) -> Iterator[dict[str, Any]]:
        """Continue `prompt`. Streams {"text", "new_tokens", "done": false} and last "done": true with all "tokens"."""
        switch = threading.Event()
        # Whatever a program sent: GenerationSettings says what there is
        wanted: Any = strategy
        stopping: Any = early_stopping
        try:
            settings = GenerationSettings(
                strategy=wanted,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                repetition_penalty=repetition_penalty,
                num_beams=num_beams,
                length_penalty=length_penalty,
                early_stopping=stopping,
                max_new_tokens=max_new_tokens,
                stop=tuple(stop or ()),
                seed=seed,
                min_p=min_p,
                typical_p=typical_p,
                no_repeat_ngram_size=no_repeat_ngram_size,
                bad_words=tuple(bad_words or ()),
                force_words=tuple(force_words or ()),
                do_sample=do_sample,
                num_return_sequences=num_return_sequences,
            )
            text, steps = "", []
            for events in self.backend.generate(self.default_model(model), prompt, settings, switch, STREAM_INTERVAL_S):
                new = [event for event in events if isinstance(event, Step)]
                steps += new
                text += "".join(step.token.text for step in new)
                last = events[-1]
                if isinstance(last, GenerationRecord):
                    yield finished_message(last, new)
                elif isinstance(last, BeamProgress):
                    yield {"text": last.text, "new_tokens": [], "done": False}
                else:
                    yield {"text": text, "new_tokens": [describe_step(step) for step in new], "done": False}
        except PlaygroundError as error:
            raise self.error(str(error)) from None
        finally:
            switch.set()

    def attention(
        self,
        text: str,
        model: str | None = None,
        layer: int = 0,
        head: int | None = None,
        kind: str | None = None,
        target: str = "",
        pair: str = "",
    ) -> dict[str, Any]:
        """Return {"tokens", "target_tokens", "layer", "head", "kind", "weights"}.

        weights: [query][key] of a head, or [head][query][key]. target: what an encoder-decoder wrote; pair: a second
        sentence for an encoder. kind: "self", or of an encoder-decoder "encoder", "decoder" or "cross"; without it
        "cross" where there is a target, else "encoder".
        """
        try:
            name = self.default_model(model)
            spec = self.backend.spec(name)
            read = self.backend.read(name, text, second_text(spec, target, pair))
            wanted_kind = default_kind(spec, read) if kind is None else checked_kind(kind)
            wanted_layer = whole_number("layer", layer)
            n_queries, n_keys = n_rows_and_columns(read, wanted_kind)
            if spec.context_length is None or max(n_queries, n_keys) <= spec.context_length:  # else the backend says so
                check_size(n_queries, n_keys, 1 if head is not None else spec.n_query_heads)
            if head is None:
                maps = self.backend.layer_maps(name, read.ids, wanted_layer, wanted_kind)
            else:
                maps = self.backend.head_map(name, read.ids, wanted_layer, whole_number("head", head), wanted_kind)
        except PlaygroundError as error:
            raise self.error(str(error)) from None
        return {
            "tokens": [describe_token(token) for token in read.tokens],
            "target_tokens": [describe_token(token) for token in read.target_tokens],
            "layer": layer,
            "head": head,
            "kind": wanted_kind,
            "weights": np.round(maps.weights.astype(float), 6).tolist(),
        }

    def tokenize(self, text: str, model: str | None = None) -> dict[str, Any]:
        """Return {"tokens": [{"id", "text", "label"}, ...]}; the texts joined give `text` back."""
        try:
            tokens = self.backend.tokenize(self.default_model(model), text)
        except PlaygroundError as error:
            raise self.error(str(error)) from None
        return {"tokens": [describe_token(token) for token in tokens]}

    def load(self, model: str, token: str | None = None) -> Iterator[dict[str, Any]]:
        """Load a model, one that you bring where the server allows it; `token` is for gated ones, and is not kept.

        Streams {"model", "stage", "file", "n_files", "n_files_done", "bytes_done", "bytes_total", "bytes_per_s"}.
        The last has "stage": "ready", and in "model" the name that the other endpoints take.
        """
        switch = threading.Event()
        try:
            wanted, given = str(model), None if token is None else str(token)
            for progress in self.backend.open(wanted, given, switch, LOAD_INTERVAL_S):
                yield asdict(progress)
        except PlaygroundError as error:
            raise self.error(str(error)) from None
        finally:
            switch.set()

    def models(self) -> dict[str, Any]:
        """Return {"models": names}, the default first."""
        return {"models": list(self.backend.models())}


def finished_message(record: GenerationRecord, new: list[Step]) -> dict[str, Any]:
    """Return the last message of a run."""
    return {
        "text": record.text,
        "new_tokens": [describe_step(step) for step in new],
        "done": True,
        "tokens": [describe_step(step) for step in record.steps],
        "prompt_tokens": [describe_token(token) for token in record.prompt_tokens],
        "finish_reason": record.finish_reason,
        "texts": [sequence.text for sequence in record.sequences],
    }


def describe_token(token: Token) -> dict[str, Any]:
    """Return a token as plain values."""
    return {"id": token.id, "text": token.text, "label": token.label}


def describe_step(step: Step) -> dict[str, Any]:
    """Return a generated token with the probability that the model gave it, and its rank."""
    return describe_token(step.token) | {"probability": step.chosen.raw_probability, "rank": step.rank}


def whole_number(name: str, value: object) -> int:
    """Return `value` where it is a whole number; the range is checked by who uses it."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise PlaygroundError(f"{name} must be a whole number, not {str(value)[:40]!r}.")
    return value


def checked_kind(kind: str) -> AttentionKind:
    """Return `kind` where it is one of the kinds of attention."""
    for known in KINDS:
        if kind == known:
            return known
    raise PlaygroundError(f"kind must be one of {', '.join(KINDS)}, not {str(kind)[:40]!r}.")


def second_text(spec: ModelSpec, target: str, pair: str) -> str:
    """Return the second text for a model of this kind; PlaygroundError where it has no use for what was given."""
    wanted = {"encoder-decoder": "target", "encoder": "pair"}.get(spec.kind)
    given: dict[str, object] = {"target": target, "pair": pair}  # whatever a program sent
    for name, text in given.items():
        if not isinstance(text, str):
            raise PlaygroundError(f"{name} must be a text, not {type(text).__name__}.")
        if text and name != wanted:
            raise PlaygroundError(f"{spec.name} is of kind {spec.kind}: it takes no {name}.")
    return target or pair


def default_kind(spec: ModelSpec, read: ReadText) -> AttentionKind:
    """Return the kind of attention that says most of a text."""
    if spec.kind != "encoder-decoder":
        return "self"
    return "cross" if read.ids.target_ids else "encoder"


def n_rows_and_columns(read: ReadText, kind: AttentionKind) -> tuple[int, int]:
    """Return how many tokens look, and how many are looked at."""
    n_tokens, n_target = len(read.tokens), len(read.target_tokens)
    return {"decoder": (n_target, n_target), "cross": (n_target, n_tokens)}.get(kind, (n_tokens, n_tokens))


def check_size(n_queries: int, n_keys: int, n_heads: int) -> None:
    """Refuse an answer of more than MOST_WEIGHTS weights."""
    if n_queries * n_keys * n_heads > MOST_WEIGHTS:
        raise PlaygroundError(
            f"{n_heads} heads of {max(n_queries, n_keys)} tokens are more weights than one answer carries: ask for one "
            f"head, or for a text of at most {int((MOST_WEIGHTS / n_heads) ** 0.5)} tokens."
        )
