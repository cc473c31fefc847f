"""The README does not promise what is not there."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.server import running_app

DEFAULT_URL = "http://127.0.0.1:7860"
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
_, FRONT, TEXT = README.split("---\n", 2)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = FENCE.findall(TEXT)
PROSE = FENCE.sub("", TEXT)


def blocks(language: str) -> list[str]:
    return [code for name, code in BLOCKS if name == language]


def front_matter() -> dict:
    return yaml.safe_load(FRONT)


def pinned(distribution: str) -> str:
    lines = (ROOT / "requirements.txt").read_text("utf-8")
    found = re.search(rf"^{distribution}==(\S+)$", lines, re.MULTILINE)
    assert found
    return found[1]


def test_front_matter_makes_a_space():
    front = front_matter()
    assert {"title", "emoji", "colorFrom", "colorTo", "pinned", "tags"} <= front.keys()
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == pinned("gradio")
    assert front["python_version"] == "3.11"  # the version as text: YAML reads 3.10 as a number
    assert front["license"] == "apache-2.0"
    assert (ROOT / front["app_file"]).is_file()


def test_short_description_is_short_enough_for_a_space():
    assert 0 < len(front_matter()["short_description"]) <= 60


@pytest.mark.parametrize("code", blocks("python"))
def test_python_compiles(code):
    ast.parse(code)


def test_python_runs(capsys):
    (code,) = (code for code in blocks("python") if "import playground" in code)
    exec(compile(code, "README.md", "exec"), {})
    assert "LanguageModel" not in capsys.readouterr().out  # values are printed, not objects


def test_http_runs(capsys):
    (code,) = (code for code in blocks("python") if "gradio_client" in code)
    assert DEFAULT_URL in code
    with running_app() as url:
        exec(compile(code.replace(DEFAULT_URL, url), "README.md", "exec"), {})
    assert "True" in capsys.readouterr().out  # the last message of the stream


@pytest.mark.parametrize("name", ["load", "wrap", "PlaygroundError"])
def test_python_names_exist(name):
    import playground

    assert f"playground.{name}" in TEXT
    assert hasattr(playground, name)


def test_paths_exist():
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", PROSE)
    quoted = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|txt|toml))`", PROSE)
    installed = re.findall(r"-r (\S+)", TEXT)
    assert linked
    assert quoted
    # Folders of tests are named beside the folder that they are in.
    missing = {
        path for path in [*linked, *quoted, *installed] if not any((ROOT / at / path).exists() for at in ("", "tests"))
    }
    assert not missing


def test_options_exist():
    command = [sys.executable, "app.py", "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    calls = [call for line in TEXT.splitlines() for call in line.split("&&") if "app.py" in call]
    options = {option for call in calls for option in re.findall(r"--[a-z-]+", call)}
    options |= {f"--{name.lower()}" for name in re.findall(r"`PLAYGROUND_([A-Z]+)`", TEXT)}
    assert options
    assert options <= set(re.findall(r"--[a-z-]+", shown))


def test_modules_that_are_run_exist():
    modules = set(re.findall(r"python -m ([\w.]+)", TEXT))
    assert "tests.benchmarks" in modules
    assert all(importlib.util.find_spec(module) for module in modules)


def test_ci_finds_the_test_command():
    marked = re.search(r"<!-- test-command -->\n```sh\n(.*)\n```\n<!-- /test-command -->", TEXT)
    assert marked
    assert marked[1].endswith("-m pytest")
    assert "tests/requirements.txt" in marked[1]


def test_benchmarks_have_their_place():
    assert TEXT.index("<!-- benchmarks -->") < TEXT.index("<!-- /benchmarks -->")
