"""Switches the checks of annotations on before any test imports the project."""

from tests import typechecking

typechecking.install()
