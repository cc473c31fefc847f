"""What a sentence is made of, in neither language: english.py and french.py each say it in theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal

from lexicon import Adjective, Noun, Person, Verb

WORDS = (Noun, Adjective, Verb, Person)

Tense = Literal["present", "past", "future"]


@dataclass(frozen=True)
class Name:
    """A person by name."""

    text: str
    feminine: bool
    number: int = 2
    plural: bool = False


@dataclass(frozen=True)
class NounPhrase:
    """A noun and what belongs to it: the small black cat of the girl who sings."""

    noun: Noun
    # English: the, a, some, any, this, my …, two …, every, many, all; "" where an owner takes its place. Without a word
    # in English: "bare" (drinks milk: du lait) and, of what one likes, "generic" (likes milk: le lait)
    determiner: str
    plural: bool = False
    before: Adjective | None = None  # of those that stand before the noun in French
    after: tuple[Adjective, ...] = ()  # of those that stand behind it; two are joined by "and"
    owner: Name | NounPhrase | None = None  # Paul's cat
    whole: NounPhrase | None = None  # the door of the house
    relative: Predicate | None = None  # the girl who …

    @property
    def number(self) -> int:
        return 5 if self.plural else 2

    @property
    def feminine(self) -> bool:
        return self.noun.feminine


@dataclass(frozen=True)
class Couple:
    """Two joined by "and"; masculine as soon as one of them is."""

    first: Name | NounPhrase
    second: Name | NounPhrase
    number: int = 5
    plural: bool = True

    @property
    def feminine(self) -> bool:
        return self.first.feminine and self.second.feminine


Thing = Name | NounPhrase | Couple | Person


@dataclass(frozen=True)
class Place:
    """Where: a preposition in both languages and what stands behind it."""

    english: tuple[str, ...]
    french: tuple[str, ...]
    noun: Thing


@dataclass(frozen=True)
class Time:
    """When, in both languages; "today" may stand in front of the sentence."""

    english: str
    french: str
    in_front: bool = False


@dataclass(frozen=True)
class State:
    """What English is and French has: hungry, seven years old, afraid of the wolf."""

    english: str
    french: str
    of: Thing | None = None
    takes_degree: bool = True


@dataclass(frozen=True)
class Predicate:
    """All of a clause but its subject. `contracted` and the like choose among ways to say it in English."""

    verb: Verb
    tense: Tense = "present"
    negation: Literal["", "not", "never"] = ""
    adverb: str = ""  # English: often, always
    modal: str = ""  # English: can, must, want, like
    object: Thing | None = None
    recipient: Thing | None = None
    adjective: Adjective | None = None
    state: State | None = None
    degree: str = ""  # English: very, too
    place: Place | None = None
    time: Time | None = None
    asks_object: bool = False  # what or whom it is done to is the question
    is_there: bool = False  # there is: the object is what there is
    contracted: bool = False  # doesn't, I'm
    progressive: bool = False  # is eating
    recipient_first: bool = False  # gives the girl a book


@dataclass(frozen=True)
class Clause:
    """Who does what. Without a subject only in a question for it."""

    subject: Thing | None
    predicate: Predicate


@dataclass(frozen=True)
class Sentence:
    """A statement, a question, or a noun phrase by itself, in what follows of the text.

    question: "" for a statement, yes (or no), where, why, when, what, who (does it), whom (it is done to), how many.
    """

    clause: Clause | None = None
    question: Literal["", "yes", "where", "why", "when", "what", "who", "whom", "how many"] = ""
    counted: Noun | None = None  # how many cats …
    link: str = ""  # and, but, because, with `second`
    second: Clause | None = None
    thinker: Thing | None = None  # Paul thinks that …
    thought: Verb | None = None
    phrase: NounPhrase | None = None
    capital: bool = True
    stop: bool = True
    exclaims: bool = False


def parts(structure: object) -> Iterator[object]:
    """Yield a structure and all that it is made of, its words too."""
    yield structure
    inside = structure if isinstance(structure, tuple) else ()
    if is_dataclass(structure) and not isinstance(structure, WORDS):
        inside = tuple(getattr(structure, field.name) for field in fields(structure))
    for part in inside:
        yield from parts(part)


def substitute(structure: Any, old: object, new: object) -> Any:
    """Return the structure with one word in place of another."""
    if structure == old:
        return new
    if isinstance(structure, tuple):
        return tuple(substitute(part, old, new) for part in structure)
    if not is_dataclass(structure) or isinstance(structure, WORDS):
        return structure
    return replace(
        structure, **{field.name: substitute(getattr(structure, field.name), old, new) for field in fields(structure)}
    )
