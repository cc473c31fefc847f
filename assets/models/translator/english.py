"""Says a structure in English."""

from lexicon import BE, MODALS, Person
from structure import Clause, Couple, Name, NounPhrase, Place, Predicate, Sentence, Thing

# Begin with another sound than their letter
_LIKE_CONSONANTS = ("university", "useful")
_LIKE_VOWELS = ("honest", "hour")
_NEGATED = {"will": "won't", "can": "can't"}
_SHORT = {"am": "'m", "is": "'s", "are": "'re", "will": "'ll"}


def say(sentence: Sentence) -> str:
    """Return the sentence as text."""
    if sentence.phrase is not None:
        words, stop = noun_phrase(sentence.phrase), ""
    elif sentence.question:
        words, stop = _question(sentence), "?"
    else:
        words, stop = _statement(sentence), "!" if sentence.exclaims else "."
    text = " ".join(words).replace(" ,", ",").replace(" '", "'")
    return (text[0].upper() + text[1:] if sentence.capital else text) + (stop if sentence.stop else "")


def thing(what: Thing, *, is_object: bool = False) -> list[str]:
    """Return the words for who or what does something or has something done to it."""
    if isinstance(what, Person):
        return (what.english_object if is_object else what.english).split()
    if isinstance(what, Name):
        return [what.text]
    if isinstance(what, Couple):
        return [*thing(what.first), "and", *thing(what.second)]
    return noun_phrase(what)


def noun_phrase(phrase: NounPhrase) -> list[str]:
    """Return the words of a noun phrase: every adjective stands before the noun, an owner before them."""
    adjectives = [phrase.before.english] if phrase.before else []
    adjectives += [word for i, adjective in enumerate(phrase.after) for word in ["and"] * (i > 0) + [adjective.english]]
    words = [*adjectives, phrase.noun.english_plural if phrase.plural else phrase.noun.english]
    if phrase.owner is not None:
        words = [*thing(phrase.owner), "'s", *words]
    else:
        words = [*_determiner(phrase, words[0]), *words]
    if phrase.whole is not None:
        words += ["of", *noun_phrase(phrase.whole)]
    if phrase.relative is not None:
        words += ["who", *_told(phrase, phrase.relative)]
    return words


def _determiner(phrase: NounPhrase, following: str) -> list[str]:
    determiner = phrase.determiner
    if determiner == "a":
        sounds_open = following[0] in "aeiou" and not following.startswith(_LIKE_CONSONANTS)
        return ["an" if sounds_open or following.startswith(_LIKE_VOWELS) else "a"]
    if determiner == "this":
        return ["these" if phrase.plural else "this"]
    if determiner == "all":
        return ["all", "the"]
    return [] if determiner in ("generic", "bare") else [determiner]


def _statement(sentence: Sentence) -> list[str]:
    assert sentence.clause is not None
    words = _clause(sentence.clause)
    time = sentence.clause.predicate.time
    if time is not None and time.in_front:
        words = [time.english, ",", *words]
    if sentence.second is not None:
        words += [sentence.link, *_clause(sentence.second)]
    if sentence.thinker is not None and sentence.thought is not None:
        verb = sentence.thought.english[1 if sentence.thinker.number == 2 else 0]
        words = [*thing(sentence.thinker), verb, "that", *words]
    return words


def _question(sentence: Sentence) -> list[str]:
    assert sentence.clause is not None
    clause, kind = sentence.clause, sentence.question
    predicate = clause.predicate
    if kind == "who":
        return ["who", *_told(None, predicate)]
    front = {"yes": [], "whom": ["who"]}.get(kind, kind.split())
    if sentence.counted is not None:
        front = [*front, sentence.counted.english_plural]
    auxiliary, rest = _verb_words(clause.subject, predicate, asks=True)
    return [*front, *auxiliary, *_subject(clause), *rest, *_rest(predicate)]


def _subject(clause: Clause) -> list[str]:
    if clause.predicate.is_there:
        return ["there"]
    return [] if clause.subject is None else thing(clause.subject)


def _clause(clause: Clause) -> list[str]:
    return [*_subject(clause), *_told(clause.subject, clause.predicate)]


def _told(subject: Thing | None, predicate: Predicate) -> list[str]:
    auxiliary, rest = _verb_words(subject, predicate, asks=False)
    return [*auxiliary, *rest, *_rest(predicate)]


def _verb_words(subject: Thing | None, predicate: Predicate, *, asks: bool) -> tuple[list[str], list[str]]:
    """Return the auxiliary, which a question puts before the subject, and the words behind it."""
    number = 2 if subject is None else subject.number
    if predicate.is_there and predicate.object is not None:
        number = predicate.object.number
    auxiliary, main = _auxiliary_and_main(predicate, number, asks=asks)
    negation = predicate.negation
    if negation == "not" and predicate.contracted and auxiliary != "am":
        auxiliary, negation = _NEGATED.get(auxiliary, f"{auxiliary}n't"), ""
    elif predicate.contracted and not asks and isinstance(subject, Person) and subject.english != "you all":
        auxiliary = _SHORT.get(auxiliary, auxiliary)
    if (auxiliary, negation) == ("can", "not") and not asks:
        auxiliary, negation = "cannot", ""
    rest = [word for word in (negation, predicate.adverb) if word]
    return [auxiliary] if auxiliary else [], rest + main


def _auxiliary_and_main(predicate: Predicate, number: int, *, asks: bool) -> tuple[str, list[str]]:
    verb, tense, modal = predicate.verb, predicate.tense, predicate.modal
    has_object = predicate.object is not None or predicate.asks_object
    particle = [verb.particle] if verb.particle and has_object else []
    base = ["be"] if predicate.is_there else [verb.english[0], *particle]
    if modal in ("can", "must"):
        return modal, base
    if tense == "future":
        return "will", base
    be = _be(number, tense)
    if verb is BE or predicate.is_there:
        return be, []
    if predicate.progressive:
        return be, [verb.english[3], *particle]
    if modal:
        verb, behind = MODALS[modal], ["to", *base]
    else:
        behind = base[1:]
    if asks or predicate.negation == "not":
        return "did" if tense == "past" else ("does" if number == 2 else "do"), [verb.english[0], *behind]
    form = 2 if tense == "past" else (1 if number == 2 else 0)
    return "", [verb.english[form], *behind]


def _be(number: int, tense: str) -> str:
    if tense == "past":
        return "was" if number in (0, 2) else "were"
    return {0: "am", 2: "is"}.get(number, "are")


def _rest(predicate: Predicate) -> list[str]:
    words = [predicate.degree] if predicate.degree else []
    if predicate.adjective is not None:
        words.append(predicate.adjective.english)
    if predicate.state is not None:
        words.append(predicate.state.english)
        if predicate.state.of is not None:
            words += ["of", *thing(predicate.state.of, is_object=True)]
    objects = [] if predicate.object is None else thing(predicate.object, is_object=True)
    if predicate.recipient is not None:
        recipient = thing(predicate.recipient, is_object=True)
        objects = [*recipient, *objects] if predicate.recipient_first else [*objects, "to", *recipient]
    words += objects
    if predicate.place is not None:
        words += _place(predicate.place)
    if predicate.time is not None and not predicate.time.in_front:
        words.append(predicate.time.english)
    return words


def _place(place: Place) -> list[str]:
    return [*place.english, *thing(place.noun, is_object=True)]
