"""Tells which lines of the playground the tests reach, in every process that they start, and prints it at their end.

SlipCover puts the probes into the code itself. coverage.py needs Python's tracing, which slows down torch,
transformers and Gradio too: a third of the time of the tests of models.
"""

import atexit
import io
import json
import os
import runpy
import shutil
import signal
import sys
import tempfile
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

import slipcover

if TYPE_CHECKING:  # the page that is looked at has no need of it
    import pytest

PACKAGE = "playground"
ROOT = Path(__file__).parents[1]
FOLDER = "LINE_COVERAGE"  # the environment's name for where each process leaves what it saw; "off" for none
OFF = "off"
NEVER = 2**30  # how often a probe is passed before it is taken out: that is not safe while other threads run


class ProbedImports(MetaPathFinder):
    """Finds the package's modules as the other finders do, and puts probes into what their loaders compile."""

    def __init__(self, probes: slipcover.Slipcover) -> None:
        self.probes = probes

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] != PACKAGE:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            compiled = spec.loader.get_code
            spec.loader.get_code = lambda name: self.probes.instrument(compiled(name))
        return spec


def is_on() -> bool:
    """Tell whether lines are looked at in this process and in those that it starts."""
    return os.environ.get(FOLDER, OFF) != OFF


def begin() -> slipcover.Slipcover:
    """Put probes into whatever this process imports of the package from now on."""
    probes = slipcover.Slipcover(d_miss_threshold=NEVER)
    sys.meta_path.insert(0, ProbedImports(probes))
    return probes


def leave(probes: slipcover.Slipcover) -> None:
    """Write what was seen so far to the folder."""
    Path(os.environ[FOLDER], f"{os.getpid()}.json").write_text(json.dumps(probes.get_coverage()))


def merged(folder: Path) -> dict:
    """Return what all processes saw; of a file that none imported, that nothing was."""
    seen = slipcover.Slipcover(source=[str(ROOT / PACKAGE)]).get_coverage()
    for path in sorted(folder.glob("*.json")):
        slipcover.merge_coverage(seen, json.loads(path.read_text()))
    return seen


class LineCoverage:
    """Looks at lines in a process that runs tests, and prints what all saw in the one that was started by hand."""

    def __init__(self) -> None:
        self.folder = None if is_on() else tempfile.mkdtemp(prefix="line-coverage-")
        if self.folder:
            os.environ[FOLDER] = self.folder
        self.probes = begin()

    def pytest_sessionfinish(self) -> None:
        leave(self.probes)

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        if self.folder:
            table = io.StringIO()
            slipcover.print_coverage(merged(Path(self.folder)), outfile=table, missing_width=60)
            terminalreporter.section("lines that were reached")
            terminalreporter.write(table.getvalue())

    def pytest_unconfigure(self) -> None:
        if self.folder:
            shutil.rmtree(self.folder)


def run_probed(program: str, *arguments: str) -> None:
    """Run a program as `python PROGRAM ARGUMENTS` does, with probes."""
    probes = begin()

    def end(number: int, _: object) -> None:
        leave(probes)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)
    atexit.register(leave, probes)
    sys.argv = [program, *arguments]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    run_probed(*sys.argv[1:])
