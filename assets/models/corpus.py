"""Read the children's books, hold chapters out, and train tokenizers on the rest.

The corpus is not part of this repository; its sources, licences and attribution are in the cards of the models that
were trained on it and in the ATTRIBUTION files beside them.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"
CHAPTER_CHARACTERS = 10_000  # the books carry no chapter marks, so a chapter is this much whole paragraphs
HOLD_OUT_EVERY = 60  # one chapter in 60 is never trained on

# Short sentences (11 to 14 words) and few persons: what a small model can learn to keep straight.
SIMPLE_AUTHORS = (
    "Arthur Scott Bailey",
    "Laura Lee Hope",
    "Howard R. Garis",
    "Thornton W. Burgess",
    "Mabel C. Hawley",
    "Ramy Allison White",
    "Richard Barnum",
    "various",
)
SIMPLE_WEIGHT = 2.0


@dataclass(frozen=True)
class Book:
    """One file of the corpus, cut into chapters of whole paragraphs."""

    title: str
    author: str
    weight: float
    chapters: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """Chapters to train on, with their weights, and held-out chapters."""

    train: tuple[tuple[str, float], ...]
    held_out: tuple[str, ...]


def read_books(corpus: Path) -> list[Book]:
    """Return every book that SOURCES.tsv lists, in its order."""
    with (corpus / "SOURCES.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    books = []
    for row in rows:
        text = (corpus / row["file"]).read_text(encoding="utf-8")
        weight = SIMPLE_WEIGHT if row["author"].startswith(SIMPLE_AUTHORS) else 1.0
        books.append(Book(row["title"], row["author"], weight, tuple(cut_chapters(text))))
    return books


def cut_chapters(text: str) -> list[str]:
    """Cut a book at the ends of paragraphs into pieces of about CHAPTER_CHARACTERS."""
    chapters: list[str] = []
    lines: list[str] = []
    length = 0
    for paragraph in text.strip().split("\n\n"):
        lines.append(paragraph)
        length += len(paragraph) + 2
        if length >= CHAPTER_CHARACTERS:
            chapters.append("\n\n".join(lines))
            lines, length = [], 0
    if lines:
        chapters.append("\n\n".join(lines))
    return chapters


def split_chapters(books: list[Book]) -> Split:
    """Hold out every HOLD_OUT_EVERY-th chapter of the whole corpus, counted in the order of SOURCES.tsv."""
    train, held_out = [], []
    numbered = [(chapter, book.weight) for book in books for chapter in book.chapters]
    for number, (chapter, weight) in enumerate(numbered):
        if number % HOLD_OUT_EVERY == HOLD_OUT_EVERY // 2:
            held_out.append(chapter)
        else:
            train.append((chapter, weight))
    return Split(tuple(train), tuple(held_out))


def train_tokenizer(texts: list[str], vocabulary_size: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer: every byte is a token, so no text is unknown to it."""
    return PreTrainedTokenizerFast(
        tokenizer_object=train_byte_pairs(texts, vocabulary_size, [END_OF_TEXT]),
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
    )


def train_byte_pairs(texts: list[str], vocabulary_size: int, special_tokens: Sequence[str | AddedToken]) -> Tokenizer:
    """Train byte-level byte pairs (BPE); the special tokens have the first ids."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


@dataclass(frozen=True)
class TokenStream:
    """All training chapters as one array of ids, with the places where a paragraph starts."""

    ids: np.ndarray  # uint16 [n_tokens]
    paragraph_starts: np.ndarray  # int64 [n_paragraphs]
    paragraph_chances: np.ndarray  # float64 [n_paragraphs], sums to 1

    def draw(self, n_rows: int, length: int, rng: np.random.Generator) -> np.ndarray:
        """Return passages that begin at a paragraph, int64 [row, token]."""
        starts = rng.choice(self.paragraph_starts, size=n_rows, p=self.paragraph_chances)
        last = len(self.ids) - length
        return np.stack([self.ids[(begin := min(start, last)) : begin + length] for start in starts]).astype(np.int64)


def encode_chapters(tokenizer: PreTrainedTokenizerFast, chapters: tuple[tuple[str, float], ...]) -> TokenStream:
    """Encode the training chapters; a paragraph's chance is its length times the weight of its author."""
    pieces, starts, weights, position = [], [], [], 0
    encoded = tokenizer([chapter + "\n\n" for chapter, _ in chapters], add_special_tokens=False)["input_ids"]
    newline_ids = {tokenizer.convert_tokens_to_ids(token) for token in ("Ċ", "ĊĊ")}
    for (_, weight), ids in zip(chapters, encoded, strict=True):
        array = np.asarray(ids, dtype=np.uint16)
        ends = np.flatnonzero(np.isin(array, list(newline_ids)))
        first = np.concatenate([[0], ends + 1])
        first = first[(first < len(array)) & ~np.isin(array[np.minimum(first, len(array) - 1)], list(newline_ids))]
        lengths = np.diff(np.concatenate([first, [len(array)]]))
        starts.append(first + position)
        weights.append(lengths * weight)
        pieces.append(array)
        position += len(array)
    chances = np.concatenate(weights).astype(np.float64)
    return TokenStream(np.concatenate(pieces), np.concatenate(starts), chances / chances.sum())
