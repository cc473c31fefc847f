"""The words: nouns, adjectives and verbs from the tables beside this file, and the small words that sentences need."""

import csv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
VOWELS = frozenset("aeiouyâàéèêëîïôûùœ")


@dataclass(frozen=True, eq=False)
class Noun:
    """A noun with its plural in both languages; one without a plural is never counted (bread, water)."""

    english: str
    english_plural: str
    french: str
    french_plural: str
    feminine: bool
    aspirated: bool  # its h keeps the article whole: le hibou, le héros
    kinds: frozenset[str]


@dataclass(frozen=True, eq=False)
class Adjective:
    """An adjective; `forms` are masculine, feminine, and the plurals of both."""

    english: str
    forms: tuple[str, str, str, str]
    before_vowel: str  # masculine: un bel oiseau
    is_before: bool  # stands before its noun in French
    kinds: frozenset[str]


@dataclass(frozen=True, eq=False)
class Verb:
    """A verb; `present` has the forms of je, tu, il, nous, vous, ils."""

    english: tuple[str, str, str, str]  # eat, eats, ate, eating
    particle: str  # "for" of "look for"
    french: str
    present: tuple[str, ...]
    participle: str
    future: str  # what the endings are put behind
    link: str  # "à" of "répondre à"
    with_be: bool  # its past is made with être and agrees with the subject
    imperfect: str  # of verbs that tell a state: their past is the imparfait, made from this
    has_progressive: bool
    is_gift: bool  # has a recipient: to give something to someone
    subjects: frozenset[str]
    objects: frozenset[str]


@dataclass(frozen=True, eq=False)
class Person:
    """A personal pronoun in both languages, as subject and as object."""

    english: str
    english_object: str
    french: str
    french_object: str
    number: int  # 0 to 5: I, you, he or she, we, you all, they
    feminine: bool = False

    @property
    def plural(self) -> bool:
        return self.number >= 3


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return [
            {key: "" if value == "-" else value for key, value in row.items()}
            for row in csv.DictReader(file, delimiter="\t")
        ]


