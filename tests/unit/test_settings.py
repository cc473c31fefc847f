"""Arguments come before the environment, bad ones are named, and nothing is reported to anyone."""

import subprocess
import sys
from pathlib import Path

import pytest
from transformers import core_model_loading

from playground.models import catalogue
from playground.records import Allowance
from playground.settings import Settings, read_settings, read_weights_in_order, silence_telemetry


@pytest.fixture(autouse=True)
def bundled(tmp_path, monkeypatch):
    for name in ("fill-in", "stories"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    monkeypatch.setattr(catalogue, "BUNDLED_FOLDER", tmp_path)


def test_defaults():
    expected = Settings(("stories", "fill-in"), "auto", "auto", "127.0.0.1", 7860, allowance=Allowance(hub=True))
    assert read_settings([], {}) == expected


def test_arguments():
    argv = [
        "--model",
        "gpt2",
        "stories",
        "--model",
        "gpt2",
        "--device",
        "cpu",
        "--dtype",
        "bfloat16",
        "--host",
        "0.0.0.0",
        "--port",
        "80",
    ]
    assert read_settings(argv, {}) == Settings(("gpt2", "stories"), "cpu", "bfloat16", "0.0.0.0", 80)


def test_the_environment_gives_what_the_arguments_do_not():
    environ = {
        "PLAYGROUND_MODEL": "fill-in, gpt2,",
        "PLAYGROUND_DEVICE": "cuda",
        "PLAYGROUND_DTYPE": "float16",
        "PLAYGROUND_HOST": "::1",
        "PLAYGROUND_PORT": "1234",
    }
    assert read_settings([], environ) == Settings(
        ("fill-in", "gpt2"), "cuda", "float16", "::1", 1234, allowance=Allowance(hub=True)
    )
    given = read_settings(["--model", "stories", "--port", "99"], environ)
    assert (given.models, given.port, given.device) == (("stories",), 99, "cuda")


@pytest.mark.parametrize(
    ("argv", "environ", "hub"),
    [
        ([], {}, True),
        (["--host", "0.0.0.0"], {}, False),  # who listens to others offers a list
        ([], {"SPACE_ID": "someone/playground"}, False),
        (["--host", "127.0.0.1"], {"SPACE_ID": "someone/playground"}, False),
        (["--bring", "list"], {}, False),
        (["--bring", "hub", "--host", "0.0.0.0"], {}, True),
        ([], {"PLAYGROUND_BRING": "hub", "SPACE_ID": "x"}, True),
    ],
)
def test_what_visitors_may_bring(argv, environ, hub):
    assert read_settings(argv, environ).allowance == Allowance(hub=hub)


def test_memory_and_folder(tmp_path):
    environ = {"PLAYGROUND_MEMORY": "1.5", "PLAYGROUND_FOLDER": str(tmp_path)}
    settings = read_settings([], environ)
    assert (settings.memory_bytes, settings.allowance.folder) == (1_500_000_000, str(tmp_path))
    assert read_settings(["--memory", "auto"], environ).memory_bytes is None


def test_a_space_is_reached_from_outside():
    assert read_settings([], {"SPACE_ID": "someone/playground"}).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("argv", "environ", "message"),
    [
        (["--port", "x"], {}, "--port: must be a whole number from 1 to 65535, not 'x'"),
        (["--port", "65536"], {}, "--port"),
        ([], {"PLAYGROUND_PORT": "-1"}, "--port"),
        (["--device", "tpu"], {}, "--device: must be auto, cpu, cuda"),
        ([], {"PLAYGROUND_DTYPE": "int8"}, "--dtype: must be one of auto, float32"),
        (["--host", "a b"], {}, "--host"),
        (["--model", "../x y"], {}, "--model: There is no model '../x y'. Take one of: stories, fill-in"),
        ([], {"PLAYGROUND_MODEL": "stories,https://x"}, "PLAYGROUND_MODEL: There is no model 'https://x'"),
        (["--bring", "all"], {}, "--bring: must be auto, list or hub, not 'all'"),
        (["--memory", "0"], {}, "--memory: must be auto, or a number of gigabytes"),
        ([], {"PLAYGROUND_MEMORY": "-3"}, "--memory"),
        (["--memory", "1e9"], {}, "--memory"),
        (["--folder", "/no/such/folder"], {}, "--folder: must be a folder on this machine"),
        (["--color"], {}, "unrecognized arguments: --color"),
    ],
)
def test_bad_values_end_with_a_message(argv, environ, message, capsys):
    with pytest.raises(SystemExit) as ended:
        read_settings(argv, environ)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_no_model_at_all(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(catalogue, "BUNDLED_FOLDER", tmp_path / "empty")
    with pytest.raises(SystemExit):
        read_settings([], {})
    assert "name one with --model" in capsys.readouterr().err


def test_reading_the_settings_imports_no_library_that_reports():
    program = (
        "import sys, playground.settings; "
        "print([name for name in ('torch', 'transformers', 'gradio', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_libraries_are_silent():
    environ = {"GRADIO_ANALYTICS_ENABLED": "True", "OTHER": "x"}
    silence_telemetry(environ)
    assert environ["OTHER"] == "x"
    program = (
        "from playground.settings import silence_telemetry; silence_telemetry(); "
        "from gradio.analytics import analytics_enabled; from huggingface_hub import constants; "
        "print(analytics_enabled(), constants.HF_HUB_DISABLE_TELEMETRY, constants.HF_HUB_DISABLE_UPDATE_CHECK)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True"]


def test_weights_are_read_in_order():
    environ = {"OTHER": "1"}
    read_weights_in_order(environ)
    assert environ == {"OTHER": "1", "HF_DEACTIVATE_ASYNC_LOAD": "1"}
    source = Path(core_model_loading.__file__).read_text("utf-8")
    assert '"HF_DEACTIVATE_ASYNC_LOAD"' in source  # the installed version knows it
