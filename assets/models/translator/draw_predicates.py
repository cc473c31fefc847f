"""Draws what is said of someone: verbs with their objects, places, times, and what someone is."""

import random
from dataclasses import replace

from draw_things import ANIMATE, PERSON, adjectives_of, draw_name, draw_noun_phrase, kinds_of, nouns_of, settled
from lexicon import (
    ADJECTIVES,
    ADVERBS,
    BE,
    DEGREES,
    FEAR,
    INTRANSITIVE,
    NUMBERS,
    PERSONS,
    PREPOSITIONS,
    STATES,
    TIMES,
    TRANSITIVE,
    VERBS,
    Person,
    Verb,
)
from structure import NounPhrase, Place, Predicate, State, Thing, Time

DISCRETE = ("the", "a", "this", "my", "your", "his", "her", "our", "their")
NEEDS_NO_OBJECT = frozenset({"manger", "lire", "écrire", "dessiner", "écouter", "attendre", "comprendre"})
LIKES = frozenset({"aimer", "adorer"})


def draw_tense(rng: random.Random) -> str:
    """Return a tense, most often the present."""
    return rng.choices(("present", "past", "future"), (55, 25, 20))[0]


def _draw_negation(rng: random.Random) -> str:
    return rng.choices(("", "not", "never"), (70, 24, 6))[0]


def draw_predicate(rng: random.Random, subject: Thing | None, *, asks: bool = False) -> Predicate:
    """Return what can be said of a subject; None is who, in a question."""
    kind = rng.random()
    if kind < 0.17:
        return settled(draw_being(rng, subject))
    verb = _draw_verb(rng, subject)
    predicate = Predicate(verb, draw_tense(rng), _draw_negation(rng), contracted=rng.random() < 0.4)
    if asks and predicate.negation == "never":
        predicate = replace(predicate, negation="")
    if verb.objects and (verb.french not in NEEDS_NO_OBJECT or rng.random() < 0.85):
        predicate = _with_object(rng, predicate, subject, asks=asks)
    chance = rng.random()
    if chance < 0.14 and predicate.tense != "future":
        modal = rng.choice(("can", "must", "want", "like"))
        tense = "present" if modal in ("can", "must") else predicate.tense
        negation = "not" if predicate.negation == "never" else predicate.negation
        predicate = replace(predicate, modal=modal, tense=tense, negation=negation)
    elif chance < 0.24:
        predicate = replace(predicate, adverb=rng.choice(tuple(ADVERBS)) if predicate.negation != "never" else "")
    elif chance < 0.45 and verb.has_progressive and predicate.tense == "present" and predicate.negation != "never":
        predicate = replace(predicate, progressive=True)
    if rng.random() < (0.12 if verb.objects else 0.45):
        predicate = replace(predicate, place=draw_place(rng, kinds_of(subject)))
    elif rng.random() < 0.2:
        predicate = replace(predicate, time=_draw_time(rng, predicate, asks=asks))
    return settled(predicate)


def _draw_verb(rng: random.Random, subject: Thing | None) -> Verb:
    kinds = kinds_of(subject)
    verbs = INTRANSITIVE if rng.random() < 0.28 else TRANSITIVE
    fitting = [verb for verb in verbs if verb.subjects & kinds]
    return rng.choice(fitting or [verb for verb in VERBS if verb.subjects & kinds])


def _with_object(rng: random.Random, predicate: Predicate, subject: Thing | None, *, asks: bool) -> Predicate:
    verb = predicate.verb
    if "person" in verb.objects and not verb.link and rng.random() < 0.35:
        return replace(predicate, object=_draw_object_pronoun(rng, subject))
    if "person" in verb.objects and rng.random() < 0.15:
        return replace(predicate, object=draw_name(rng))
    what = draw_noun_phrase(rng, verb.objects, definite=bool(verb.link))
    is_indefinite = what.determiner in ("a", "some", "bare")
    if verb.french in LIKES and is_indefinite and (what.plural or not what.noun.english_plural):
        what = replace(what, determiner="generic")
    elif what.determiner == "some" and (predicate.negation or (asks and rng.random() < 0.5)):
        what = replace(what, determiner="any")
    if not verb.is_gift:
        return replace(predicate, object=what)
    recipient = (
        draw_name(rng)
        if rng.random() < 0.3
        else NounPhrase(rng.choice(nouns_of(PERSON)), rng.choice(DISCRETE), plural=False)
    )
    if isinstance(recipient, NounPhrase) and recipient.determiner not in ("a", "this") and rng.random() < 0.3:
        recipient = replace(recipient, plural=True)
    return replace(predicate, object=what, recipient=recipient, recipient_first=rng.random() < 0.4)


