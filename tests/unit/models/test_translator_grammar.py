"""The translator's grammar says what it means in both languages, and its French is right."""

import random
import re
from dataclasses import replace

import pytest

from tests.translator import module

english, french, grammar = module("english"), module("french"), module("grammar")
hold_out, lexicon, structure = module("hold_out"), module("lexicon"), module("structure")
Clause, Couple, Name, Place = structure.Clause, structure.Couple, structure.Name, structure.Place
Predicate, Sentence, State, Time = structure.Predicate, structure.Sentence, structure.State, structure.Time
ME, YOU, HE, SHE, WE, YOU_ALL, THEY = lexicon.PERSONS
PAUL, ALICE = Name("Paul", False), Name("Alice", True)


def noun(said: str, determiner: str = "the", *, plural: bool = False, adjectives: tuple[str, ...] = (), **more):
    found = next(word for word in lexicon.NOUNS if word.english == said)
    known = [next(word for word in lexicon.ADJECTIVES if word.english == adjective) for adjective in adjectives]
    before = next((word for word in known if word.is_before), None)
    after = tuple(word for word in known if not word.is_before)
    return structure.NounPhrase(found, determiner, plural, before, after, **more)


def verb(said: str):
    return next(word for word in lexicon.VERBS if word.english[0] == said)


def does(said: str, *what, **more) -> Predicate:
    return Predicate(verb(said), object=what[0] if what else None, **more)


def being(adjective: str | None = None, **more) -> Predicate:
    found = next((word for word in lexicon.ADJECTIVES if word.english == adjective), None)
    return Predicate(lexicon.BE, adjective=found, **more)


def told(subject, predicate, **more) -> Sentence:
    return Sentence(Clause(subject, predicate), **more)


def there(what, **more) -> Sentence:
    return told(None, Predicate(lexicon.HAVE, object=what, is_there=True, **more))


IN_GARDEN = Place(("in",), ("dans",), noun("garden"))
GIVE = does("give", noun("book", "a"), recipient=noun("boy"))


