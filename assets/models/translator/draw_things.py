"""Draws who and what a sentence is about: nouns with all that belongs to them, names, pronouns."""

import random
from dataclasses import replace
from functools import cache

from lexicon import (
    ADJECTIVES,
    HE,
    INTRANSITIVE,
    IT,
    IT_FEMININE,
    NAMES,
    NOUNS,
    NUMBERS,
    PERSONS,
    POSSESSIVES,
    SHE,
    THEY,
    THEY_FEMININE,
    TRANSITIVE,
    Adjective,
    Noun,
    Person,
)
from structure import Couple, Name, NounPhrase, Predicate, Thing

PERSON, ANIMATE = frozenset({"person"}), frozenset({"person", "animal"})


@cache
def nouns_of(kinds: frozenset[str]) -> tuple[Noun, ...]:
    """Return the nouns of these kinds."""
    return tuple(noun for noun in NOUNS if noun.kinds & kinds)


@cache
def adjectives_of(noun: Noun, is_before: bool | None = None) -> tuple[Adjective, ...]:
    """Return the adjectives that can be said of a noun: those that French puts before it, behind it, or all."""
    fitting = [adjective for adjective in ADJECTIVES if adjective.kinds & noun.kinds]
    return tuple(adjective for adjective in fitting if is_before is None or adjective.is_before == is_before)


def draw_noun_phrase(
    rng: random.Random, kinds: frozenset[str], *, rich: bool = False, definite: bool = False, singular: bool = False
) -> NounPhrase:
    """Return a noun of these kinds with what belongs to it.

    rich: more often with adjectives. definite: nothing that French cannot put behind "de". singular: one of it.
    """
    noun = rng.choice(nouns_of(kinds))
    before, after = _draw_adjectives(rng, noun, 0.75 if rich else 0.3)
    if not noun.english_plural:
        determiner = "the" if definite else rng.choice(("the", "some", "bare", "this", "my"))
        return NounPhrase(noun, determiner, before=before, after=after)
    plural = not singular and rng.random() < 0.35
    phrase = NounPhrase(noun, _draw_determiner(rng, plural, definite), plural, before, after)
    if singular:
        return phrase
    chance = rng.random()
    if chance < 0.05 and "place" not in noun.kinds:
        return replace(phrase, determiner="", owner=_draw_owner(rng))
    if chance < 0.3 and "part" in noun.kinds:
        whole = draw_noun_phrase(rng, frozenset({"building"}), definite=True, singular=True)
        return replace(phrase, determiner="the", whole=whole)
    if chance > 0.97 and "person" in noun.kinds:
        return replace(phrase, determiner="the", relative=_draw_relative(rng))
    return phrase


def _draw_adjectives(rng: random.Random, noun: Noun, chance: float) -> tuple[Adjective | None, tuple[Adjective, ...]]:
    if rng.random() >= chance:
        return None, ()
    before, after = adjectives_of(noun, True), adjectives_of(noun, False)
    kind = rng.random()
    first = rng.choice(before) if before and kind < 0.45 else None
    if first is not None and kind > 0.12:
        return first, ()
    if not after:
        return first, ()
    count = 2 if first is None and kind > 0.95 and len(after) > 1 else 1
    return first, tuple(rng.sample(after, count))


def _draw_determiner(rng: random.Random, plural: bool, definite: bool) -> str:
    kind = rng.random()
    if kind < 0.45:
        return "the"
    if kind < 0.65:
        if not plural:
            return "a"
        return rng.choice(tuple(NUMBERS)) if definite else rng.choice(("some", "some", "bare", *NUMBERS))
    if kind < 0.85:
        return rng.choice(tuple(POSSESSIVES))
    if kind < 0.93:
        return "this"
    return rng.choice(("all", "many")) if plural else "every"


def _draw_owner(rng: random.Random) -> Name | NounPhrase:
    if rng.random() < 0.5:
        return draw_name(rng)
    return NounPhrase(rng.choice(nouns_of(PERSON)), rng.choice(("the", "my", "your", "his", "her", "our")))


def draw_name(rng: random.Random) -> Name:
    """Return someone by name."""
    text = rng.choice(tuple(NAMES))
    return Name(text, NAMES[text])


def _draw_relative(rng: random.Random) -> Predicate:
    verb = rng.choice([verb for verb in (*INTRANSITIVE, *TRANSITIVE) if "person" in verb.subjects and not verb.is_gift])
    tense = rng.choice(("present", "present", "past"))
    what = draw_noun_phrase(rng, verb.objects, definite=bool(verb.link), singular=True) if verb.objects else None
    return settled(Predicate(verb, tense, object=what))


def draw_subject(rng: random.Random, kinds: frozenset[str]) -> Thing:
    """Return who or what does something: a pronoun, a name, two names, or a noun of these kinds."""
    kind = rng.random()
    if "person" in kinds and kind < 0.42:
        return rng.choice(PERSONS)
    if "person" in kinds and kind < 0.54:
        return draw_name(rng)
    if "person" in kinds and kind < 0.58:
        first = draw_name(rng)
        others = [text for text in NAMES if text != first.text]
        second = rng.choice(others)
        return Couple(first, Name(second, NAMES[second]))
    if kind > 0.985 and "person" in kinds:
        return IT
    phrase = draw_noun_phrase(rng, kinds)
    if phrase.determiner in ("bare", "any"):
        phrase = replace(phrase, determiner="the")
    return phrase


def pronoun_of(subject: Thing) -> Person | None:
    """Return the pronoun that stands for a subject in a second clause."""
    if isinstance(subject, Person):
        return subject
    if subject.plural:
        return THEY_FEMININE if subject.feminine else THEY
    if isinstance(subject, NounPhrase) and subject.determiner == "every":
        return None  # every girl … she? they? English is not sure itself
    if isinstance(subject, Name) or (isinstance(subject, NounPhrase) and "person" in subject.noun.kinds):
        return SHE if subject.feminine else HE
    return IT_FEMININE if subject.feminine else IT


def settled(predicate: Predicate) -> Predicate:
    """Return the predicate in a tense that English shows: "I read" is said today."""
    base, _, past, _ = predicate.verb.english
    if base == past and predicate.tense == "past" and predicate.negation != "not" and not predicate.modal:
        return replace(predicate, tense="present", time=None)
    return predicate


def kinds_of(subject: Thing | None) -> frozenset[str]:
    """Return the kinds of a subject; a name, a pronoun, or who is a person."""
    return subject.noun.kinds if isinstance(subject, NounPhrase) else PERSON
