"""Layers, heads, queries and tokens that are named by a number: is there such a one?"""

import operator
from collections.abc import Sequence
from typing import Any

from playground.records import PlaygroundError


def check_place(name: str, value: Any, size: int) -> int:
    """Return `value` if it counts one of `size` things from 0, else raise PlaygroundError with the range."""
    try:
        place = operator.index(value)
    except TypeError:
        place = -1
    if isinstance(value, bool) or not 0 <= place < size:
        raise PlaygroundError(f"{name} must be a whole number from 0 to {size - 1}, not {str(value)[:40]}.")
    return place


def check_places(name: str, values: Sequence[object], size: int) -> tuple[int, ...]:
    """Return the places in order, each once; PlaygroundError where one is out of range."""
    return tuple(sorted({check_place(name, value, size) for value in values}))


def one_place(name: str, value: int, size: int) -> slice:
    """Return the slice that holds one place; PlaygroundError where it is out of range."""
    place = check_place(name, value, size)
    return slice(place, place + 1)
