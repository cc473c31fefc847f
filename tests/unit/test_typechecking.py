import pkgutil
import sys
from typing import Protocol

import numpy as np
import pytest
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import TypeCheckError

import playground
from playground.records import AttentionSummary, GenerationSettings, PlaygroundError
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
