"""How a text is to be decoded: transformers' own names, and which of them contradict each other."""

from dataclasses import dataclass
from typing import Literal

from playground.records.errors import PlaygroundError

Strategy = Literal["greedy", "sample", "beam"]
EarlyStopping = bool | Literal["never"]

STRATEGIES: tuple[Strategy, ...] = ("greedy", "sample", "beam")
MOST_TEXTS, LONGEST_TEXT = 16, 200

_BOUNDS: dict[str, tuple[float, float, bool]] = {  # lowest, highest, whole numbers only
    "temperature": (0.01, 100.0, False),
    "top_k": (0, 1_000_000, True),
    "top_p": (0.0, 1.0, False),
    "min_p": (0.0, 1.0, False),
    "typical_p": (0.001, 1.0, False),
    "repetition_penalty": (0.01, 100.0, False),
    "no_repeat_ngram_size": (0, 1000, True),
    "num_beams": (1, 16, True),
    "length_penalty": (-10.0, 10.0, False),
    "num_return_sequences": (1, 16, True),
    "max_new_tokens": (1, 100_000, True),
    "seed": (0, 2**63 - 1, True),
}


def checked_number(name: str, value: object, low: float, high: float, *, whole: bool) -> float | int:
    """Return a number in its range. Raises PlaygroundError with the range where it is none."""
    wanted = "a whole number" if whole else "a number"
    message = f"{name} must be {wanted} from {low:g} to {high:g}, not {str(value)[:40]!r}."
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PlaygroundError(message)
    if not low <= value <= high or (whole and value != int(value)):  # not-a-number is in no range
        raise PlaygroundError(message)
    return int(value) if whole else float(value)


def _texts(name: str, value: object) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        raise PlaygroundError(f"{name} must be a list of texts that are not empty.")
    checked = tuple(text for text in texts if isinstance(text, str) and text)
    if len(checked) != len(texts):
        raise PlaygroundError(f"{name} must be a list of texts that are not empty.")
    if len(checked) > MOST_TEXTS or any(len(text) > LONGEST_TEXT for text in checked):
        raise PlaygroundError(f"{name} takes at most {MOST_TEXTS} texts of at most {LONGEST_TEXT} characters.")
    return checked


@dataclass(frozen=True)
class GenerationSettings:
    """How to decode; names and meaning are those of transformers' GenerationConfig.

    Raises PlaygroundError where a value is out of its range or of the wrong type. Values that the strategy
    does not use are checked too, and kept, so that changing the strategy loses nothing.
    """

    strategy: Strategy = "sample"
    temperature: float = 0.8
    top_k: int = 40  # 0 switches the filter off
    top_p: float = 1.0
    min_p: float = 0.0  # 0 switches the filter off
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0  # 0 switches the filter off
    bad_words: tuple[str, ...] = ()  # as texts; transformers takes their ids, bad_words_ids
    force_words: tuple[str, ...] = ()  # must come before the text may end
    num_beams: int = 4
    do_sample: bool = False  # of strategy "beam": draw the continuations by their probability
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = False
    num_return_sequences: int = 1  # greedy decoding has only one
    max_new_tokens: int = 64
    stop: tuple[str, ...] = ()
    seed: int = 7

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise PlaygroundError(f"strategy must be one of {', '.join(STRATEGIES)}, not {str(self.strategy)[:40]!r}.")
        for name, (low, high, whole) in _BOUNDS.items():
            object.__setattr__(self, name, checked_number(name, getattr(self, name), low, high, whole=whole))
        if not isinstance(self.do_sample, bool):
            raise PlaygroundError(f"do_sample must be true or false, not {str(self.do_sample)[:40]!r}.")
        if not isinstance(self.early_stopping, bool) and self.early_stopping != "never":
            raise PlaygroundError(
                f'early_stopping must be true, false or "never", not {str(self.early_stopping)[:40]!r}.'
            )
        for name in ("stop", "bad_words", "force_words"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))

    @property
    def searches(self) -> bool:
        """Whether several hypotheses are followed."""
        return self.strategy == "beam" and self.num_beams > 1

    @property
    def draws(self) -> bool:
        """Whether tokens are drawn, so that the seed, the temperature and the filters of a draw count."""
        return self.strategy == "sample" or (self.strategy == "beam" and self.do_sample)

    @property
    def n_sequences(self) -> int:
        """How many texts come out."""
        return self.num_return_sequences if self.draws or self.searches else 1


def contradictions(settings: GenerationSettings) -> tuple[str, ...]:
    """Return in words why such settings cannot be used together; nothing where they can."""
    found = []
    if settings.searches and settings.num_return_sequences > settings.num_beams:
        found.append(
            f"{settings.num_return_sequences} texts cannot come from {settings.num_beams} beams: take at least as "
            "many beams as texts."
        )
    both = {text.strip() for text in settings.bad_words} & {text.strip() for text in settings.force_words}
    if both:
        found.append(f"“{min(both)}” is both forbidden and forced: take it out of one of the two.")
    cut = [(end, word) for end in settings.stop for word in settings.force_words if end in word]
    if cut and len(settings.force_words) > 1:
        found.append(f"“{cut[0][0]}” ends the text, but is part of the forced “{cut[0][1]}”: others may not come.")
    return tuple(found)


def remarks(settings: GenerationSettings) -> tuple[str, ...]:
    """Return in words which settings do nothing beside others: allowed, but hardly meant."""
    found = []
    if settings.draws:
        alone = [
            name
            for name, is_alone in (
                ("Top-k 1", settings.top_k == 1),
                ("Top-p 0", settings.top_p == 0.0),
                ("Min-p 1", settings.min_p == 1.0),
            )
            if is_alone
        ]
        if alone and not settings.searches:
            found.append(f"{alone[0]} leaves only the likeliest token: that is greedy decoding, whatever the seed.")
    if settings.repetition_penalty < 1.0:
        found.append("A repetition penalty below 1 rewards repetition.")
    if settings.no_repeat_ngram_size == 1:
        found.append("With groups of 1, no token may come twice, not even a space or a full stop.")
    return tuple(found)
