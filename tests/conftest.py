"""Switches the checks of annotations on before any test imports the project."""

from tests import typechecking

typechecking.install()

pytest_plugins = ["tests.hub_fixtures"]
