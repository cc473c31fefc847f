import inspect
import pkgutil
import sys
from dataclasses import fields, is_dataclass
from typing import Protocol, get_args

import numpy as np
import pytest
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import Float, TypeCheckError

import playground
from playground import records
from playground.records import AttentionSummary, CounterfactualMap, GenerationSettings, PlaygroundError
from tests import typechecking


def test_every_package_is_checked_or_named_as_unchecked():
    known = {*typechecking.PACKAGES, *typechecking.UNCHECKED_PACKAGES}
    assert {f"playground.{module.name}" for module in pkgutil.iter_modules(playground.__path__)} <= known


def test_a_wrong_type_is_an_error():
    with pytest.raises(TypeCheckError):
        AttentionSummary(kind="self", tiles=[[1, 2]], query_tokens=(), key_tokens=(), layers=())
    with pytest.raises(TypeCheckError):
        AttentionSummary(
            kind="sideways", tiles=np.zeros((1, 1, 2, 2), np.uint8), query_tokens=(), key_tokens=(), layers=()
        )


@pytest.mark.parametrize(
    ("original", "weights"),
    [
        (np.zeros((2, 3), np.float32), np.zeros((2, 2), np.float32)),  # of another number of keys
        (np.zeros(2, np.float32), np.zeros(2, np.float32)),
        (np.zeros((2, 2)), np.zeros((2, 2))),  # float64
    ],
)
def test_a_wrong_shape_is_an_error(original, weights):
    names = {"query_tokens": (), "key_tokens": (), "hidden": (), "mask_off": False}
    right = np.zeros((2, 2), np.float32)
    CounterfactualMap(kind="self", layer=0, head=0, original=right, weights=right, **names)
    with pytest.raises(TypeCheckError):
        CounterfactualMap(kind="self", layer=0, head=0, original=original, weights=weights, **names)


def parts_of(hint):
    yield hint
    for part in get_args(hint):
        yield from parts_of(part)


def test_every_array_of_a_record_names_its_shape():
    classes = {one for _, one in inspect.getmembers(records, is_dataclass)}
    arrays = {
        (record.__name__, field.name): field.type
        for record in classes
        for field in fields(record)
        if "ndarray" in str(field.type)
    }
    assert len(arrays) > 50
    assert not [name for name, hint in arrays.items() if np.ndarray in parts_of(hint)]


def test_what_names_no_shape_has_no_wrapper_for_shapes():
    def count(value: int) -> int:
        return value

    def mean(rows: Float[np.ndarray, "row column"]) -> Float[np.ndarray, " row"]:
        return rows.mean(axis=0)

    decorate = typechecking.jaxtyped_where_needed(typechecker=typechecking.check)
    with pytest.raises(BeartypeCallHintViolation):
        decorate(count)("one")
    assert len(decorate(mean)(np.zeros((2, 2)))) == 2
    with pytest.raises(TypeCheckError, match="return value"):
        decorate(mean)(np.zeros((2, 3)))


def test_settings_answer_for_their_own_values():
    assert GenerationSettings(temperature=1).temperature == 1.0
    with pytest.raises(PlaygroundError, match="temperature"):
        GenerationSettings(temperature="hot")


def test_what_the_tests_import_is_the_checked_code():
    loader = sys.modules["playground.records.generation"].__spec__.loader
    assert type(loader).__name__ == "_JaxtypingLoader"


def test_protocols_are_checked():
    class Goes(Protocol):
        def go(self) -> None: ...

    def take(value: Goes | None) -> None:
        assert value is None or value.go

    checked = typechecking.check(take)
    checked(None)
    with pytest.raises(BeartypeCallHintViolation):
        checked(1)
