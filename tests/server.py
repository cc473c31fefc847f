"""Starts the page as a process of its own, as a user would, and stops it again."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import line_coverage

ROOT = Path(__file__).parents[1]
START_LIMIT_S = 120
STOP_LIMIT_S = 15


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url: str) -> bool:
    """Tell whether `GET url` gives 200."""
    # No proxy: whatever the environment says, this address is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            return response.status == 200
    except OSError:  # refused while it starts; URLError is one too
        return False


def wait_until_it_answers(process: subprocess.Popen, url: str, log: Path) -> None:
    """Return once `GET url` gives 200; raise with the log where the process ended or took too long."""
    deadline = time.monotonic() + START_LIMIT_S
    while not answers(url):
        if process.poll() is not None:
            raise RuntimeError(f"app.py ended with {process.returncode}:\n{log.read_text('utf-8', 'replace')}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"No answer in {START_LIMIT_S} s:\n{log.read_text('utf-8', 'replace')}")
        time.sleep(0.02)


def stop(process: subprocess.Popen) -> None:
    """End the process, by force where it does not end by itself."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running_app(*arguments: str, environment: dict[str, str] | None = None, log: Path | None = None) -> Iterator[str]:
    """Run `python app.py` with `arguments` on a free port, and give its address once `GET /` answers 200.

    What it prints goes to `log`; `environment` is added to that of this process.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        log = log or Path(folder, "app.log")
        probes = ["-m", "tests.line_coverage"] if line_coverage.is_on() else []
        command = [sys.executable, *probes, "app.py", "--host", "127.0.0.1", "--port", str(port), *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until_it_answers(process, url, log)
            yield url
            if process.poll() is not None:
                told = log.read_text("utf-8", "replace")[-4000:]
                raise RuntimeError(f"app.py ended by itself with {process.returncode}:\n{told}")
        finally:
            stop(process)
