"""What a capture will take is said before it is taken."""

from types import SimpleNamespace

import pytest

from playground.attention.budget import DEFAULT_MAX_BYTES, check_budget
from playground.models.codec import TokenCodec
from playground.models.loading import LoadedModel
from playground.records import ModelSpec, PlaygroundError
from tests.models import checkpoints


def a_model(*, installed, **sizes):
    """As much of a model as the estimate looks at: GPT-2 small unless told otherwise."""
    config = SimpleNamespace(model_type="gpt2", _attn_implementation="playground" if installed else "eager", **sizes)
    config.get_text_config = lambda: config
    module = SimpleNamespace(config=config)
    spec = ModelSpec("gpt2", "decoder", "GPT2LMHeadModel", 12, 12, 12, 768, 50257, 1024, 124_000_000, "float32", "cpu")
    model = SimpleNamespace(config=config, modules=lambda: [module])
    tokenizer = checkpoints.byte_level_tokenizer()
    return LoadedModel(model, tokenizer, TokenCodec(tokenizer), spec)


def test_queries_keys_values_and_outputs():
    """12 layers of 1,024 tokens, four vectors of 768 float32 each, and a mask of 1,024 x 1,024."""
    loaded = a_model(installed=True)
    needed = 12 * 1024 * 4 * 768 * 4 + 1024 * 1024 * 4
    check_budget(loaded, 1024, 0, needed)
    with pytest.raises(PlaygroundError, match=r"of 1024 tokens would take about 155 MB .*: 1023 tokens would fit"):
        check_budget(loaded, 1024, 0, needed - 1)


def test_finished_weights():
    """12 layers of 12 heads of 1,024 x 1,024 float32, and beside them what their arithmetic is shown with."""
    loaded = a_model(installed=False)
    check_budget(loaded, 1024, 0, DEFAULT_MAX_BYTES)
    check_budget(loaded, 1024, 0, 12 * (12 * 1024 + 4 * 768) * 1024 * 4 + 1024 * 1024 * 4)
    with pytest.raises(PlaygroundError, match=r"about 759 MB of memory, 268 MB may be used: 564 tokens"):
        check_budget(loaded, 1024, 0, 256 * 2**20)
    with pytest.raises(PlaygroundError, match=r"about 40\.1 GB of memory, 5\.37 GB may be used: 2917 tokens"):
        check_budget(loaded, 8192, 0, DEFAULT_MAX_BYTES)


def test_heads_that_are_wider_than_their_share():
    with pytest.raises(PlaygroundError, match=r"1024 tokens would take about 608 MB"):
        check_budget(a_model(installed=True, head_dim=256), 1024, 0, 2**20)


def test_an_encoder_decoder_has_three_kinds_as_long_as_its_longer_text():
    with pytest.raises(PlaygroundError, match=r"of 512 tokens would take about 681 MB"):
        check_budget(a_model(installed=False), 128, 512, 2**20)


def test_not_even_one():
    with pytest.raises(PlaygroundError, match=r"of 3 tokens .*, 1 bytes may be used: not even one token would fit"):
        check_budget(a_model(installed=True), 3, 0, 1)
