"""A Hub on this machine, with a tiny model, and an empty cache to download it to."""

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from tests.hub import Repository, running_hub
from tests.models import checkpoints


@pytest.fixture(scope="session")
def tiny_files(tmp_path_factory):
    """Return the files of a tiny GPT-2."""
    folder = tmp_path_factory.mktemp("hub") / "tiny"
    checkpoints.build_model("gpt2").save_pretrained(folder)
    checkpoints.TOKENIZERS["gpt2"]().save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(tiny_files, tmp_path, monkeypatch):
    """Return a Hub that has org/tiny; downloads go to an empty folder."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)  # as app.py does
    close_session()
    with running_hub() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        running.repositories["org/tiny"] = Repository(dict(tiny_files))
        yield running
    close_session()
