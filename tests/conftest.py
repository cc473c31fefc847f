"""Switches the checks of annotations on before any test imports the project."""

import os

import torch
from hypothesis import settings

from tests import typechecking

typechecking.install()

# On a machine that is busy any example may take long; how fast things are is for tests/benchmarks
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# Processes that test beside each other share the cores, not each all of them
N_BESIDE = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
torch.set_num_threads(max(1, torch.get_num_threads() // N_BESIDE))

pytest_plugins = ["tests.hub_fixtures"]
