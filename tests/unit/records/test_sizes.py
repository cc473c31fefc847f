"""Numbers of things and of bytes are said as people say them."""

import pytest

from playground.records.sizes import say_bytes, say_count


@pytest.mark.parametrize(
    ("n", "words"), [(0, "0 tokens"), (1, "1 token"), (2, "2 tokens"), (1000, "1,000 tokens"), (-1, "-1 tokens")]
)
def test_one_thing_has_no_plural(n, words):
    assert say_count(n, "token") == words


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (23_612_345, "23.6 MB"),
        (99_960_000, "100 MB"),
        (548_105_171, "548 MB"),
        (999_600_000, "1 GB"),
        (2_471_645_608, "2.47 GB"),
        (1.5e12, "1.5 TB"),
        (2e18, "2,000,000 TB"),
    ],
)
def test_bytes_in_words(n_bytes, words):
    assert say_bytes(n_bytes) == words
