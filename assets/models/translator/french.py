"""Says a structure in French: gender, agreement, conjugation, negation, elision and contraction."""

import unicodedata

from lexicon import (
    ADVERBS,
    BE,
    DEGREES,
    HAVE,
    LINKS,
    MODALS,
    NOUNS,
    NUMBERS,
    POSSESSIVES,
    QUESTIONS,
    THEY,
    VOWELS,
    Adjective,
    Noun,
    Person,
    Verb,
)
from structure import Clause, Couple, Name, NounPhrase, Place, Predicate, Sentence, Thing

ELIDED = frozenset({"je", "me", "te", "le", "la", "ne", "de", "que"})
ASPIRATED = frozenset(
    form for noun in NOUNS if noun.aspirated for form in (noun.french, noun.french_plural)
)  # fmt: skip
CONTRACTED = {("à", "le"): "au", ("à", "les"): "aux", ("de", "le"): "du", ("de", "les"): "des"}
_FUTURE = ("ai", "as", "a", "ons", "ez", "ont")
_IMPERFECT = ("ais", "ais", "ait", "ions", "iez", "aient")


def say(sentence: Sentence) -> str:
    """Return the sentence as text."""
    if sentence.phrase is not None:
        words, stop = noun_phrase(sentence.phrase), ""
    elif sentence.question:
        words, stop = _question(sentence), " ?"
    else:
        words, stop = _statement(sentence), " !" if sentence.exclaims else "."
    text = join(words)
    return (text[0].upper() + text[1:] if sentence.capital else text) + (stop if sentence.stop else "")


def join(words: list[str]) -> str:
    """Return the words as text: elided before a vowel or a mute h, prepositions drawn together with articles."""
    joined: list[str] = []
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        elided = elide(word, following)
        if joined and (short := CONTRACTED.get((joined[-1], elided))):
            joined[-1] = short
        else:
            joined.append(elided)
    return " ".join(joined).replace("' ", "'").replace(" ,", ",")


def elide(word: str, following: str) -> str:
    """Return `word` as it is before `following`: le -> l' before a vowel or a mute h."""
    if word in ELIDED and sounds_open(following):
        return word[:-1] + "'"
    return word


def sounds_open(word: str) -> bool:
    """Return whether a word begins with a vowel or a mute h."""
    first = unicodedata.normalize("NFC", word[:1]).lower()
    return (first in VOWELS and bool(first)) or (first == "h" and word not in ASPIRATED)


def agree(adjective: Adjective, *, feminine: bool, plural: bool) -> str:
    """Return the adjective's form."""
    return adjective.forms[2 * plural + feminine]


def conjugate(verb: Verb, number: int, tense: str) -> str:
    """Return the form of a verb that has a tense: present, future, or the imparfait."""
    if tense == "present":
        return verb.present[number]
    if tense == "future":
        return verb.future + _FUTURE[number]
    stem, ending = verb.imperfect, _IMPERFECT[number]
    return stem + ending


def thing(what: Thing, *, denied: bool = False) -> list[str]:
    """Return the words for who or what; `denied`: as the object of a verb with ne … pas."""
    if isinstance(what, Person):
        return [what.french]
    if isinstance(what, Name):
        return [what.text]
    if isinstance(what, Couple):
        return [*thing(what.first), "et", *thing(what.second)]
    return noun_phrase(what, denied=denied)


def noun_phrase(phrase: NounPhrase, *, denied: bool = False) -> list[str]:
    """Return the words of a noun phrase: the article by gender, number and sound, most adjectives behind the noun."""
    noun, plural, feminine = phrase.noun, phrase.plural, phrase.noun.feminine
    words = [noun.french_plural if plural else noun.french]
    if phrase.before is not None:
        meets_vowel = not plural and not feminine and sounds_open(words[0])
        form = phrase.before.before_vowel if meets_vowel else agree(phrase.before, feminine=feminine, plural=plural)
        words = [form, *words]
    words = [*_determiner(phrase, words[0], denied=denied), *words]
    for place, adjective in enumerate(phrase.after):
        words += ["et"] * (place > 0) + [agree(adjective, feminine=feminine, plural=plural)]
    if phrase.owner is not None:
        words += ["de", *thing(phrase.owner)]
    if phrase.whole is not None:
        words += ["de", *noun_phrase(phrase.whole)]
    if phrase.relative is not None:
        words += ["qui", *_predicate(phrase, phrase.relative)]
    return words


def _determiner(phrase: NounPhrase, following: str, *, denied: bool) -> list[str]:
    determiner, plural, feminine = phrase.determiner, phrase.plural, phrase.noun.feminine
    if determiner in ("a", "some", "any", "bare"):
        return _indefinite(phrase, denied=denied)
    if determiner in POSSESSIVES:
        masculine_form, feminine_form, plural_form = POSSESSIVES[determiner]
        sounds_masculine = not feminine or sounds_open(following)  # mon école
        return [plural_form if plural else masculine_form if sounds_masculine else feminine_form]
    if determiner == "this":
        return ["ces" if plural else "cette" if feminine else "cet" if sounds_open(following) else "ce"]
    article = "les" if plural else "la" if feminine else "le"
    if determiner == "all":
        return ["toutes" if feminine else "tous", article]
    quantities = {"every": ["chaque"], "many": ["beaucoup", "de"]} | {name: [word] for name, word in NUMBERS.items()}
    return quantities.get(determiner, [article])