def _draw_object_pronoun(rng: random.Random, subject: Thing | None) -> Person:
    """Return someone else than the subject: French and English say "myself" in other ways."""
    mine = subject.number % 3 if isinstance(subject, Person) and subject.number in (0, 1, 3, 4) else None
    return rng.choice([person for person in PERSONS if mine is None or person.number % 3 != mine])


def draw_being(rng: random.Random, subject: Thing | None) -> Predicate:
    """Return what someone is, or has where English is: hungry, afraid; or where."""
    predicate = Predicate(BE, draw_tense(rng), _draw_negation(rng), contracted=rng.random() < 0.4)
    if rng.random() < 0.15 and predicate.negation != "never":
        predicate = replace(predicate, adverb=rng.choice(tuple(ADVERBS)))
    kinds, kind = kinds_of(subject), rng.random()
    if kind < 0.28 and kinds & ANIMATE:
        state = _draw_state(rng, kinds)
        degree = rng.choice(tuple(DEGREES)) if state.takes_degree and rng.random() < 0.15 else ""
        return replace(predicate, state=state, degree=degree)
    if kind < 0.45 and "place" not in kinds:
        return replace(predicate, place=draw_place(rng, kinds))
    if isinstance(subject, NounPhrase):
        fitting = adjectives_of(subject.noun)
    else:
        fitting = tuple(adjective for adjective in ADJECTIVES if "person" in adjective.kinds)
    fitting = tuple(adjective for adjective in fitting if adjective.english not in ("good", "bad"))
    degree = rng.choice(tuple(DEGREES)) if rng.random() < 0.25 else ""
    return replace(predicate, adjective=rng.choice(fitting), degree=degree)


def _draw_state(rng: random.Random, kinds: frozenset[str]) -> State:
    kind = rng.random()
    if kind < 0.3:
        of = draw_noun_phrase(rng, ANIMATE, definite=True)
        return State(*FEAR, of=of, takes_degree=False)
    if kind < 0.5:
        count = rng.choice(tuple(NUMBERS))
        return State(f"{count} years old", f"{NUMBERS[count]} ans", takes_degree=False)
    names = tuple(STATES) if "person" in kinds else ("hungry", "thirsty", "sleepy")
    name = rng.choice(names)
    return State(name, STATES[name], takes_degree=name not in ("right", "wrong"))


def draw_place(rng: random.Random, of: frozenset[str]) -> Place:
    """Return a place where something of these kinds can be."""
    whose = "person" if "person" in of else "animal" if "animal" in of else "thing"
    fitting = [row[:3] for row in PREPOSITIONS if whose in row[3]]
    in_english, in_french, kinds = rng.choice(fitting)
    if kinds == PERSON and rng.random() < 0.5:
        return Place(in_english, in_french, draw_name(rng))
    phrase = draw_noun_phrase(rng, kinds, definite=True, singular=rng.random() < 0.7)
    if phrase.relative is not None:
        phrase = replace(phrase, relative=None)
    return Place(in_english, in_french, phrase)


def _draw_time(rng: random.Random, predicate: Predicate, *, asks: bool) -> Time | None:
    fitting = [(said, told) for tenses, said, told in TIMES if predicate.tense in tenses]
    if predicate.progressive:
        fitting = [("today", "aujourd'hui"), ("now", "maintenant")]
    said, told = rng.choice(fitting)
    in_front = not asks and said in ("today", "yesterday", "tomorrow") and rng.random() < 0.3
    return Time(said, told, in_front)
