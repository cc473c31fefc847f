"""Switches on what must be on before any test imports the project: the checks of annotations, and line coverage."""

import gc
import os

import pytest
import torch
from hypothesis import settings

from tests import line_coverage, typechecking

gc.disable()  # until all tests are collected: nothing that imports make is garbage, and looking for it takes long
typechecking.install()
# Last, so that it finds what the checks made of a module
LINES = None if os.environ.get(line_coverage.FOLDER) == line_coverage.OFF else line_coverage.LineCoverage()

# On a machine that is busy any example may take long; how fast things are is for tests/benchmarks
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# Processes that test beside each other share the cores, not each all of them
N_BESIDE = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
torch.set_num_threads(max(1, torch.get_num_threads() // N_BESIDE))

pytest_plugins = ["tests.hub_fixtures"]


def pytest_configure(config: pytest.Config) -> None:
    if LINES:
        config.pluginmanager.register(LINES)


def pytest_collection_finish() -> None:
    gc.freeze()  # what is here stays
    gc.enable()
