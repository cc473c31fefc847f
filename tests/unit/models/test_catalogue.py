"""A name is a bundled model, a folder, or could be one on the Hub; nothing else."""

import pytest

from playground.models import catalogue
from playground.records import PlaygroundError


@pytest.fixture
def bundled(tmp_path, monkeypatch):
    for name in ("translator", "stories", "fill-in"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "notes").mkdir()
    monkeypatch.setattr(catalogue, "BUNDLED_FOLDER", tmp_path)
    return tmp_path


def test_bundled_models_are_the_folders_with_a_config(bundled):
    assert catalogue.bundled_names() == ("stories", "fill-in", "translator")
    assert catalogue.resolve("fill-in") == str(bundled / "fill-in")


def test_the_bundled_folder_is_that_of_the_project():
    assert (catalogue.BUNDLED_FOLDER.parents[1] / "playground" / "models" / "catalogue.py").is_file()


def test_folders(bundled):
    assert catalogue.resolve(str(bundled / "stories")) == str(bundled / "stories")
    with pytest.raises(PlaygroundError, match=r"notes.* holds no model: it has no config.json"):
        catalogue.resolve(str(bundled / "notes"))


@pytest.mark.parametrize("name", ["gpt2", "openai-community/gpt2", "Qwen/Qwen2.5-0.5B", "a/b_c.d-e"])
def test_names_that_may_be_on_the_hub(bundled, name):
    assert catalogue.resolve(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "../stories",
        "a/../b",
        "a/..",
        "https://huggingface.co/gpt2",
        "a/b/c",
        "/nowhere/model",
        "a b",
        "",
        " ",
        "a\x00b",
        "-x",
        ".hidden",
        "a/.b",
        "x" * 5000,
        "modèle",
        "file.git",
        "a--b",
        "~nobody-of-this-name/x",
    ],
)
def test_names_that_are_none(bundled, name):
    with pytest.raises(PlaygroundError, match="stories, fill-in, translator"):
        catalogue.resolve(name)
