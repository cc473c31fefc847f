"""What is handed to generate: the prompt's ids, how many tokens fit, and a configuration that nothing leaks into."""

from dataclasses import dataclass
from typing import Any

from transformers import GenerationConfig

from playground.decoding.memory import check_memory
from playground.decoding.rules import TokenRules
from playground.models.codec import check_text
from playground.models.loading import LoadedModel
from playground.records import GenerationSettings, PlaygroundError, Token, contradictions


class ExplicitConfig(GenerationConfig):
    """A generation configuration that the model's own does not fill in.

    generate() takes from model.generation_config whatever is None in the given one: a checkpoint's own n-gram bans,
    minimum lengths and the like would change the ids, before the first tap, without showing anywhere. Its rules for
    tokens are taken into account too, as filters among ours (see TokenRules).
    """

    def update(self, defaults_only: bool = False, allow_custom_entries: bool = False, **kwargs: Any) -> dict[str, Any]:
        if allow_custom_entries:  # the call that takes over the model's own; transformers' defaults come without
            return {}
        return super().update(defaults_only=defaults_only, allow_custom_entries=False, **kwargs)


@dataclass(frozen=True)
class Plan:
    """A decoding that can be run."""

    prompt: str
    prompt_tokens: tuple[Token, ...]
    settings: GenerationSettings
    max_new_tokens: int  # what fits, those that are begun with among them
    cut_by_context: bool  # fewer than were asked for
    n_given: int  # ids that the decoder begins with: the prompt, or a start token
    begun_ids: tuple[int, ...]  # what has been written already, and stays
    eos_ids: frozenset[int]
    rules: TokenRules
    config: GenerationConfig

    @property
    def prompt_ids(self) -> tuple[int, ...]:
        return tuple(token.id for token in self.prompt_tokens)

    @property
    def n_left(self) -> int:
        """How many tokens are still to be written at most."""
        return max(0, self.max_new_tokens - len(self.begun_ids))


def plan_decoding(
    loaded: LoadedModel, prompt: str, settings: GenerationSettings, begun_ids: tuple[int, ...] = ()
) -> Plan:
    """Return how to decode `prompt`, or to go on where `begun_ids` have been written already.

    Raises PlaygroundError where the model cannot continue a text, the prompt cannot be read, or leaves no room.
    """
    spec = loaded.spec
    if spec.kind == "encoder":
        raise PlaygroundError(f"{spec.name} is an encoder: it cannot write on. Look at its attention instead.")
    check_text(prompt)
    if conflicts := contradictions(settings):
        raise PlaygroundError(conflicts[0])
    tokens = loaded.codec.encode(prompt)
    room = _room(loaded, len(tokens))
    max_new_tokens = settings.max_new_tokens if room is None else min(settings.max_new_tokens, room)
    eos = eos_ids(loaded)
    n_given = 1 if spec.kind == "encoder-decoder" else len(tokens)
    rules = TokenRules.of(loaded.model.generation_config).with_words(loaded, settings)
    n_forced = sum(map(len, rules.forced)) + (rules.forced_last is not None)
    if n_forced > max_new_tokens:
        raise PlaygroundError(
            f"The forced words take {n_forced} tokens, and only {max_new_tokens} are to be written: allow more tokens."
        )
    check_memory(loaded, settings, len(tokens), n_given + max_new_tokens)
    return Plan(
        prompt=prompt,
        prompt_tokens=tokens,
        settings=settings,
        max_new_tokens=max_new_tokens,
        cut_by_context=max_new_tokens < settings.max_new_tokens,
        n_given=n_given,
        begun_ids=begun_ids,
        eos_ids=frozenset(eos),
        rules=rules,
        config=_explicit_config(loaded, settings, n_given + max_new_tokens, eos),
    )


def check_context(loaded: LoadedModel, n_tokens: int, *, reserve: int = 0, what: str = "text") -> None:
    """Raise PlaygroundError, with the numbers, where `n_tokens` and `reserve` more do not fit into the context."""
    context = loaded.spec.context_length
    if context is not None and n_tokens + reserve > context:
        raise PlaygroundError(
            f"The {what} has {n_tokens} tokens, the model reads {context}: shorten it by at least "
            f"{n_tokens + reserve - context}."
        )


def eos_ids(loaded: LoadedModel) -> list[int]:
    """Return the ids that end a text: the model's, else the tokenizer's."""
    found = loaded.model.generation_config.eos_token_id if loaded.model.generation_config else None
    if found is None:
        found = loaded.tokenizer.eos_token_id
    if found is None:
        return []
    return [int(id) for id in found] if isinstance(found, list | tuple) else [int(found)]


def _room(loaded: LoadedModel, n_prompt: int) -> int | None:
    """Return how many tokens fit behind the prompt, None where there is no bound."""
    context = loaded.spec.context_length
    if loaded.spec.kind == "encoder-decoder":
        check_context(loaded, n_prompt, what="prompt")
        return None if context is None else context - 1  # the decoder begins with a start token
    check_context(loaded, n_prompt, reserve=1, what="prompt")
    return None if context is None else context - n_prompt


def _explicit_config(
    loaded: LoadedModel, settings: GenerationSettings, max_length: int, eos: list[int]
) -> GenerationConfig:
    own = loaded.model.generation_config
    more: dict[str, Any] = {}
    if settings.searches:
        more = {
            "num_beams": settings.num_beams,
            "length_penalty": settings.length_penalty,
            "early_stopping": settings.early_stopping,
        }
    if generate_draws(settings):  # neutral: the filters are ours
        more |= {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
    start = own.decoder_start_token_id
    if start is None:
        start = getattr(loaded.model.config, "decoder_start_token_id", None)
    explicit: dict[str, Any] = {
        # max_length, since generate warns of a max_new_tokens beside a max_length of the model's own
        "max_length": max_length,
        "do_sample": False,
        "num_return_sequences": settings.n_sequences,
        "use_cache": True,
        "return_dict_in_generate": True,
        "eos_token_id": eos or None,
        "pad_token_id": own.pad_token_id if own.pad_token_id is not None else loaded.tokenizer.pad_token_id,
        "bos_token_id": own.bos_token_id,
        "decoder_start_token_id": start,
    }
    return ExplicitConfig(**explicit | more)


def generate_draws(settings: GenerationSettings) -> bool:
    """Return whether generate itself is to draw: many tokens at a time, or for several texts; else Draw does."""
    return settings.draws and (settings.searches or settings.n_sequences > 1)
