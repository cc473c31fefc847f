"""The HTTP endpoints, called as a script would call them."""

import json
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

import playground


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    return Client(address, verbose=False)


@pytest.fixture(scope="module")
def stories() -> playground.LanguageModel:
    return playground.load("stories")


def test_there_are_five_endpoints_and_no_other(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/generate", "/attention", "/tokenize", "/models", "/load"}


def test_models_and_tokenize(client: Client) -> None:
    assert client.predict(api_name="/models") == {"models": ["stories", "translator"]}
    tokens = client.predict("The fox 🦊 <b>", api_name="/tokenize")["tokens"]
    assert "".join(token["text"] for token in tokens) == "The fox 🦊 <b>"


@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
def test_generate_streams_and_ends_with_all_tokens(
    client: Client, stories: playground.LanguageModel, strategy: str
) -> None:
    expected = stories.generate("Once upon a time", strategy=strategy, max_new_tokens=20, seed=3)
    job = client.submit("Once upon a time", strategy=strategy, max_new_tokens=20, seed=3, api_name="/generate")
    last = job.result()
    messages = job.outputs()
    assert [message["done"] for message in messages] == [False] * (len(messages) - 1) + [True]
    assert last["text"] == expected.text
    assert [token["id"] for token in last["tokens"]] == list(expected.token_ids)
    streamed = [token["id"] for message in messages for token in message["new_tokens"]]
    assert streamed == list(expected.token_ids)
    assert last["tokens"][0]["probability"] == pytest.approx(expected.steps[0].chosen.raw_probability)


def test_attention_of_a_head_and_of_a_layer(client: Client, stories: playground.LanguageModel) -> None:
    attention = stories.attention("The little fox ran")
    one = client.predict("The little fox ran", layer=2, head=3, api_name="/attention")
    assert np.array(one["weights"]) == pytest.approx(attention.weights(2, 3), abs=1e-5)
    assert [token["text"] for token in one["tokens"]] == [token.text for token in attention.tokens]
    layer = client.predict("The little fox ran", layer=2, api_name="/attention")
    assert np.array(layer["weights"]) == pytest.approx(attention.weights(2), abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": -1}, "temperature must be"),
        ({"temperature": "hot"}, "temperature must be"),
        ({"top_k": 10**9}, "top_k must be"),
        ({"num_beams": 10**6}, "num_beams must be"),
        ({"max_new_tokens": 0}, "max_new_tokens must be"),
        ({"strategy": "magic"}, "strategy must be one of"),
        ({"model": "no-such-model"}, "stories"),
        ({"model": "../../etc"}, "stories"),
        ({"stop": [""]}, "stop must be"),
        ({"seed": 1.5}, "seed must be"),
    ],
)
def test_a_bad_value_is_answered_and_the_next_call_works(client: Client, arguments: dict, message: str) -> None:
    with pytest.raises(AppError, match=message):
        client.predict("Once", **arguments, api_name="/generate")
    assert client.predict("Once", max_new_tokens=1, api_name="/generate")["done"]


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("", {}, "Type a few words"),
        ("fox " * 600, {}, "512"),
        ("fox", {"layer": 10}, "layer"),
        ("fox", {"layer": -1}, "layer"),
        ("fox", {"head": 8}, "head"),
        ("fox", {"head": "first"}, "head must be"),
        ("fox", {"kind": "sideways"}, "kind must be one of"),
        ("fox", {"kind": "cross"}, "self"),
        ("x" * 100_001, {}, "100,000"),
    ],
)
def test_bad_attention_is_answered(client: Client, text: str, arguments: dict, message: str) -> None:
    with pytest.raises(AppError, match=message):
        client.predict(text, **arguments, api_name="/attention")


def call_raw(address: str, endpoint: str, data: str) -> str:
    """Send JSON that gradio_client would refuse to send; return the stream of events that answers it."""
    body = f'{{"data": [{data}]}}'.encode()
    call = urllib.request.Request(f"{address}/gradio_api/call/{endpoint}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{address}/gradio_api/call/{endpoint}/{event}", timeout=60) as stream:
        return stream.read().decode()


