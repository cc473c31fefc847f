"""Models on the Hub whose names hold some words."""

import json
from typing import Any

import httpx2
from huggingface_hub import constants
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from playground.models import catalogue
from playground.models.hub import licence_of
from playground.models.hub_errors import explain_search_error
from playground.records import FoundModel, ModelKind, PlaygroundError

SEARCH_TIMEOUT_S = 8.0
MOST_FOUND = 20
MOST_WORDS = 100  # characters
MOST_ANSWER_BYTES = 2_000_000
_ASKED_FOR = 50  # those that are no language models are left out
_WANTED = ("downloads", "gated", "pipeline_tag", "safetensors", "tags")

_KINDS: dict[str, ModelKind] = {
    "text-generation": "decoder",
    "fill-mask": "encoder",
    "text2text-generation": "encoder-decoder",
    "translation": "encoder-decoder",
    "summarization": "encoder-decoder",
}


def search_hub(words: str) -> tuple[FoundModel, ...]:
    """Return language models with safetensors weights, the most downloaded first; at most MOST_FOUND.

    Raises PlaygroundError where the Hub cannot be reached, refuses, or answers what cannot be read.
    """
    if not isinstance(words, str) or not (wanted := " ".join(words.split())):
        return ()
    if len(wanted) > MOST_WORDS:
        raise PlaygroundError(f"Search for a part of a name, of at most {MOST_WORDS} characters.")
    answer = _ask(wanted)
    found = [model for entry in answer if (model := _read_entry(entry)) is not None]
    return tuple({model.name: model for model in found}.values())[:MOST_FOUND]


def _ask(words: str) -> list[Any]:
    parameters = {"search": words, "sort": "downloads", "direction": "-1", "limit": str(_ASKED_FOR)}
    parameters |= {"filter": ["transformers", "safetensors"], "expand[]": list(_WANTED)}
    url = f"{constants.ENDPOINT}/api/models"
    # Never the token that is saved on this machine: visitors must not learn of its owner's private models
    headers = build_hf_headers(token=False)
    try:
        with get_session().stream("GET", url, params=parameters, headers=headers, timeout=SEARCH_TIMEOUT_S) as answer:
            if answer.is_error:
                answer.read()
            hf_raise_for_status(answer)
            content = bytearray()
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > MOST_ANSWER_BYTES:
                    raise PlaygroundError("The Hub answers this search with more than can be read; type more letters.")
        entries = json.loads(content)
    except (httpx2.HTTPError, OSError) as error:
        raise explain_search_error(error) from error
    except (ValueError, RecursionError) as error:
        raise PlaygroundError("What the Hub answered to this search cannot be read; try again later.") from error
    if not isinstance(entries, list):
        raise PlaygroundError("What the Hub answered to this search cannot be read; try again later.")
    return entries


def _read_entry(entry: Any) -> FoundModel | None:
    """Return a model of the Hub's answer, None where it is no language model or has a name that none can have."""
    if not isinstance(entry, dict) or not isinstance(name := entry.get("id"), str):
        return None
    task = entry.get("pipeline_tag")
    if not catalogue.could_be_on_hub(name) or (isinstance(task, str) and task not in _KINDS):
        return None
    tags = entry.get("tags")
    tags = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    weights = entry.get("safetensors")
    return FoundModel(
        name=name,
        kind=_KINDS.get(task) if isinstance(task, str) else None,
        parameters=_count(weights.get("total")) if isinstance(weights, dict) else None,
        licence=licence_of(tags),
        gated=bool(entry.get("gated")),
        downloads=_count(entry.get("downloads")) or 0,
    )


def _count(value: Any) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value < 10**15 else None
