"""Switches the checks of annotations on before any test imports the project."""

import os

# Several processes run tests at once: if each took all cores for its sums, all would wait for each other. What is set
# here holds for PyTorch when it is imported, and for what the tests start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

from hypothesis import settings

from tests import typechecking

typechecking.install()

# On a machine that is busy any example may take long; how fast things are is for tests/benchmarks
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

pytest_plugins = ["tests.hub_fixtures"]
