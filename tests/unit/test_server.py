import urllib.request

import pytest

from tests.server import answers, free_port, running_app


def test_the_page_is_there_while_it_runs_and_gone_after():
    with running_app() as url:
        assert answers(url)
        assert b"Attention Playground" in urllib.request.urlopen(url).read()
    assert not answers(url)


def test_a_start_that_fails_says_why():
    with pytest.raises(RuntimeError, match="no-such-model"), running_app("--model", "./no-such-model"):
        pass


def test_ports_are_free():
    assert not answers(f"http://127.0.0.1:{free_port()}")
