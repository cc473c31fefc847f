"""Tables and pictures of compressed copies and of costs hold the numbers of their records."""

import json
import math
from dataclasses import replace

from playground.records import CachedLayer, CompressedModel, Compression, CostAssumptions, ModelCost, ModelMeasures
from playground.views.compression import (
    compression_sentence,
    compression_table,
    describe_compression,
    draw_sizes,
)
from playground.views.cost import (
    break_even_sentence,
    cache_sentence,
    draw_cache,
    lines_html,
    money_lines,
    token_lines,
)

ORIGINAL = ModelMeasures(36_000_000, 36_000_000, 36_000_000, 9_000_000, 0, 90.0, 2.0, 7.389)
COPY = ModelMeasures(36_000_000, 20_000_000, 36_000_000, 9_000_000, 4_500_000, 95.0, 2.3, 9.974)
VARIANT = CompressedModel(Compression("magnitude", percent=50), ORIGINAL, COPY, 16, 3, 0.31466, 0.5625, (), None)
LAYER = CachedLayer("self", 8, 4, 32, 32, None)
COST = ModelCost("tiny", 9_000_000, 8_000_000, 0, 32_000_000, (LAYER,) * 10, (), 4, 512, "float32")


def test_a_row_holds_the_numbers_of_both():
    table = compression_table([VARIANT], 0)
    for said in ("50 % of weights pruned", "36 MB", "packed 20 MB: 50 % are zero", "95.0", "the original 90.0", "9.97",
                 "0.3147", "56 %"):  # fmt: skip
        assert said in table, said
    assert table.count("<tr") == 3
    assert compression_table([], 0) == ""
    assert "its last 3 tokens are left out" in compression_sentence([VARIANT])


def test_what_is_not_a_number_is_a_dash():
    nothing = replace(COPY, tokens_per_s=math.nan, perplexity=math.nan)
    assert ">–<" in compression_table([replace(VARIANT, compressed=nothing)], 0)
    assert "∞" in compression_table([replace(VARIANT, compressed=replace(COPY, perplexity=math.inf))], 0)
    json.loads(draw_sizes([replace(VARIANT, compressed=replace(COPY, perplexity=math.inf))]).to_json())


def test_the_picture_has_a_point_for_each():
    figure = draw_sizes([VARIANT, VARIANT])
    assert [len(trace.x) for trace in figure.data] == [1, 2]
    assert figure.data[0].x[0] == 36
    assert figure.data[1].x[0] == 20


def test_copies_are_named():
    names = {
        describe_compression(Compression("heads", n_heads=1)): "1 head pruned",
        describe_compression(Compression("distilled", steps=1)): "student, 1 step",
        describe_compression(Compression("shared", shared=((3, 2),))): "layers 3=2",
        describe_compression(Compression("dropped", layers=(1, 2))): "without layers 1, 2",
        describe_compression(Compression("bfloat16")): "bfloat16",
        describe_compression(Compression("int4", group=64)): "int4 weights, groups of 64",
    }
    assert list(names) == list(names.values())


def test_formulas_have_their_numbers():
    given = CostAssumptions(n_tokens=100)
    lines = {what: (formula, result) for what, formula, result in token_lines(COST, given)}
    assert lines["operations of the matrices"] == ("2 × 8,000,000 weights", "16 million")
    formula, result = lines["operations of attention"]
    assert formula == "10 layers × 2 × 8 heads × (32 + 32) × 100 tokens"
    assert result == "1.02 million"
    assert lines["KV cache at this length"] == ("10 layers × 4 heads × (32 + 32) × 100 tokens, × 4 bytes", "1.02 MB")
    assert "31 such texts" in cache_sentence(COST, given)
    figure = draw_cache(COST, given)
    assert figure.data[0].x[-1] == 512
    assert figure.data[0].y[-1] == 10 * 4 * 64 * 512 * 4 / 1e6


def test_money_has_its_numbers():
    given = CostAssumptions(tokens_per_s=100, price_an_hour=3.6, utilisation=0.5, price_a_million=20)
    lines = {what: (formula, result) for what, formula, result in money_lines(given)}
    assert lines["1,000 tokens"] == ("1,000 × 3.60 / (3,600 s × 100 tokens/s × 50 %)", "0.02")
    assert lines["breaks even at"][1] == "50 % of its time"
    assert "more than 50 % of its time is cheaper" in break_even_sentence(given)
    assert "never as cheap" in break_even_sentence(replace(given, price_a_million=1))
    free = {what: result for what, _, result in money_lines(replace(given, price_a_million=0))}
    assert free["breaks even at"] == "never"
    assert "&lt;b&gt;" in lines_html([("<b>", "", "")])
