"""What holds for the project as a whole, checked by the tools that pyproject.toml sets up and by reading its files."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [*sorted((ROOT / "playground").rglob("*.py")), *sorted(ROOT.glob("app.py"))]
MODELS = "assets/models/"
PICKLED = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".msgpack"}
# Addresses that name something and are not fetched, or lie on this machine.
HARMLESS_HOSTS = {"www.w3.org", "127.0.0.1", "localhost"}
SPACE_FILE_LIMIT_BYTES = 10_000_000
MODELS_LIMIT_BYTES = 60_000_000


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is not installed beside {sys.executable}"
    return found


def tracked() -> list[Path]:
    """Return the files that git holds or would take in."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        yield path.relative_to(ROOT), ast.parse(path.read_text("utf-8"))


def without_docstrings(tree: ast.Module) -> Iterator[str]:
    """Yield the texts in a module that are values: a docstring may name a paper's address."""
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


def foreign_hosts(text: str) -> set[str]:
    return set(re.findall(r"(?:https?:)?//([\w-]+(?:\.[\w-]+)+|localhost)", text)) - HARMLESS_HOSTS


@pytest.mark.parametrize(
    "command",
    [
        ("lint-imports", "--no-cache"),
        ("ruff", "check", "--no-cache", "."),
        ("ruff", "format", "--check", "--no-cache", "."),
        ("pyright", "--pythonpath", sys.executable),
    ],
    ids=" ".join,
)
def test_tool_finds_nothing(command):
    name, *arguments = command
    done = subprocess.run([tool(name), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_environment_is_read_in_settings_only():
    readers = {
        path.as_posix()
        for path, tree in trees()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "putenv", "environb"})
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {"environ", "getenv"} & {a.name for a in node.names}
        )
    }
    assert readers <= {"playground/settings.py"}


def test_nothing_is_fetched_from_another_host():
    hosts = {
        (path.as_posix(), host)
        for path, tree in trees()
        for text in without_docstrings(tree)
        for host in foreign_hosts(text)
    }
    for path in sorted((ROOT / "assets").rglob("*")):
        if path.suffix in {".css", ".js", ".html", ".svg"}:
            hosts |= {(path.relative_to(ROOT).as_posix(), host) for host in foreign_hosts(path.read_text("utf-8"))}
    assert not hosts


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ('src="https://cdn.example.com/d3.js"', {"cdn.example.com"}),
        ("url(//fonts.example.com/a.woff2)", {"fonts.example.com"}),
        ("http://www.w3.org/2000/svg", set()),
        ("http://127.0.0.1:7860", set()),
        ("a / b // c", set()),
    ],
)
def test_hosts_are_found(text, hosts):
    assert foreign_hosts(text) == hosts


def imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def test_no_code_of_a_model_is_run():
    for path, tree in trees():
        for node in ast.walk(tree):
            given = node.keywords if isinstance(node, ast.Call) else []
            remote = [word for word in given if word.arg == "trust_remote_code" and not is_false(word.value)]
            unsafe = {"pickle", "joblib", "dill"} & set(imported_names(node))
            assert not remote, f"{path}:{remote[0].lineno}"
            assert not unsafe, f"{path} imports {unsafe}"


def test_weights_are_safetensors_only():
    assert not [path for path in tracked() if path.suffix in PICKLED]


def test_every_file_fits_a_space():
    large = {str(path): size for path in tracked() if (size := path.stat().st_size) > SPACE_FILE_LIMIT_BYTES}
    assert not large


def test_bundled_models_are_small():
    sizes = [path.stat().st_size for path in tracked() if path.relative_to(ROOT).as_posix().startswith(MODELS)]
    assert sum(sizes) <= MODELS_LIMIT_BYTES


def requirements(name: str) -> dict[str, str]:
    """Return the pinned version of each distribution that a requirements file names."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines()]
    pins = [line for line in lines if line and not line.startswith("-r ")]
    assert all(line.count("==") == 1 for line in pins), f"{name}: every version is pinned with =="
    split = (line.split("==") for line in pins)
    return {re.sub(r"\[.*", "", distribution).lower().replace("_", "-"): version for distribution, version in split}


def test_what_is_imported_is_pinned():
    owners = packages_distributions()
    imported = {name.split(".")[0] for _, tree in trees() for node in ast.walk(tree) for name in imported_names(node)}
    third_party = imported - sys.stdlib_module_names - {"playground"}
    needed = {owner.lower().replace("_", "-") for name in third_party for owner in owners.get(name, [name])}
    assert needed <= set(requirements("requirements.txt"))


def test_tests_pin_their_tools():
    assert requirements("tests/requirements.txt")
    assert "-r ../requirements.txt" in (ROOT / "tests/requirements.txt").read_text("utf-8")
