"""Repositories that mean harm are refused, or load without doing any."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

import playground
from playground.models import checks
from playground.models.loading import load
from playground.records import PlaygroundError
from tests.models import checkpoints

WEIGHTS = "model.safetensors"


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return Path.touch, (Path(self.witness),)


@pytest.fixture
def witness(tmp_path):
    """Return a file that is there only where code of a model was run."""
    path = tmp_path / "was-run"
    yield path
    assert not path.exists()


@pytest.fixture
def folder(tiny_files, tmp_path):
    place = tmp_path / "model"
    place.mkdir()
    for name, content in tiny_files.items():
        (place / name).write_bytes(content)
    return place


def change(folder, name, **values):
    content = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
    (folder / name).write_text(json.dumps(content | values))


def publish(hub, folder):
    hub.repositories["org/tiny"].files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_repository_with_nothing_but_pickles(hub, witness):
    files = hub.repositories["org/tiny"].files
    del files[WEIGHTS]
    files["pytorch_model.bin"] = pickle.dumps(Evil(witness))
    message = r"org/tiny has no weights as safetensors, the only .* can run code. It has pytorch_model.bin"
    with pytest.raises(PlaygroundError, match=message):
        load("org/tiny")
    assert hub.paths() == ["/api/models/org/tiny"]


def test_a_pickle_under_the_name_of_safetensors(hub, folder, witness):
    (folder / WEIGHTS).write_bytes(pickle.dumps(Evil(witness)))
    publish(hub, folder)
    with pytest.raises(PlaygroundError, match=r"model.safetensors is damaged or not all there"):
        load("org/tiny")


@pytest.mark.parametrize("family", ["gpt2", "evil"])
def test_code_beside_a_model(hub, folder, witness, family):
    code = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model", "AutoTokenizer": ["evil.T", "evil.T"]}
    change(folder, "config.json", auto_map=code, model_type=family)
    change(
        folder, "tokenizer_config.json", auto_map=code, tokenizer_class="Evil" if family == "evil" else "GPT2Tokenizer"
    )
    (folder / "evil.py").write_text(f"open({str(witness)!r}, 'w').close()\n")
    publish(hub, folder)
    for name in (str(folder), "org/tiny"):
        if family == "gpt2":  # transformers knows it, and takes its own class
            assert playground.load(name, device="cpu").spec.architecture == "GPT2LMHeadModel"
        else:
            with pytest.raises(PlaygroundError, match="code of its own, which is never run here"):
                playground.load(name)
    assert not any("evil" in path for path in hub.paths())


@pytest.mark.parametrize(
    "template",
    [
        "{{ cycler.__init__.__globals__.os.system('touch WITNESS') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% set x = namespace.__init__.__globals__ %}{{ x['__builtins__']['open']('WITNESS', 'w') }}",
        "{{ messages.append(1) }}",
    ],
)
def test_a_chat_template_does_not_reach_python(hub, folder, witness, template):
    (folder / "chat_template.jinja").write_text(template.replace("WITNESS", str(witness)))
    publish(hub, folder)
    tokenizer = load("org/tiny", device="cpu").tokenizer
    assert tokenizer.chat_template
    with pytest.raises(Exception, match=r"unsafe|undefined|has no attribute|safely"):
        tokenizer.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False)


@pytest.mark.parametrize(
    "name", ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", "C:\\x.safetensors", 3]
)
def test_an_index_that_names_files_elsewhere(hub, folder, name):
    shutil.copy(folder / WEIGHTS, folder.parent / "secret.safetensors")
    (folder / WEIGHTS).rename(folder / "model-00001-of-00001.safetensors")
    change(folder, "model.safetensors.index.json", metadata={}, weight_map={"transformer.wte.weight": name})
    publish(hub, folder)
    for source in (str(folder), "org/tiny"):
        with pytest.raises(PlaygroundError, match=r"names a file elsewhere|cannot be read"):
            load(source)


def test_a_tokenizer_that_points_at_another_file(hub, folder, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text((folder / "tokenizer.json").read_text().replace("<|end|>", "<|secret|>"))
    change(folder, "tokenizer_config.json", tokenizer_file=str(secret), vocab_file=str(secret), merges_file=str(secret))
    publish(hub, folder)
    assert "<|secret|>" not in load("org/tiny", device="cpu").tokenizer.get_vocab()


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "_attn_implementation_internal"])
def test_a_kernel_that_a_configuration_names_is_not_fetched(hub, folder, key):
    change(folder, "config.json", **{key: "evil/kernel"})
    publish(hub, folder)
    lm = playground.load("org/tiny", device="cpu")
    assert "evil" not in str(lm.loaded.model.config._attn_implementation)
    assert lm.generate("Once", strategy="greedy", max_new_tokens=2).token_ids
    assert not any("evil" in path for path in hub.paths())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_layer": 10**9}, "impossible number of layers"),
        ({"n_layer": -1}, "impossible number of layers"),
        ({"vocab_size": 10**9}, r"describes 32,\\d.* weights, and there are"),
        ({"n_inner": 10**9}, r"describes \\d.* weights, and there are"),
        ({"n_layer": "six"}, "could not be loaded"),
        ({"n_head": 0}, "could not be loaded"),
        ({"vocab_size": -5}, "could not be loaded"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "could not be loaded"),
        ({"model_type": "__import__('os')"}, "could not be loaded|transformers has no"),
        ({"model_type": ["gpt2"]}, "could not be loaded"),
        ({"architectures": [3]}, "could not be loaded"),
        ({"n_layer": 500}, "weights that it predicts with are not there|could not be loaded|describes"),
    ],
    ids=str,
)
def test_configurations_that_are_made_up(folder, values, message):
    change(folder, "config.json", **values)
    with pytest.raises(PlaygroundError, match=message.replace("\\\\", "\\")):
        load(str(folder), device="cpu")


@pytest.mark.parametrize("text", ["[" * 200_000, "3", "null", '{"model_type": "gpt2"', "\x00", "{}"])
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "model.safetensors.index.json"])
def test_json_that_is_none(folder, name, text):
    (folder / name).write_text(text)
    if name == "model.safetensors.index.json":
        (folder / WEIGHTS).rename(folder / "model-00001-of-00001.safetensors")
    elif name == "tokenizer_config.json" and text == "{}":
        return  # nothing needs to be in it
    with pytest.raises(PlaygroundError):
        load(str(folder), device="cpu")


def test_a_model_whose_head_is_missing(tmp_path):
    place = tmp_path / "headless"
    checkpoints.build_model("bert").bert.save_pretrained(place)
    checkpoints.TOKENIZERS["bert"]().save_pretrained(place)
    change(place, "config.json", architectures=["BertForMaskedLM"])
    with pytest.raises(PlaygroundError, match="of the weights that it predicts with are not there, such as cls"):
        load(str(place), device="cpu")


def test_limits_are_beyond_what_there_is():
    assert checks.MOST_LAYERS > 126  # Llama 3.1 405B
    assert checks.MOST_EXPERTS > 512  # Qwen3 Next


@pytest.mark.parametrize(
    "name", ["../../no-such-folder", "org/../tiny", "https://huggingface.co/org/tiny", "org/tiny?x=1", "a/b/c"]
)
def test_names_with_paths_and_addresses_are_never_asked_for(hub, name):
    with pytest.raises(PlaygroundError, match="There is no model"):
        load(name)
    assert hub.paths() == []
    assert not Path(constants.HF_HUB_CACHE).exists()