def _kinds(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


NOUNS = tuple(
    Noun(
        english=row["english"],
        english_plural=row["english plural"],
        french=row["french"],
        french_plural=row["french plural"],
        feminine=row["gender"].startswith("f"),
        aspirated=row["gender"].endswith("*"),
        kinds=_kinds(row["kinds"]),
    )
    for row in _rows("nouns.tsv")
)
ADJECTIVES = tuple(
    Adjective(
        english=row["english"],
        forms=(row["m"], row["f"], row["m plural"], row["f plural"]),
        before_vowel=row["m before a vowel"] or row["m"],
        is_before=row["side"] == "before",
        kinds=_kinds(row["kinds"]),
    )
    for row in _rows("adjectives.tsv")
)


def _verb(row: dict[str, str]) -> Verb:
    base, third, past, progressive = row["english"].split()
    notes = row["notes"]
    return Verb(
        english=(base, third, past, progressive),
        particle=row["particle"],
        french=row["french"],
        present=tuple(row["present"].split()),
        participle=row["participle"],
        future=row["future"],
        link=row["link"],
        with_be=notes == "être",
        imperfect=notes.removeprefix("stative:") if notes.startswith("stative:") else "",
        has_progressive=not notes.startswith(("stative:", "plain")),
        is_gift=notes == "gift",
        subjects=_kinds(row["subjects"]),
        objects=_kinds(row["objects"]),
    )


VERBS = tuple(_verb(row) for row in _rows("verbs.tsv"))


def _auxiliary(english: str, french: str, present: str, participle: str, future: str, imperfect: str) -> Verb:
    base, third, past, progressive = english.split()
    return Verb(
        english=(base, third, past, progressive),
        particle="",
        french=french,
        present=tuple(present.split()),
        participle=participle,
        future=future,
        link="",
        with_be=False,
        imperfect=imperfect,
        has_progressive=False,
        is_gift=False,
        subjects=frozenset(),
        objects=frozenset(),
    )


TRANSITIVE = tuple(verb for verb in VERBS if verb.objects)
INTRANSITIVE = tuple(verb for verb in VERBS if not verb.objects)
BE = _auxiliary("be is was being", "être", "suis es est sommes êtes sont", "été", "ser", "ét")
HAVE = next(verb for verb in VERBS if verb.french == "avoir")
# What comes before an infinitive, by its English
MODALS = {
    "can": _auxiliary("can can can can", "pouvoir", "peux peux peut pouvons pouvez peuvent", "pu", "pourr", "pouv"),
    "must": _auxiliary("must must must must", "devoir", "dois dois doit devons devez doivent", "dû", "devr", "dev"),
    "want": _auxiliary(
        "want wants wanted wanting", "vouloir", "veux veux veut voulons voulez veulent", "voulu", "voudr", "voul"
    ),
    "like": _auxiliary(
        "like likes liked liking", "aimer", "aime aimes aime aimons aimez aiment", "aimé", "aimer", "aim"
    ),
}
# What introduces what someone thinks: je pense que …
THOUGHTS = (
    _auxiliary("think thinks thought thinking", "penser", "pense penses pense pensons pensez pensent", "", "", ""),
    _auxiliary("say says said saying", "dire", "dis dis dit disons dites disent", "", "", ""),
    _auxiliary("know knows knew knowing", "savoir", "sais sais sait savons savez savent", "", "", ""),
    _auxiliary("hope hopes hoped hoping", "espérer", "espère espères espère espérons espérez espèrent", "", "", ""),
)

ME = Person("I", "me", "je", "me", 0)
YOU = Person("you", "you", "tu", "te", 1)
HE = Person("he", "him", "il", "le", 2)
SHE = Person("she", "her", "elle", "la", 2, feminine=True)
WE = Person("we", "us", "nous", "nous", 3)
YOU_ALL = Person("you all", "you all", "vous", "vous", 4)
THEY = Person("they", "them", "ils", "les", 5)
THEY_FEMININE = Person("they", "them", "elles", "les", 5, feminine=True)  # of girls, of cows
IT = Person("it", "it", "il", "le", 2)
IT_FEMININE = Person("it", "it", "elle", "la", 2, feminine=True)  # of a mouse
PERSONS = (ME, YOU, HE, SHE, WE, YOU_ALL, THEY)

# Names, and whether they are a woman's
NAMES = {
    "Paul": False, "Lucas": False, "Antoine": False, "Pierre": False, "Thomas": False,
    "Marie": True, "Anne": True, "Alice": True, "Sophie": True, "Emma": True,
}  # fmt: skip

# English determiner -> French: masculine, feminine, plural
POSSESSIVES = {
    "my": ("mon", "ma", "mes"),
    "your": ("ton", "ta", "tes"),
    "his": ("son", "sa", "ses"),
    "her": ("son", "sa", "ses"),
    "our": ("notre", "notre", "nos"),
    "their": ("leur", "leur", "leurs"),
}
NUMBERS = {
    "two": "deux",
    "three": "trois",
    "four": "quatre",
    "five": "cinq",
    "six": "six",
    "seven": "sept",
    "ten": "dix",
}

STATES = {"hungry": "faim", "thirsty": "soif", "sleepy": "sommeil", "right": "raison", "wrong": "tort"}
FEAR = ("afraid", "peur")  # of something: de
DEGREES = {"very": "très", "too": "trop"}
ADVERBS = {"often": "souvent", "always": "toujours"}
# Tenses in which they can be said, English, French
TIMES = (
    ("present past future", "today", "aujourd'hui"),
    ("past", "yesterday", "hier"),
    ("future", "tomorrow", "demain"),
    ("present", "now", "maintenant"),
    ("present past future", "every day", "tous les jours"),
    ("present past future", "in the morning", "le matin"),
    ("present past future", "in the evening", "le soir"),
)
# English, French, the kinds of noun behind it, of what it can be said
PREPOSITIONS = (
    (("in",), ("dans",), frozenset({"place"}), "person animal thing"),
    (("at",), ("à",), frozenset({"goal"}), "person"),
    (("on",), ("sur",), frozenset({"furniture"}), "thing"),
    (("under",), ("sous",), frozenset({"furniture", "landmark"}), "animal thing"),
    (("behind",), ("derrière",), frozenset({"furniture", "landmark", "building"}), "person animal thing"),
    (("in", "front", "of"), ("devant",), frozenset({"building", "landmark"}), "person animal thing"),
    (("near",), ("près", "de"), frozenset({"furniture", "landmark", "place", "goal"}), "person animal thing"),
    (("with",), ("avec",), frozenset({"person"}), "person animal"),
    (("without",), ("sans",), frozenset({"person"}), "person animal"),
)
LINKS = {"and": ("et",), "but": ("mais",), "because": ("parce", "que")}
QUESTIONS = {"where": "où", "why": "pourquoi", "when": "quand"}
