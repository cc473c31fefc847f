"""Models load from folders, safetensors only, and what goes wrong is said in words."""

import json
import shutil

import pytest
import torch
import transformers

import playground
from playground.models import kinds, loading, placement
from playground.records import PlaygroundError
from tests.models import checkpoints


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("models") / "tiny"
    checkpoints.build_model("gpt2").save_pretrained(place)
    checkpoints.TOKENIZERS["gpt2"]().save_pretrained(place)
    return place


@pytest.fixture
def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_load_a_folder(folder):
    lm = playground.load(str(folder), device="cpu")
    spec = lm.spec
    assert (spec.kind, spec.architecture, spec.dtype, spec.device) == ("decoder", "GPT2LMHeadModel", "float32", "cpu")
    assert (spec.n_layers, spec.n_query_heads, spec.n_kv_heads, spec.d_model) == (2, 4, 4, 32)
    assert (spec.vocabulary_size, spec.context_length) == (checkpoints.VOCABULARY, checkpoints.CONTEXT)
    reference = checkpoints.build_model("gpt2")
    assert spec.n_parameters == sum(p.numel() for p in reference.parameters())
    assert not lm.loaded.model.training


@pytest.mark.parametrize(
    ("family", "kind", "n_layers", "n_kv_heads", "context"),
    [
        ("llama", "decoder", 2, 2, checkpoints.CONTEXT),
        ("gptj", "decoder", 2, 4, checkpoints.CONTEXT),
        ("bert", "encoder", 2, 4, checkpoints.CONTEXT),
        ("bart", "encoder-decoder", 3, 4, checkpoints.CONTEXT),
        ("t5", "encoder-decoder", 2, 4, None),
    ],
)
def test_specs_of_families(family, kind, n_layers, n_kv_heads, context):
    spec = loading.wrap(checkpoints.build_model(family), checkpoints.TOKENIZERS[family](), family).spec
    assert (spec.name, spec.kind, spec.n_layers, spec.n_query_heads) == (family, kind, n_layers, 4)
    assert (spec.n_kv_heads, spec.d_model, spec.context_length) == (n_kv_heads, 32, context)


def test_shared_weights_count_once():
    model = checkpoints.build_model("gpt2")
    assert model.lm_head.weight is model.transformer.wte.weight
    by_place = {p.data_ptr(): p.numel() for p in model.state_dict().values()}
    spec = loading.wrap(model, checkpoints.TOKENIZERS["gpt2"]()).spec
    assert spec.n_parameters == sum(by_place.values()) < sum(p.numel() for p in model.state_dict().values())


def test_dtype(folder):
    assert playground.load(str(folder), device="cpu", dtype="bfloat16").loaded.model.dtype == torch.bfloat16
    cpu = torch.device("cpu")
    assert placement.choose_dtype("auto", cpu, 1_000_000) == torch.float32
    large = placement.choose_dtype("auto", cpu, 10**9)
    assert (large == torch.bfloat16) == placement.cpu_computes_bfloat16()


@pytest.mark.parametrize(("option", "value"), [("device", "tpu"), ("device", "cuda:99"), ("dtype", "int8")])
def test_bad_places(folder, option, value):
    with pytest.raises(PlaygroundError, match=value):
        playground.load(str(folder), **{option: value})


def test_pickled_weights_are_refused(copied):
    (copied / "model.safetensors").unlink()
    torch.save(checkpoints.build_model("gpt2").state_dict(), copied / "pytorch_model.bin")
    with pytest.raises(PlaygroundError, match="no weights as safetensors, the only format"):
        playground.load(str(copied))


def test_code_in_a_model_is_not_run(copied):
    config = json.loads((copied / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}}
    (copied / "config.json").write_text(json.dumps(config))
    witness = copied / "was-run"
    (copied / "evil.py").write_text(f"open({str(witness)!r}, 'w').close()\n")
    with pytest.raises(PlaygroundError, match="code of its own, which is never run here"):
        playground.load(str(copied))
    assert not witness.exists()


@pytest.mark.parametrize("damage", [b"", b"{", b"\x00" * 100])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_damaged_files(copied, name, damage):
    (copied / name).write_bytes(damage)
    with pytest.raises(PlaygroundError, match="could not be loaded"):
        playground.load(str(copied))


def test_a_family_without_a_language_model(copied):
    (copied / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(PlaygroundError, match="family 'vit', which transformers has no language model for"):
        playground.load(str(copied))


@pytest.mark.parametrize(
    ("family", "kind", "name"),
    [
        ("gpt2", "decoder", "AutoModelForCausalLM"),
        ("bert", "encoder", "AutoModelForMaskedLM"),
        ("t5", "encoder-decoder", "AutoModelForSeq2SeqLM"),
        ("voxtral", "decoder", "AutoModelForSeq2SeqLM"),  # one side only, but listed with those that have two
    ],
)
def test_kinds_and_the_classes_that_load_them(family, kind, name):
    config = transformers.CONFIG_MAPPING[family]()
    assert kinds.choose_kind(config, family) == kind
    assert kinds.choose_auto_class(config, kind).__name__ == name


def test_what_is_neither_here_nor_reachable(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PlaygroundError, match="not on this machine, and the Hugging Face Hub cannot be reached"):
        playground.load("nobody/no-such-model")
