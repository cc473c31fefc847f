"""Scenes whose persons stay, to begin stories with."""

import re
from collections import Counter
from collections.abc import Sequence

OPENING = "Once upon a time"
TOLD_CHARACTERS = 100  # so many after the name are told, not said, in one paragraph
SCENE_CHARACTERS = 600  # in so many characters the person must be named again
MOST_NAMES = 7  # and so many names may occur in them
TITLES = r"(?:(?:Mr|Mrs|Dr)\.|Uncle|Aunt|Old|Little|Granny|Grandpa|Grandma|Grandfather|Captain|Farmer|Miss|Major)"


def find_names(chapters: Sequence[str]) -> set[str]:
    """Return the words that are written with a capital inside sentences, too, and hardly ever without."""
    capital: Counter[str] = Counter()
    small: Counter[str] = Counter()
    for chapter in chapters:
        capital.update(re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b", chapter))
        small.update(re.findall(r"\b[a-z]{3,}\b", chapter))
    return {word for word, count in capital.items() if count >= 20 and small[word.lower()] < count / 10}


def find_scenes(chapters: Sequence[str], names: set[str], length: int) -> list[str]:
    """Return passages of `length` characters: a paragraph that begins with a name, and what follows.

    The name occurs again soon, and few others near it, so that what is told stays with its persons.
    """
    start = re.compile(rf'(?:^|\n\n)(?:{TITLES} )*([A-Z][a-z]{{2,}})\b[^\n"]{{{TOLD_CHARACTERS}}}')
    scenes = []
    for chapter in chapters:
        for match in start.finditer(chapter):
            begin = match.start() + 2 * chapter.startswith("\n\n", match.start())
            scene = chapter[begin : begin + length]
            near = re.findall(r"\b[A-Z][a-z]{2,}\b", scene[:SCENE_CHARACTERS])
            person = match.group(1)
            enough = len(scene) == length and near.count(person) >= 2
            if person in names and enough and len(names.intersection(near)) <= MOST_NAMES:
                scenes.append(scene)
    return scenes
