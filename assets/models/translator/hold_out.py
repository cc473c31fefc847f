"""Which sentences training never sees: those with a pair of words that are kept apart."""

import hashlib
from collections.abc import Iterator
from functools import cache

from structure import Couple, NounPhrase, Predicate, Sentence, Thing

HOLD_OUT_EVERY = 24  # pairs of words: one of so many is kept out of training


def is_held_out(sentence: Sentence) -> bool:
    """Return whether the sentence has a pair of words that training never has together."""
    return any(_is_kept_out(*words) for words in combinations(sentence))


@cache
def _is_kept_out(kind: str, first: str, second: str) -> bool:
    digest = hashlib.blake2b(f"{kind}|{first}|{second}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) % HOLD_OUT_EVERY == 0


def combinations(sentence: Sentence) -> Iterator[tuple[str, str, str]]:
    """Yield which words the sentence puts together: adjective and noun, subject and verb, verb and object."""
    clauses = [clause for clause in (sentence.clause, sentence.second) if clause is not None]
    if sentence.counted is not None and sentence.clause is not None:
        yield "object", sentence.clause.predicate.verb.french, sentence.counted.english
    if sentence.phrase is not None:
        yield from _in_thing(sentence.phrase)
    for clause in clauses:
        yield from _in_clause(clause.subject, clause.predicate)
        if clause.subject is not None:
            yield from _in_thing(clause.subject)


def _in_clause(subject: Thing | None, predicate: Predicate) -> Iterator[tuple[str, str, str]]:
    for noun in _nouns(subject):
        verb = predicate.adjective.english if predicate.adjective else predicate.verb.french
        yield ("adjective" if predicate.adjective else "subject"), noun, verb
    for what in (predicate.object, predicate.recipient):
        for noun in _nouns(what):
            yield "object", predicate.verb.french, noun
    behind = (predicate.place and predicate.place.noun, predicate.state and predicate.state.of)
    for what in (predicate.object, predicate.recipient, *behind):
        if what is not None:
            yield from _in_thing(what)


def _in_thing(what: Thing) -> Iterator[tuple[str, str, str]]:
    if isinstance(what, Couple):
        yield from _in_thing(what.first)
        yield from _in_thing(what.second)
    if isinstance(what, NounPhrase):
        for adjective in (*filter(None, [what.before]), *what.after):
            yield "adjective", what.noun.english, adjective.english
        for part in (what.owner, what.whole):
            if part is not None:
                yield from _in_thing(part)
        if what.relative is not None:
            yield from _in_clause(what, what.relative)


def _nouns(what: Thing | None) -> list[str]:
    if isinstance(what, NounPhrase):
        return [what.noun.english]
    return [*_nouns(what.first), *_nouns(what.second)] if isinstance(what, Couple) else []
