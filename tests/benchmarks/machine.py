"""Where it was measured."""

import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ("torch", "transformers", "gradio", "plotly")


def processor() -> str:
    """Return the name of the processor, as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def describe(browser_version: str, model: str) -> str:
    """Return one sentence on the day, the machine, the versions and the model."""
    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Measured on {date.today().isoformat()} on {processor()}, {os.cpu_count()} cores{device}, "
        f"{platform.system()}, Python {platform.python_version()}, {versions}, Chromium {browser_version}; "
        f"model: {model}."
    )
