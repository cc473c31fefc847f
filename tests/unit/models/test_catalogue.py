"""A name is a bundled model, a folder, or could be one on the Hub; nothing else."""

import pytest

from playground.models import catalogue
from playground.records import Allowance, PlaygroundError


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


def test_well_known_models():
    known = catalogue.well_known()
    families = ("gpt2", "distilgpt2", "smollm2", "qwen", "llama", "gemma", "pythia", "opt", "bert-base", "distilbert")
    families += ("roberta", "modernbert", "t5", "bart", "opus-mt")
    for family in families:
        assert any(family in model.name.lower() for model in known), family
    assert len({model.name for model in known}) == len(known)
    for model in known:
        assert catalogue.resolve(model.name) == model.name
        assert 10**7 < model.parameters < 10**10
        assert model.licence
    assert {model.kind for model in known} == {"decoder", "encoder", "encoder-decoder"}
    assert any(model.gated for model in known)


def test_a_server_that_offers_a_list_lets_nothing_be_brought(bundled):
    for name in ("gpt2", "openai-community/gpt2", str(bundled / "stories"), "stories", "../stories", "", "x" * 5000):
        with pytest.raises(PlaygroundError, match="Here these models can be chosen: a, b"):
            catalogue.check_allowed(name, Allowance(), ("a", "b"))


def test_any_model_on_the_hub(bundled, monkeypatch):
    monkeypatch.chdir(bundled)  # where a name of the Hub may be the name of a folder, too
    allowance = Allowance(hub=True)
    assert catalogue.check_allowed("openai-community/gpt2", allowance, ("a",)) == "openai-community/gpt2"
    for name in ("notes", "stories", str(bundled / "stories"), "../x", "https://x/y", "a/b/c", "a/..", "a b", ".", "~"):
        with pytest.raises(PlaygroundError, match="Here these models can be chosen"):
            catalogue.check_allowed(name, allowance, ("a",))


def test_folders_below_the_one_that_was_allowed(bundled, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "config.json").write_text("{}")
    (bundled / "link").symlink_to(elsewhere)
    (bundled / "circle").symlink_to(bundled / "circle")
    allowance = Allowance(folder=str(bundled))
    for name in ("stories", "./stories", str(bundled / "stories"), "fill-in/../stories"):
        assert catalogue.check_allowed(name, allowance, ()) == str(bundled / "stories")
    refused = ["notes", "link", "circle", ".", "", "..", "../..", str(elsewhere), "/etc", "~", "a\0b", "x" * 900]
    for name in refused:
        with pytest.raises(PlaygroundError, match=r"in the folder that models may be taken from|can be chosen"):
            catalogue.check_allowed(name, allowance, ())
    with pytest.raises(PlaygroundError, match="in the folder that models may be taken from"):
        catalogue.check_allowed("org/model", allowance, ())


def test_models_in_folders_are_found(bundled, tmp_path_factory, monkeypatch):
    deep = bundled / "org" / "family" / "model" / "too-deep"
    deep.mkdir(parents=True)
    for folder in (deep, deep.parent, bundled, bundled / ".hidden"):
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text("{}")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "config.json").write_text("{}")
    (bundled / "link").symlink_to(elsewhere)
    names = catalogue.folders_below(str(bundled))
    assert names == ("./fill-in", "./org/family/model", "./stories", "./translator")
    for name in names:  # where names on the Hub may be brought, too, these are still folders
        for may in (Allowance(folder=str(bundled)), Allowance(hub=True, folder=str(bundled))):
            assert catalogue.check_allowed(name, may, ()) == str(bundled / name)
    monkeypatch.setattr(catalogue, "MOST_FOLDERS_SEEN", 2)
    assert len(catalogue.folders_below(str(bundled))) <= 2
    assert catalogue.folders_below(str(bundled / "nowhere")) == ()


def test_licences():
    assert catalogue.licence_of("stories") == "cc-by-4.0"
    assert catalogue.licence_of("openai-community/gpt2") == "MIT"
    assert catalogue.licence_of("org/unknown") == ""