@pytest.mark.parametrize(
    ("endpoint", "data"),
    [
        ("generate", '"Once", null, "sample", NaN, 40, 1.0, 1.0, 4, 1.0, false, 4, null, 7'),
        ("generate", '"Once", null, "sample", Infinity, 40, 1.0, 1.0, 4, 1.0, false, 4, null, 7'),
        ("generate", '"a\\ud800b", null, "sample", 0.8, 40, 1.0, 1.0, 4, 1.0, false, 4, null, 7'),
        ("generate", '{"a": 1}, null, "sample", 0.8, 40, 1.0, 1.0, 4, 1.0, false, 4, null, 7'),
        ("attention", '"a\\udfffb", null, 0, null, "self", "", ""'),
        ("tokenize", '"a\\ud800b", null'),
        ("tokenize", "[], null"),
    ],
)
def test_hostile_json_is_answered(client: Client, address: str, endpoint: str, data: str) -> None:
    text = call_raw(address, endpoint, data)
    assert "event: error" in text
    assert '"done": true' not in text
    assert client.predict("Once", max_new_tokens=1, api_name="/generate")["done"]


@pytest.mark.parametrize("text", ["a\x00b", "<script>alert(1)</script>", "שלום a\u0301", "🦊" * 50])
def test_odd_text_is_taken_as_it_is(client: Client, text: str) -> None:
    tokens = client.predict(text, api_name="/tokenize")["tokens"]
    assert "".join(token["text"] for token in tokens) == text
    last = client.predict(text, strategy="greedy", max_new_tokens=3, api_name="/generate")
    assert "".join(token["text"] for token in last["prompt_tokens"]) == text


def test_hidden_progress_is_told_to_no_component_of_the_page(address: str) -> None:
    """Else each message of an event goes to every component that was ever an output, and takes longer than itself."""
    with urllib.request.urlopen(f"{address}/config") as answer:
        config = json.load(answer)
    states = {part["id"] for part in config["components"] if part["type"] == "state"}
    hidden = [event for event in config["dependencies"] if event["show_progress"] == "hidden"]
    assert len(hidden) > 100
    assert {place for event in hidden for place in event["show_progress_on"]} <= states


def test_the_page_needs_nothing_of_the_cache_that_programs_share(address: str) -> None:
    """A fault once: the dice's picture lay where a second page on the machine, when it ended, deleted it."""
    with urllib.request.urlopen(f"{address}/config") as response:
        assert b"file=" not in response.read()


def test_no_event_is_dropped_but_another_start_of_the_model(address: str) -> None:
    with urllib.request.urlopen(f"{address}/config") as answer:
        listeners = json.load(answer)["dependencies"]
    dropping = [one for one in listeners if one["trigger_mode"] == "once" and one["backend_fn"] and one["targets"]]
    assert {event for one in dropping for _, event in one["targets"]} <= {"click", "submit", "select", "unload"}
    assert all(one["trigger_after"] is None for one in dropping)
    selected = {
        one["api_name"].rstrip("_0123456789") for one in dropping for _, event in one["targets"] if event == "select"
    }
    assert selected == {"on_candidate", "on_take"}  # they run the model
    deferred = [one for one in listeners if one["trigger_mode"] == "always_last"]
    assert deferred
    # What was chosen would be sent again as it first was
    assert not [one["api_name"] for one in deferred for _, event in one["targets"] if event == "select"]
    (search,) = (one for one in listeners if one["api_name"] == "on_search")
    assert search["trigger_mode"] == "multiple"


def test_no_component_brings_a_script_of_its_own(address: str) -> None:
    """Half of what a visitor was sent to begin with was the same scripts again and again."""
    with urllib.request.urlopen(f"{address}/config") as answer:
        sent = answer.read()
    assert len(sent) < 700_000
    assert max(len(one["props"].get("js_on_load") or "") for one in json.loads(sent)["components"]) < 150
