"""Draws structures by chance and says each one in both languages: python grammar.py [number] prints pairs.

What English leaves open is settled by rule, so that every English sentence has one French one: "you" is tu and "you
all" is vous; "I", "you", "we" and "you all" are masculine; "they" and "it" are masculine unless the sentence says of
whom; what has happened is told in the passé composé, what was so in the imparfait.
"""

import random
import sys
from dataclasses import replace

import english
import french
from draw_predicates import draw_being, draw_place, draw_predicate, draw_tense
from draw_things import (
    ANIMATE,
    PERSON,
    draw_name,
    draw_noun_phrase,
    draw_subject,
    kinds_of,
    nouns_of,
    pronoun_of,
    settled,
)
from hold_out import is_held_out
from lexicon import BE, HAVE, NUMBERS, THOUGHTS, TRANSITIVE, Adjective, Noun, Person
from structure import Clause, Name, NounPhrase, Predicate, Sentence, parts, substitute

LONGEST = 14  # words of a sentence, in the language in which it is longer
UNKNOWN = "<unk>"
UNKNOWN_NOUN = Noun(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, feminine=False, aspirated=False, kinds=frozenset())
UNKNOWN_ADJECTIVE = Adjective(UNKNOWN, (UNKNOWN,) * 4, UNKNOWN, is_before=False, kinds=frozenset())


def pair(sentence: Sentence) -> tuple[str, str]:
    """Return the sentence in English and in French; French has a capital where English has one, be it that of "I"."""
    said = english.say(sentence)
    return said, french.say(replace(sentence, capital=said[0].isupper()))


def draw(rng: random.Random) -> Sentence:
    """Return a sentence drawn by chance, of at most LONGEST words, in which no noun comes twice."""
    while True:
        sentence = _draw_any(rng)
        nouns = [part for part in parts(sentence) if isinstance(part, Noun)]
        if len(nouns) == len(set(nouns)) and max(map(count_words, pair(sentence))) <= LONGEST:
            return sentence


def count_words(text: str) -> int:
    """Return how many words a text has; l' is one, a full stop is none, but a question mark in French is."""
    return len(text.replace("'", " ").split())


def draw_of(rng: random.Random, *, held_out: bool) -> Sentence:
    """Return a sentence of the training set, or one of the held-out set."""
    while True:
        sentence = draw(rng)
        if is_held_out(sentence) == held_out:
            return sentence


def with_unknown_word(sentence: Sentence, rng: random.Random) -> Sentence:
    """Return the sentence with a noun, name or adjective that nobody knows in place of one: French leaves it so."""
    known = [part for part in parts(sentence) if isinstance(part, Noun | Name | Adjective)]
    known = [part for part in known if not (isinstance(part, Adjective) and part.is_before)]
    if not known:
        return sentence
    old = rng.choice(known)
    if isinstance(old, Noun):
        return substitute(sentence, old, replace(UNKNOWN_NOUN, english_plural=old.english_plural and UNKNOWN))
    return substitute(sentence, old, Name(UNKNOWN, False) if isinstance(old, Name) else UNKNOWN_ADJECTIVE)


def _draw_any(rng: random.Random) -> Sentence:
    kind = rng.random()
    if kind < 0.06:
        phrase = draw_noun_phrase(rng, frozenset({"person", "animal", "food", "thing", "vehicle", "place"}), rich=True)
        if phrase.determiner == "bare":  # it would begin with any noun
            phrase = replace(phrase, determiner="the")
        return Sentence(phrase=phrase, capital=rng.random() < 0.3, stop=False)
    sentence = _draw_question(rng) if kind < 0.28 else _draw_statement(rng)
    if rng.random() < 0.1:  # as people type
        sentence = replace(sentence, capital=rng.random() < 0.5, stop=rng.random() < 0.5)
    return replace(sentence, exclaims=rng.random() < 0.03)


def _draw_clause(rng: random.Random, *, asks: bool = False) -> Clause:
    chance = rng.random()
    if chance < 0.05:
        return Clause(None, _draw_there(rng))
    kinds = ANIMATE if chance < 0.85 else frozenset({"thing", "vehicle", "place", "landmark", "text", "drink"})
    subject = draw_subject(rng, kinds)
    if kinds_of(subject) & ANIMATE or ("vehicle" in kinds_of(subject) and rng.random() < 0.4):
        return Clause(subject, draw_predicate(rng, subject, asks=asks))
    return Clause(subject, draw_being(rng, subject))