def _indefinite(phrase: NounPhrase, *, denied: bool) -> list[str]:
    if denied:
        return ["de"]
    if not phrase.noun.french_plural:  # some bread: du pain, de l'eau
        return ["de", "la" if phrase.noun.feminine else "le"]
    if phrase.plural:
        return ["de" if phrase.before else "des"]  # de grands chiens
    return ["une" if phrase.noun.feminine else "un"]


def _statement(sentence: Sentence) -> list[str]:
    assert sentence.clause is not None
    words = clause(sentence.clause)
    time = sentence.clause.predicate.time
    if time is not None and time.in_front:
        words = [time.french, ",", *words]
    if sentence.second is not None:
        words += [*LINKS[sentence.link], *clause(sentence.second)]
    if sentence.thinker is not None and sentence.thought is not None:
        verb = sentence.thought.present[sentence.thinker.number]
        words = [*thing(sentence.thinker), verb, "que", *words]
    return words


def _question(sentence: Sentence) -> list[str]:
    assert sentence.clause is not None
    told, kind = sentence.clause, sentence.question
    if kind == "who":
        return ["qui", *_predicate(None, told.predicate)]
    if kind == "where" and told.predicate.verb is BE and not isinstance(told.subject, Person):
        return ["où", *_predicate(told.subject, told.predicate), *_subject(told)]
    asks = ["est-ce", "que"]
    front: list[str] = {"yes": asks, "what": ["qu'", *asks], "whom": ["qui", *asks]}.get(kind, [])
    if kind in QUESTIONS:
        front = [QUESTIONS[kind], *asks]
    if sentence.counted is not None:
        front = ["combien", "de", sentence.counted.french_plural, *asks]
    return [*front, *clause(told, sentence.counted)]


def clause(told: Clause, counted: Noun | None = None) -> list[str]:
    """Return the words of who does what; `counted` is what a question has said before: combien de pommes …"""
    return [*_subject(told), *_predicate(told.subject, told.predicate, counted)]


def _subject(told: Clause) -> list[str]:
    if told.predicate.is_there:
        return ["il"]
    return [] if told.subject is None else thing(told.subject)


def _predicate(subject: Thing | None, predicate: Predicate, counted: Noun | None = None) -> list[str]:
    """Return the verb and what follows it: ne, a pronoun, the verb, pas, an adverb, the participle, the rest."""
    verb, tense = _verb(predicate), predicate.tense
    number = 2 if subject is None or predicate.is_there else subject.number
    pronoun = _object_pronoun(predicate)
    behind: list[str] = []
    if predicate.modal:
        finite = conjugate(MODALS[predicate.modal], number, tense)
        behind, pronoun = [*pronoun, verb.french], []
    elif tense == "past" and not verb.imperfect:
        finite = conjugate(BE if verb.with_be else HAVE, number, "present")
        behind = [_participle(subject, predicate, counted)]
    else:
        finite = conjugate(verb, number, tense)
    words = [*pronoun, finite]
    if predicate.negation:
        words = ["ne", *words, "pas" if predicate.negation == "not" else "jamais"]
    if predicate.adverb:
        words.append(ADVERBS[predicate.adverb])
    return [*words, *behind, *_rest(subject, predicate)]


def _verb(predicate: Predicate) -> Verb:
    return HAVE if predicate.is_there or predicate.state is not None else predicate.verb


def _object_pronoun(predicate: Predicate) -> list[str]:
    if predicate.is_there:
        return ["y"]
    return [predicate.object.french_object] if isinstance(predicate.object, Person) else []


def _participle(subject: Thing | None, predicate: Predicate, counted: Noun | None) -> str:
    """Return the participle: with être it agrees with the subject, with avoir with an object that stands before it."""
    verb = predicate.verb
    agrees_with = subject if verb.with_be else predicate.object if isinstance(predicate.object, Person) else None
    if counted is not None:
        return inflect(verb.participle, feminine=counted.feminine, plural=True)
    if agrees_with is None:
        return verb.participle
    return inflect(verb.participle, feminine=agrees_with.feminine, plural=agrees_with.plural)


def inflect(participle: str, *, feminine: bool, plural: bool) -> str:
    """Return the participle's form: vu, vue, vus, vues; pris, prise, pris, prises."""
    if feminine:
        return participle + ("es" if plural else "e")
    return participle + "s" * (plural and not participle.endswith("s"))


def _rest(subject: Thing | None, predicate: Predicate) -> list[str]:
    words = [DEGREES[predicate.degree]] if predicate.degree else []
    if predicate.adjective is not None:
        who = subject or THEY
        plural, feminine = (False, False) if subject is None else (who.plural, who.feminine)
        words.append(agree(predicate.adjective, feminine=feminine, plural=plural))
    if predicate.state is not None:
        words.append(predicate.state.french)
        if predicate.state.of is not None:
            words += ["de", *thing(predicate.state.of)]
    if predicate.object is not None and not isinstance(predicate.object, Person):
        denied = bool(predicate.negation) and not predicate.verb.link
        words += [predicate.verb.link] * bool(predicate.verb.link) + thing(predicate.object, denied=denied)
    if predicate.recipient is not None:
        words += ["à", *thing(predicate.recipient)]
    if predicate.place is not None:
        words += _place(predicate.place)
    if predicate.time is not None and not predicate.time.in_front:
        words.append(predicate.time.french)
    return words


def _place(place: Place) -> list[str]:
    return [*place.french, *thing(place.noun)]
