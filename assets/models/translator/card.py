"""Measure the trained `translator` model and write its card: python card.py

Ships what train.py left in its folder: weights, tokenizer, and README.md with the figures measured here, on the very
weights that are shipped. Needs sacrebleu.
"""

import random
import sys
from collections.abc import Callable
from pathlib import Path

import grammar
import numpy as np
import sacrebleu
import torch
from hold_out import HOLD_OUT_EVERY
from lexicon import ADJECTIVES, NAMES, NOUNS, VERBS, Person
from structure import Predicate, Sentence, parts
from train import HELD_OUT_SEED, HERE, translate
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, MarianMTModel, PreTrainedTokenizerFast
from words import features

sys.path.append(str(Path(__file__).parents[1]))  # what the programs of all models share lies beside their folders
from cards import fill_card, ship_from

N_HELD_OUT, N_ALIGNED, N_MISTAKES = 600, 200, 20
EXAMPLES = (
    ("adjectives behind the noun", "the small red car"),
    ("whose it is", "Paul's white horses"),
    ("negation around the verb", "The man doesn't have a dog."),
    ("pronouns before the verb, agreement", "I did not see her."),
    ("adverbs behind the verb", "She often eats an apple."),
    ("questions", "Does the girl want to swim?"),
    ("the person last", "He gives the boy a book."),
    ("de + le, à + les", "The king's dog goes to the fields."),
    ("what English is, French has", "I am very hungry."),
    ("words that look back", "The girls sing because they are happy."),
)
BEYOND = (
    "The zebra sleeps.",
    "The zebra runs and the giraffe eats.",
    "If she comes, I will leave.",
    "Eat the apple!",
    "The apple is eaten by the dog.",
    "Paul sings and Marie dances and Anne sleeps.",
    "The red red red car",
    "It is raining.",
)


def predicates(sentence: Sentence) -> list[Predicate]:
    return [part for part in parts(sentence) if isinstance(part, Predicate)]


# The kinds of sentence that the card tells apart
KINDS: dict[str, Callable[[Sentence], bool]] = {
    "all": lambda sentence: True,
    "noun phrases": lambda sentence: sentence.phrase is not None,
    "statements": lambda sentence: sentence.phrase is None and not sentence.question,
    "questions": lambda sentence: bool(sentence.question),
    "two clauses": lambda sentence: sentence.second is not None or sentence.thinker is not None,
    "with a negation": lambda sentence: any(part.negation for part in predicates(sentence)),
    "in the past": lambda sentence: any(part.tense == "past" for part in predicates(sentence)),
    "in the future": lambda sentence: any(part.tense == "future" for part in predicates(sentence)),
    "with a pronoun as object": lambda sentence: any(isinstance(part.object, Person) for part in predicates(sentence)),
}


@torch.no_grad()
def alignment(
    model: MarianMTModel, tokenizer: PreTrainedTokenizerFast, pairs: list[tuple[str, str]]
) -> tuple[np.ndarray, int]:
    """Return how often each head [layer, head] looks most at the word that is being translated, and of how many words.

    Counted are the words written that share their word in the tables with just one of the words read.
    """
    words = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    roots = {word: {name for name in what if name.startswith("word ")} for word, what in features(words).items()}
    hits, count = np.zeros((model.config.decoder_layers, model.config.decoder_attention_heads)), 0
    for said, told in pairs:
        source = tokenizer(said, return_tensors="pt")["input_ids"]
        target = tokenizer(told, return_tensors="pt")["input_ids"]
        output = model(input_ids=source, labels=target, output_attentions=True)
        looks = torch.stack(output.cross_attentions)[:, 0].argmax(-1).numpy()  # (layer, head, query)
        read = [roots[token] for token in tokenizer.convert_ids_to_tokens(source[0])]
        for place, token in enumerate(tokenizer.convert_ids_to_tokens(target[0])[:-1]):
            found = [at for at, root in enumerate(read) if root & roots[token]]
            if len(found) == 1:
                hits += looks[:, :, place] == found[0]
                count += 1
    return hits / count, count


def table_of(scores: np.ndarray) -> str:
    """Return a Markdown table, a row a layer."""
    head = "| layer | " + " | ".join(f"head {i}" for i in range(scores.shape[1])) + " |"
    rule = "|---" * (scores.shape[1] + 1) + "|"
    rows = [f"| {layer} | " + " | ".join(f"{value:.0%}" for value in row) + " |" for layer, row in enumerate(scores)]
    return "\n".join([head, rule, *rows])