@pytest.mark.parametrize(
    ("phrase", "said", "expected"),
    [
        # adjectives: most behind the noun, a few before it; agreement
        (noun("car", adjectives=("red",)), "the red car", "la voiture rouge"),
        (noun("car", adjectives=("green",), plural=True), "the green cars", "les voitures vertes"),
        (noun("dog", adjectives=("small", "black")), "the small black dog", "le petit chien noir"),
        (
            noun("door", adjectives=("red", "white"), plural=True),
            "the red and white doors",
            "les portes rouges et blanches",
        ),
        (noun("shoe", "my", adjectives=("brown",), plural=True), "my brown shoes", "mes chaussures marron"),
        (noun("girl", adjectives=("happy",)), "the happy girl", "la fille heureuse"),
        (noun("man", "a", adjectives=("old",)), "an old man", "un vieil homme"),
        (noun("man", "this", adjectives=("beautiful",)), "this beautiful man", "ce bel homme"),
        (noun("hospital", "a", adjectives=("new",), plural=False), "a new hospital", "un nouvel hôpital"),
        (noun("hero", "a", adjectives=("old",)), "an old hero", "un vieux héros"),
        (noun("horse", plural=True, adjectives=("old",)), "the old horses", "les vieux chevaux"),
        (noun("horse", "some", plural=True, adjectives=("big",)), "some big horses", "de grands chevaux"),
        (noun("horse", "some", plural=True), "some horses", "des chevaux"),
        # articles: elision before a vowel and a mute h, none before an aspirated one
        (noun("school"), "the school", "l'école"),
        (noun("clock"), "the clock", "l'horloge"),
        (noun("owl"), "the owl", "le hibou"),
        (noun("axe"), "the axe", "la hache"),
        (noun("university", "a"), "a university", "une université"),
        (noun("doctor", "a", adjectives=("honest",)), "an honest doctor", "un médecin honnête"),
        (noun("child", "this"), "this child", "cet enfant"),
        (noun("owl", "this"), "this owl", "ce hibou"),
        (noun("owl", "this", plural=True), "these owls", "ces hiboux"),
        (noun("school", "my"), "my school", "mon école"),
        (noun("school", "her", adjectives=("small",)), "her small school", "sa petite école"),
        (noun("axe", "your"), "your axe", "ta hache"),
        (noun("friend", "their", plural=True), "their friends", "leurs amis"),
        (noun("bee", "many", plural=True), "many bees", "beaucoup d'abeilles"),
        (noun("bean", "many", plural=True), "many beans", "beaucoup de haricots"),
        (noun("queen", "all", plural=True), "all the queens", "toutes les reines"),
        (noun("water", "some"), "some water", "de l'eau"),
        (noun("bread", "some"), "some bread", "du pain"),
        (noun("soup", "bare", adjectives=("good",)), "good soup", "de la bonne soupe"),
        # whose: contraction
        (noun("cat", "", owner=PAUL, adjectives=("black",)), "Paul's black cat", "Le chat noir de Paul"),
        (noun("cat", "", owner=ALICE), "Alice's cat", "Le chat d'Alice"),
        (noun("dog", "", owner=noun("baker"), plural=True), "the baker's dogs", "les chiens du boulanger"),
        (noun("dog", "", owner=noun("child")), "the child's dog", "le chien de l'enfant"),
        (noun("door", whole=noun("house")), "the door of the house", "la porte de la maison"),
        (noun("roof", whole=noun("castle")), "the roof of the castle", "le toit du château"),
        (noun("woman", relative=does("sing")), "the woman who sings", "la femme qui chante"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_noun_phrases(phrase, said, expected):
    assert grammar.pair(Sentence(phrase=phrase, capital=False, stop=False)) == (said, expected)


@pytest.mark.parametrize(
    ("sentence", "said", "expected"),
    [
        # the verb agrees with its subject
        (told(ME, does("eat", noun("apple", "a"))), "I eat an apple.", "Je mange une pomme."),
        (told(ME, does("love", noun("school"))), "I love the school.", "J'adore l'école."),
        (told(YOU, does("sleep")), "You sleep.", "Tu dors."),
        (told(HE, does("drink", noun("milk", "bare"))), "He drinks milk.", "Il boit du lait."),
        (told(HE, does("like", noun("milk", "generic"))), "He likes milk.", "Il aime le lait."),
        (told(SHE, does("run", progressive=True)), "She is running.", "Elle court."),
        (told(WE, does("eat")), "We eat.", "Nous mangeons."),
        (told(YOU_ALL, does("sleep")), "You all sleep.", "Vous dormez."),
        (told(THEY, does("leave", tense="past")), "They left.", "Ils sont partis."),
        (told(noun("girl", plural=True), does("go", noun("market"), tense="past")), "The girls went to the market.",
         "Les filles sont allées au marché."),
        (told(Couple(ALICE, PAUL), being("tired")), "Alice and Paul are tired.", "Alice et Paul sont fatigués."),
        (told(Couple(ALICE, Name("Anne", True)), being("tired")), "Alice and Anne are tired.",
         "Alice et Anne sont fatiguées."),
        (told(noun("boat", plural=True), being("blue", tense="past")), "The boats were blue.",
         "Les bateaux étaient bleus."),
        (told(noun("spider"), does("sleep", tense="future")), "The spider will sleep.", "L'araignée dormira."),
        (told(ME, being("tired", contracted=True)), "I'm tired.", "Je suis fatigué."),
        # contraction: au, du, aux, des
        (told(HE, does("come", noun("market"))), "He comes from the market.", "Il vient du marché."),
        (told(HE, does("come", noun("field", plural=True))), "He comes from the fields.", "Il vient des champs."),
        (told(HE, does("speak", noun("child", plural=True))), "He speaks to the children.", "Il parle aux enfants."),
        (told(HE, does("answer", noun("hero"))), "He answers the hero.", "Il répond au héros."),
        (told(HE, does("go", noun("hospital"))), "He goes to the hospital.", "Il va à l'hôpital."),
        (told(SHE, GIVE), "She gives a book to the boy.", "Elle donne un livre au garçon."),
        (told(SHE, replace(GIVE, recipient_first=True)), "She gives the boy a book.", "Elle donne un livre au garçon."),
        # negation
        (told(noun("man"), does("have", noun("dog", "a"), negation="not", contracted=True)),
         "The man doesn't have a dog.", "L'homme n'a pas de chien."),
        (told(noun("man"), does("have", noun("friend", "any", plural=True), negation="not")),
         "The man does not have any friends.", "L'homme n'a pas d'amis."),
        (told(HE, does("see", noun("cat"), negation="not")), "He does not see the cat.", "Il ne voit pas le chat."),
        (told(HE, does("eat", noun("meat", "bare"), negation="never")), "He never eats meat.",
         "Il ne mange jamais de viande."),
        (told(HE, does("eat", noun("egg"), negation="not", tense="past")), "He did not eat the egg.",
         "Il n'a pas mangé l'œuf."),
        (told(HE, does("sleep", negation="not", modal="can")), "He cannot sleep.", "Il ne peut pas dormir."),
        (told(HE, does("sleep", adverb="often", negation="not")), "He does not often sleep.",
         "Il ne dort pas souvent."),
        (told(HE, does("sleep", adverb="often", tense="past")), "He often slept.", "Il a souvent dormi."),
        (there(noun("cat", "a"), negation="not", place=IN_GARDEN), "There is not a cat in the garden.",
         "Il n'y a pas de chat dans le jardin."),
        (there(noun("cat", "six", plural=True), tense="future"), "There will be six cats.", "Il y aura six chats."),
        # pronouns as objects stand before the verb, and its participle agrees with them
        (told(ME, does("see", HE)), "I see him.", "Je le vois."),
        (told(ME, does("see", SHE, tense="past")), "I saw her.", "Je l'ai vue."),
        (told(ME, does("see", THEY, tense="past", negation="not")), "I did not see them.", "Je ne les ai pas vus."),
        (told(SHE, does("wait", YOU)), "She waits for you.", "Elle t'attend."),
        (told(SHE, does("help", YOU_ALL, modal="want")), "She wants to help you all.", "Elle veut vous aider."),
        # what English is, French has
        (told(SHE, Predicate(lexicon.BE, state=State("hungry", "faim"))), "She is hungry.", "Elle a faim."),
        (told(SHE, Predicate(lexicon.BE, state=State("afraid", "peur", noun("wolf")), negation="not")),
         "She is not afraid of the wolf.", "Elle n'a pas peur du loup."),
        (told(PAUL, Predicate(lexicon.BE, state=State("ten years old", "dix ans"))), "Paul is ten years old.",
         "Paul a dix ans."),
        # questions
        (told(HE, does("sleep"), question="yes"), "Does he sleep?", "Est-ce qu'il dort ?"),
        (told(noun("cat"), does("eat", noun("meat")), question="yes"), "Does the cat eat the meat?",
         "Est-ce que le chat mange la viande ?"),
        (told(YOU, does("have", noun("dog", "a")), question="yes"), "Do you have a dog?",
         "Est-ce que tu as un chien ?"),
        (told(noun("cat"), being(), question="where"), "Where is the cat?", "Où est le chat ?"),
        (told(SHE, does("live"), question="where"), "Where does she live?", "Où est-ce qu'elle habite ?"),
        (told(PAUL, does("laugh", tense="past"), question="why"), "Why did Paul laugh?",
         "Pourquoi est-ce que Paul a ri ?"),
        (told(ALICE, does("arrive", tense="future"), question="when"), "When will Alice arrive?",
         "Quand est-ce qu'Alice arrivera ?"),
        (told(HE, does("eat", asks_object=True), question="what"), "What does he eat?", "Qu'est-ce qu'il mange ?"),
        (told(HE, does("wait", asks_object=True), question="whom"), "Who does he wait for?",
         "Qui est-ce qu'il attend ?"),
        (told(None, does("write", noun("poem", plural=True)), question="who"), "Who writes the poems?",
         "Qui écrit les poèmes ?"),
        (told(YOU, does("see", asks_object=True, tense="past"), question="how many",
              counted=noun("cow").noun), "How many cows did you see?", "Combien de vaches est-ce que tu as vues ?"),
        # two clauses: the pronoun is that of the noun
        (told(noun("car"), being("old"), link="but", second=Clause(lexicon.IT_FEMININE, being("beautiful"))),
         "The car is old but it is beautiful.", "La voiture est vieille mais elle est belle."),
        (told(noun("girl", plural=True), does("sing"), link="because",
              second=Clause(lexicon.THEY_FEMININE, being("happy"))),
         "The girls sing because they are happy.", "Les filles chantent parce qu'elles sont heureuses."),
        (told(HE, does("sleep"), thinker=ME, thought=lexicon.THOUGHTS[0]), "I think that he sleeps.",
         "Je pense qu'il dort."),
        (told(SHE, does("work", time=Time("yesterday", "hier", in_front=True), tense="past")), "Yesterday, she worked.",
         "Hier, elle a travaillé."),
        (told(SHE, does("work", time=Time("today", "aujourd'hui"))), "She works today.", "Elle travaille aujourd'hui."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_sentences(sentence, said, expected):
    assert grammar.pair(sentence) == (said, expected)


N_DRAWN = 3000


@pytest.fixture(scope="module")
def drawn():
    rng = random.Random(0)
    return [grammar.draw(rng) for _ in range(N_DRAWN)]


@pytest.fixture(scope="module")
def pairs(drawn):
    return [grammar.pair(sentence) for sentence in drawn]


def test_the_same_seed_draws_the_same(pairs):
    rng = random.Random(0)
    assert [grammar.pair(grammar.draw(rng)) for _ in range(50)] == pairs[:50]


def test_words_are_one_space_apart(pairs):
    for text in (text for pair in pairs for text in pair):
        assert text == " ".join(text.split())
        assert "' " not in text


def test_elision_before_every_vowel_and_mute_h_and_no_other(pairs):
    could = re.compile(r"\b(?:je|me|te|le|la|ne|de|que) (\w[\w'-]*)", re.IGNORECASE)
    did = re.compile(r"\b(?:[jmtlnd]|qu)'(\w[\w'-]*)", re.IGNORECASE)
    elided = 0
    for _, text in pairs:
        for word in could.findall(text):
            assert not french.sounds_open(word), text
        for word in did.findall(text):
            assert french.sounds_open(word), text
            elided += 1
    assert elided > N_DRAWN / 10


@pytest.mark.parametrize("noun", [noun for noun in lexicon.NOUNS if noun.french.startswith("h")])
def test_aspirated_h(noun):
    assert french.sounds_open(noun.french) != noun.aspirated
    assert french.join(["de", "le", noun.french]) == (f"du {noun.french}" if noun.aspirated else f"de l'{noun.french}")


def test_prepositions_are_drawn_together_with_articles(pairs):
    assert not [text for _, text in pairs if re.search(r"\b(?:à|de) (?:le|les|du|des)\b", text)]


def test_english_has_one_french(pairs):
    found: dict[str, str] = {}
    for said, expected in pairs:
        assert found.setdefault(said, expected) == expected


def test_every_sentence_begins_and_ends_alike_in_both(drawn, pairs):
    for sentence, (said, expected) in zip(drawn, pairs, strict=True):
        assert said[0].isupper() == expected[0].isupper()
        ends = sentence.stop and sentence.phrase is None
        assert (said[-1] in ".?!") == (expected[-1] in ".?!") == ends


def test_sentences_are_short(pairs):
    assert max(grammar.count_words(text) for pair in pairs for text in pair) == grammar.LONGEST


def test_held_out_pairs_are_never_in_training():
    rng = random.Random(1)
    seen = set()
    for _ in range(2000):
        seen |= set(hold_out.combinations(grammar.draw_of(rng, held_out=False)))
    for _ in range(200):
        sentence = grammar.draw_of(rng, held_out=True)
        assert set(hold_out.combinations(sentence)) - seen


def test_about_one_sentence_in_twenty_is_held_out(drawn):
    part = sum(map(hold_out.is_held_out, drawn)) / N_DRAWN
    assert 0.03 < part < 0.12


def test_an_unknown_word_stays_in_its_place():
    sentence = Sentence(phrase=noun("car", adjectives=("red",)), stop=False, capital=False)
    said = {grammar.pair(grammar.with_unknown_word(sentence, random.Random(seed))) for seed in range(20)}
    assert said == {("the red <unk>", "le <unk> rouge"), ("the <unk> car", "la voiture <unk>")}


def test_every_form_of_a_word_is_there():
    assert all(len(word.present) == 6 and len(word.english) == 4 for word in lexicon.VERBS)
    assert all(word.participle and word.future.endswith("r") for word in lexicon.VERBS)
    assert all(all(word.forms) for word in lexicon.ADJECTIVES)
    assert all(bool(word.english_plural) == bool(word.french_plural) for word in lexicon.NOUNS)
    said = [word.english for word in (*lexicon.NOUNS, *lexicon.ADJECTIVES)] + [
        word.english[0] for word in lexicon.VERBS
    ]
    assert len(said) == len(set(said)), "an English word has two French ones"
