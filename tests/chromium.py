"""Finds a Chromium to test the page in, and starts it so that it asks nothing of the network by itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = [
    "--no-sandbox",  # a container runs the tests as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def installed() -> Path | None:
    """Return the browser that $PLAYGROUND_CHROMIUM names, else one that stands on the path."""
    named = os.environ.get("PLAYGROUND_CHROMIUM")
    if named and not Path(named).is_file():
        raise FileNotFoundError(f"$PLAYGROUND_CHROMIUM names no file: {named}")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def from_playwright(playwright: Playwright) -> Path:
    """Return Playwright's own Chromium, downloading it where it is not there yet."""
    path = Path(playwright.chromium.executable_path)
    if not path.is_file():
        # Without --no-shell a second, headless build would come along.
        subprocess.run([sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"], check=True)
    if not path.is_file():
        raise FileNotFoundError("No Chromium: install one, or set $PLAYGROUND_CHROMIUM to its path.")
    return path


def launch(playwright: Playwright) -> Browser:
    """Start the browser, without a window."""
    path = installed() or from_playwright(playwright)
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


def launch_with_cache(playwright: Playwright, folder: Path) -> BrowserContext:
    """Start the browser with a cache in `folder`: what a page has read and compiled is there for the next."""
    path = installed() or from_playwright(playwright)
    return playwright.chromium.launch_persistent_context(folder, executable_path=path, args=ARGUMENTS)