def scores_of(sentences: list[Sentence], right: list[bool]) -> str:
    """Return the rows of the table of scores."""
    rows = []
    for name, belongs in KINDS.items():
        which = [ok for sentence, ok in zip(sentences, right, strict=True) if belongs(sentence)]
        rows += [f"| {name} | {len(which):,} | {sum(which) / len(which):.1%} |"] if which else []
    return "\n".join(rows)


def mistakes_of(wrong: list[tuple[str, str, str]]) -> str:
    """Return the first mistakes as a table."""
    if not wrong:
        return f"None of the {N_HELD_OUT:,} sentences came out wrong."
    shown = wrong[:N_MISTAKES]
    rows = [f"| {said} | {ours} | {told} |" for said, ours, told in shown]
    which = "All of them" if len(shown) == len(wrong) else f"The first {len(shown)} in the order of the draw"
    head = "| English | written | right |\n|---|---|---|\n"
    return f"{len(wrong)} of the {N_HELD_OUT:,} sentences came out wrong. {which}:\n\n{head}" + "\n".join(rows)


def main() -> None:
    torch.set_num_threads(1)
    log, _ = ship_from(__doc__, HERE, has_corpus=False)

    tokenizer = AutoTokenizer.from_pretrained(HERE)
    model = AutoModelForSeq2SeqLM.from_pretrained(HERE, dtype=torch.float32, attn_implementation="eager").eval()
    rng = random.Random(HELD_OUT_SEED)
    sentences = [grammar.draw_of(rng, held_out=True) for _ in range(N_HELD_OUT)]
    pairs = [grammar.pair(sentence) for sentence in sentences]
    ours = translate(model, tokenizer, [said for said, _ in pairs])
    right = [text == told for text, (_, told) in zip(ours, pairs, strict=True)]
    bleu = sacrebleu.BLEU()
    score = bleu.corpus_score(ours, [[told for _, told in pairs]]).score
    wrong = [(said, text, told) for text, (said, told) in zip(ours, pairs, strict=True) if text != told]
    aligned, n_aligned = alignment(model, tokenizer, pairs[:N_ALIGNED])
    names, texts = zip(*EXAMPLES, strict=True)
    shown = zip(names, texts, translate(model, tokenizer, list(texts)), strict=True)
    beyond = zip(BEYOND, translate(model, tokenizer, list(BEYOND)), strict=True)
    recipe = log["recipe"]
    fill_card(
        HERE,
        {
            "PARAMETERS": f"{model.num_parameters() / 1e6:.1f}",
            "LAYERS": recipe["layers"],
            "HEADS": recipe["heads"],
            "WIDTH": recipe["width"],
            "VOCABULARY": f"{len(tokenizer):,}",
            "CONTEXT": recipe["context"],
            "NOUNS": len(NOUNS),
            "ADJECTIVES": len(ADJECTIVES),
            "VERBS": len(VERBS),
            "NAMES": len(NAMES),
            "EXAMPLES": "\n".join(f"| {name} | {said} | {told} |" for name, said, told in shown),
            "STEPS": f"{recipe['steps']:,}",
            "BATCH": recipe["batch"],
            "SEEN": round(recipe["steps"] * recipe["batch"] / 1000),
            "MUON_RATE": f"{recipe['muon_learning_rate']:g}",
            "ADAM_RATE": f"{recipe['adam_learning_rate']:g}",
            "SEED": recipe["seed"],
            "MINUTES": round(log["seconds"] / 60),
            "UNKNOWN": f"{100 * recipe['unknown_chance']:.0f}",
            "LONGEST": grammar.LONGEST,
            "HOLD_OUT_EVERY": HOLD_OUT_EVERY,
            "N_HELD_OUT": f"{N_HELD_OUT:,}",
            "SCORES": scores_of(sentences, right),
            "BLEU": f"{score:.1f}",
            "SIGNATURE": bleu.get_signature(),
            "N_ALIGNED": f"{n_aligned:,}",
            "ALIGNMENT": table_of(aligned),
            "MISTAKES": mistakes_of(wrong),
            "BEYOND": "\n".join(f"- {said} → {told}" for said, told in beyond),
        },
    )
    print(f"{sum(right) / len(right):.2%} exact, BLEU {score:.2f}, aligned {aligned.max():.2%}")


if __name__ == "__main__":
    main()
