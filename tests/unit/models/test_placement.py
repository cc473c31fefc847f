"""Device and dtype are what the hardware does well, and it is said why."""

import gc

import pytest
import torch

from playground.models import loading, placement
from playground.models.kinds import choose_auto_class
from playground.models.monitor import LoadMonitor
from playground.models.placement import Plan, bytes_needed, plan_placement
from playground.records import Placement, PlaygroundError
from tests.models import checkpoints

LARGE = 124_000_000


def on_hardware(monkeypatch, *, cuda=False, cuda_bf16=False, mps=False, cpu_bf16=False, free=10**12):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: cuda_bf16)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(placement, "cpu_computes_bfloat16", lambda: cpu_bf16)
    monkeypatch.setattr(placement, "free_memory_bytes", lambda device: free)


@pytest.mark.parametrize(
    ("hardware", "n_parameters", "expected", "why_device", "why_dtype"),
    [
        ({}, LARGE, ("cpu", "float32"), "there is no GPU", "this CPU does not compute in bfloat16"),
        ({"cpu_bf16": True}, LARGE, ("cpu", "bfloat16"), "there is no GPU", "reads half as many bytes for a token"),
        ({"cpu_bf16": True}, 6_000_000, ("cpu", "float32"), "there is no GPU", "this small is no faster"),
        ({"cuda": True, "cuda_bf16": True}, LARGE, ("cuda", "bfloat16"), "a CUDA GPU", "the GPU computes in bfloat16"),
        ({"cuda": True}, LARGE, ("cuda", "float32"), "a CUDA GPU", "the GPU does not compute in bfloat16"),
        ({"mps": True}, LARGE, ("mps", "float32"), "an Apple GPU", "exact on every device"),
        ({"cuda": True, "cuda_bf16": True, "mps": True}, LARGE, ("cuda", "bfloat16"), "a CUDA GPU", "GPU computes"),
    ],
)
def test_auto(monkeypatch, hardware, n_parameters, expected, why_device, why_dtype):
    on_hardware(monkeypatch, **hardware)
    plan = plan_placement("m", "auto", "auto", n_parameters)
    assert (plan.placement.device, plan.placement.dtype) == expected
    assert why_device in plan.placement.why_device
    assert why_dtype in plan.placement.why_dtype
    n_bytes = n_parameters * (2 if expected[1] == "bfloat16" else 4)
    assert plan.n_bytes == bytes_needed("auto", "auto", n_parameters) == n_bytes
    assert not plan.is_spread


def test_what_was_asked_for_is_taken(monkeypatch):
    on_hardware(monkeypatch, cuda=True, cuda_bf16=True)
    plan = plan_placement("m", "cpu", "float16", LARGE)
    assert plan.placement == Placement("cpu", "float16", "it was asked for", "it was asked for")


def test_one_too_large_for_a_gpu_is_spread(monkeypatch):
    on_hardware(monkeypatch, cuda=True, cuda_bf16=True, free=10**9)
    plan = plan_placement("m", "auto", "auto", 2 * 10**9)
    assert plan.is_spread
    assert plan.arguments["device_map"] == "auto"
    assert "4 GB of weights, 1 GB free on cuda" in plan.placement.why_device


def test_one_too_large_for_the_memory_is_refused(monkeypatch):
    on_hardware(monkeypatch, free=10**9)
    with pytest.raises(PlaygroundError, match=r"m takes 8.8 GB of memory, and there are 1 GB for it. Take a smaller"):
        plan_placement("m", "auto", "auto", 2 * 10**9)


@pytest.mark.parametrize("dtype", ["8bit", "4bit"])
def test_without_a_back_end_for_few_bits_it_is_said(monkeypatch, dtype):
    monkeypatch.setattr(placement.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PlaygroundError, match=f"dtype {dtype} needs the package bitsandbytes, which is not installed"):
        plan_placement("m", "cpu", dtype, LARGE)
    assert bytes_needed("cpu", dtype, LARGE) == LARGE * (1 if dtype == "8bit" else 0.5)


def test_a_loaded_model_says_where_it_is_and_why(tmp_path):
    checkpoints.build_model("gpt2").save_pretrained(tmp_path)
    checkpoints.TOKENIZERS["gpt2"]().save_pretrained(tmp_path)
    loaded = loading.load(str(tmp_path), device="cpu")
    assert (loaded.placement.device, loaded.placement.dtype) == (loaded.spec.device, loaded.spec.dtype)


def made(places, place):
    place.mkdir()
    places.append(place)
    return str(place)


def test_a_model_of_which_a_part_lies_on_the_disk_computes_the_same(tmp_path, monkeypatch):
    reference = checkpoints.build_model("gpt2")
    reference.save_pretrained(tmp_path)
    parts = {"transformer.wte": "cpu", "lm_head": "cpu", "transformer.wpe": "cpu", "transformer.drop": "cpu"}
    parts |= {"transformer.h.0": "cpu", "transformer.h.1": "disk", "transformer.ln_f": "cpu"}
    arguments = {"dtype": torch.float32, "device_map": parts}
    plan = Plan(torch.device("cpu"), torch.float32, arguments, Placement("cpu", "float32", "", ""), 0, is_spread=True)
    config = reference.config
    auto_class = choose_auto_class(config, "decoder")
    places = []
    monkeypatch.setattr(loading.tempfile, "mkdtemp", lambda prefix: made(places, tmp_path / prefix))
    model = loading._read_model("m", tmp_path, config, auto_class, plan, LoadMonitor("m"))
    assert any(parameter.device.type == "meta" for parameter in model.parameters())
    ids = torch.arange(12)[None]
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits, reference(ids).logits)
    (place,) = places
    assert place.is_dir()
    del model
    gc.collect()
    assert not place.exists()
