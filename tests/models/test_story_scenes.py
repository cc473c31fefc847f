"""The scenes that `stories` learned to begin with: a person who is named again, told before anyone speaks."""

import importlib.util
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "assets" / "models" / "stories" / "scenes.py"
LENGTH = 700
FIRST = (
    "Peter Rabbit sat under a bush at the edge of the wide meadow and watched the big red moon that came up slowly "
    "behind the old barn, and he did not know what it was that he heard in the grass."
)
AGAIN = '"It is the wind," said Peter to himself, and he sat still.'
AFTER = "Then it was quiet, and the moon rose over the trees. " * 12


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("scenes", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scenes(program, *paragraphs, names=("Peter",)):
    return program.find_scenes(["\n\n".join(paragraphs)], set(names), LENGTH)


def test_a_name_is_written_with_a_capital_inside_sentences(program):
    text = "The good Peter ran. " * 20 + "Then he saw the Fox, a fox. " * 20 + "The small Bob ran. " * 19
    assert program.find_names([text]) == {"Peter"}


def test_a_scene_is_a_paragraph_that_begins_with_a_person_and_what_follows(program):
    (scene,) = scenes(program, "It was night.", FIRST, AGAIN, AFTER)
    assert scene == "\n\n".join([FIRST, AGAIN, AFTER])[:LENGTH]
    (scene,) = scenes(program, "Old Mr. " + FIRST, AGAIN, AFTER)
    assert scene.startswith("Old Mr. Peter Rabbit sat")


@pytest.mark.parametrize(
    ("paragraphs", "names"),
    [
        ((FIRST, AFTER), ("Peter",)),  # never named again
        ((FIRST, AGAIN, AFTER), ("Reddy",)),  # no name
        (("Peter said: " + AGAIN, FIRST[6:], AGAIN, AFTER), ("Peter",)),  # somebody speaks at once
        (("Peter sat still.", AGAIN, AFTER), ("Peter",)),  # a paragraph too short to tell anything
        ((FIRST, AGAIN), ("Peter",)),  # the chapter ends too soon
        (
            (FIRST, AGAIN, "Ann Ben Cat Dan Eve Fox Guy.", AFTER),
            ("Peter", "Ann", "Ben", "Cat", "Dan", "Eve", "Fox", "Guy"),
        ),
    ],
)
def test_what_is_no_scene(program, paragraphs, names):
    assert scenes(program, *paragraphs, names=names) == []
