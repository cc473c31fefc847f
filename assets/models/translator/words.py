"""The tokenizer: a word is a token, l' and n't's like are tokens of their own, and what is in no table is <unk>."""

import random
from collections.abc import Iterable

import french
import grammar
from lexicon import (
    ADJECTIVES,
    ADVERBS,
    BE,
    DEGREES,
    FEAR,
    IT,
    LINKS,
    MODALS,
    NAMES,
    NOUNS,
    NUMBERS,
    PERSONS,
    POSSESSIVES,
    PREPOSITIONS,
    QUESTIONS,
    STATES,
    THEY_FEMININE,
    THOUGHTS,
    TIMES,
    VERBS,
    Verb,
)
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

PAD, EOS, UNKNOWN = "<pad>", "</s>", grammar.UNKNOWN
# Of a text: l', n' and so on before a letter; aujourd'hui; English 's, 'm, 're, 'll; a word, with n't and hyphens; a
# number; any other sign by itself
PATTERN = (
    r"(?:[ldjnmtscLDJNMTSC]|[Qq]u)'(?=[\p{L}<])|[Aa]ujourd'hui|'(?:s|m|re|ll)\b|"
    r"\p{L}+n't\b|\p{L}+(?:-\p{L}+)*|\p{N}+|[^\s\p{L}\p{N}]"
)
SAMPLE, SAMPLE_SEED = 60_000, 1  # sentences in which the small words are found, with capitals where they have them


def collect() -> tuple[list[str], list[str]]:
    """Return the tokens of English, and those of French that are not English too."""
    split = _pre_tokenizer()
    english, frenches = set(_english_forms()), set(_french_forms())
    rng = random.Random(SAMPLE_SEED)
    for _ in range(SAMPLE):
        for words, text in zip((english, frenches), grammar.pair(grammar.draw(rng)), strict=True):
            words.update(word for word, _ in split.pre_tokenize_str(text))
    return sorted(english), sorted(frenches - english)


def _english_forms() -> Iterable[str]:
    for noun in NOUNS:
        yield from filter(None, (noun.english, noun.english_plural))
    yield from (adjective.english for adjective in ADJECTIVES)
    for verb in VERBS:
        yield from verb.english


def _french_forms() -> Iterable[str]:
    for noun in NOUNS:
        yield from filter(None, (noun.french, noun.french_plural))
    for adjective in ADJECTIVES:
        yield from (*adjective.forms, adjective.before_vowel)
    for verb in (*VERBS, *MODALS.values()):
        tenses = ("present", "future", "imperfect") if verb.imperfect else ("present", "future")
        yield from (french.conjugate(verb, number, tense) for number in range(6) for tense in tenses)
        yield from (verb.french, verb.participle)
        # The participle agrees with a subject, with a pronoun before it, or what is counted: combien de pommes
        is_counted = verb.objects & {"thing", "food", "text"} and not (verb.link or verb.is_gift or verb.imperfect)
        if verb.with_be or "person" in verb.objects:
            yield from (french.inflect(verb.participle, feminine=feminine, plural=False) for feminine in (False, True))
        if verb.with_be or "person" in verb.objects or is_counted:
            yield from (french.inflect(verb.participle, feminine=feminine, plural=True) for feminine in (False, True))
    for verb in THOUGHTS:
        yield from verb.present


def features(words: Iterable[str]) -> dict[str, list[str]]:
    """Return what the tables say of each word: which word it is a form of, in both languages alike, and which form.

    train.py adds up a vector for each, where the embeddings begin: so that a rare form is not learned by itself.
    """
    said: dict[str, list[str]] = {}
    for word, what in _table_features():
        said.setdefault(word, []).extend(feature for feature in what if feature not in said.get(word, ()))
    for word in words:
        if word not in said:
            small = word[0].lower() + word[1:]
            said[word] = [*said.get(small, [f"word {small}"]), *["capital"] * (small != word)]
    return said


def _table_features() -> Iterable[tuple[str, list[str]]]:
    for noun in NOUNS:
        gender, root = "feminine" if noun.feminine else "masculine", f"word {noun.english}"
        yield from ((noun.english, [root, "one"]), (noun.french, [root, "one", gender]))
        if noun.english_plural:
            yield from ((noun.english_plural, [root, "more"]), (noun.french_plural, [root, "more", gender]))
    for adjective in ADJECTIVES:
        root = f"word {adjective.english}"
        yield from ((adjective.english, [root]), (adjective.before_vowel, [root, "one", "masculine"]))
        for place, form in enumerate(adjective.forms):
            yield form, [root, "more" if place >= 2 else "one", "feminine" if place % 2 else "masculine"]
    for verb in (BE, *VERBS, *MODALS.values(), *THOUGHTS):
        yield from _verb_features(verb)
    for person in (*PERSONS, THEY_FEMININE, IT):
        root = f"word {person.english}"
        yield from ((word, [root]) for word in (person.english, person.french, person.english_object))
        yield person.french_object, [root]
    for name in NAMES:
        yield name, [f"word {name}"]
    pairs = [*NUMBERS.items(), *STATES.items(), *DEGREES.items(), *ADVERBS.items(), *QUESTIONS.items(), FEAR]
    pairs += [(said, told) for _, said, told in TIMES] + [(said[0], told[0]) for said, told, *_ in PREPOSITIONS]
    pairs += [(said, told[0]) for said, told in LINKS.items()]
    pairs += [(said, form) for said, forms in POSSESSIVES.items() for form in forms]
    for said, told in pairs:
        yield from ((said, [f"word {said}"]), (told, [f"word {said}"]))


def _verb_features(verb: Verb) -> Iterable[tuple[str, list[str]]]:
    root = f"word {verb.english[0]}"
    for word, form in zip(verb.english, ("base", "third", "past", "progressive"), strict=True):
        yield word, [root, form]
    yield verb.french, [root, "infinitive"]
    for tense in ("present", "future", "imperfect"):
        if tense == "present" or getattr(verb, tense):
            yield from ((french.conjugate(verb, n, tense), [root, tense, f"person {n}"]) for n in range(6))
    if verb.participle:
        for feminine, plural in ((False, False), (False, True), (True, False), (True, True)):
            form = french.inflect(verb.participle, feminine=feminine, plural=plural)
            yield form, [root, "participle", "feminine" if feminine else "masculine", "more" if plural else "one"]


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(PATTERN), "removed", invert=True)


def build_tokenizer(words: Iterable[str], context: int) -> PreTrainedTokenizerFast:
    """Return the tokenizer of these words, in this order."""
    vocabulary = {word: id for id, word in enumerate([PAD, EOS, UNKNOWN, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace("’", "'")])
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {EOS}", special_tokens=[(EOS, 1)])
    # A space between any two, but none behind l' nor before a full stop
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.WordPiece(prefix="##", cleanup=False),
            decoders.Fuse(),
            decoders.Replace(Regex(r"(?<=\b([ldjnmtscLDJNMTSC]|[Qq]u)') "), ""),
            decoders.Replace(Regex(r" (?=[.,])"), ""),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        unk_token=UNKNOWN,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
