"""Switches the checks of annotations on before any test imports the project."""

from hypothesis import settings

from tests import typechecking

typechecking.install()

# On a machine that is busy any example may take long; how fast things are is for tests/benchmarks
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

pytest_plugins = ["tests.hub_fixtures"]