def _draw_there(rng: random.Random) -> Predicate:
    what = draw_noun_phrase(rng, frozenset({"person", "animal", "thing", "vehicle", "food", "mass"}), singular=True)
    plural = bool(what.noun.english_plural) and rng.random() < 0.5
    negation = "not" if rng.random() < 0.25 else ""
    one = "a" if what.noun.english_plural else "some"
    determiner = rng.choice(("some", "many", *NUMBERS)) if plural else one
    if negation and determiner == "some":
        determiner = "any"
    place = draw_place(rng, what.noun.kinds)
    return Predicate(
        HAVE,
        draw_tense(rng),
        negation,
        object=replace(what, determiner=determiner, plural=plural),
        place=place,
        is_there=True,
        contracted=rng.random() < 0.4,
    )


def _draw_statement(rng: random.Random) -> Sentence:
    clause, chance = _draw_clause(rng), rng.random()
    if chance < 0.12 and clause.subject is not None:
        again = pronoun_of(clause.subject)
        if again is not None:
            return _joined(rng, clause, again)
    if chance > 0.95:
        thinker = draw_subject(rng, PERSON)
        if not (isinstance(thinker, NounPhrase) and thinker.relative is not None):
            clause = _without_front(clause)
            return Sentence(clause, thinker=thinker, thought=rng.choice(THOUGHTS))
    return Sentence(clause)


def _joined(rng: random.Random, clause: Clause, again: Person) -> Sentence:
    """Return two clauses of one subject, the second with a pronoun in its place."""
    assert clause.subject is not None
    if isinstance(clause.subject, NounPhrase) and not kinds_of(clause.subject) & ANIMATE:
        predicate = draw_being(rng, clause.subject)
    else:
        predicate = draw_predicate(rng, again if isinstance(clause.subject, Person) else clause.subject)
    if isinstance(predicate.object, Person) and predicate.object.number == again.number:
        predicate = replace(predicate, object=draw_name(rng))
    second = _without_front(Clause(again, predicate))
    return Sentence(clause, link=rng.choice(("and", "but", "because")), second=second)


def _without_front(clause: Clause) -> Clause:
    time = clause.predicate.time
    if time is None or not time.in_front:
        return clause
    return replace(clause, predicate=replace(clause.predicate, time=replace(time, in_front=False)))


def _draw_question(rng: random.Random) -> Sentence:
    kind = rng.choices(("yes", "where", "why", "when", "what", "who", "whom", "how many"), (46, 12, 8, 6, 9, 9, 5, 5))[
        0
    ]
    if kind == "who":
        return Sentence(Clause(None, draw_predicate(rng, None)), kind)
    if kind in ("what", "whom", "how many"):
        return _draw_object_question(rng, kind)
    clause = _without_front(_draw_clause(rng, asks=True))
    while kind != "yes" and (clause.predicate.is_there or (kind == "when" and clause.predicate.verb is BE)):
        clause = _without_front(_draw_clause(rng, asks=True))
    if kind == "where":
        clause = _draw_where(rng, clause)
    if kind == "when":
        clause = replace(clause, predicate=replace(clause.predicate, time=None))
    return Sentence(clause, kind)


def _draw_where(rng: random.Random, clause: Clause) -> Clause:
    if clause.subject is None or rng.random() < 0.5:
        tense = rng.choices(("present", "past", "future"), (80, 10, 10))[0]
        kinds = frozenset({"person", "animal", "thing", "vehicle", "place"})
        return Clause(draw_subject(rng, kinds), Predicate(BE, tense))
    predicate = replace(clause.predicate, place=None)
    if predicate.verb is BE:
        return Clause(clause.subject, Predicate(BE, predicate.tense))
    if predicate.verb.link == "dans" or predicate.verb.french == "aller":
        predicate = replace(predicate, object=None)
    return Clause(clause.subject, predicate)


def _draw_object_question(rng: random.Random, kind: str) -> Sentence:
    wanted = PERSON if kind == "whom" else frozenset({"thing", "food", "text", "drink"})
    fitting = [verb for verb in TRANSITIVE if verb.objects & wanted and not verb.link and not verb.is_gift]
    verb = rng.choice(fitting)
    subject = draw_subject(rng, PERSON)
    predicate = Predicate(verb, draw_tense(rng), modal=rng.choice(("", "", "", "want", "can")), asks_object=True)
    if predicate.modal:
        predicate = replace(predicate, tense="present")
    if kind != "how many":
        return Sentence(Clause(subject, settled(predicate)), kind)
    counted = rng.choice([noun for noun in nouns_of(verb.objects) if noun.english_plural] or nouns_of(PERSON))
    return Sentence(Clause(subject, predicate), kind, counted=counted)


if __name__ == "__main__":
    chance = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        print(*pair(draw(chance)), sep="\n    ")
