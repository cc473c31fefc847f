"""What the Hugging Face Hub says of a model: its files and their sizes, before anything is downloaded."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx2
from huggingface_hub import HfApi, constants
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from playground.models.hub_errors import explain_hub_error
from playground.models.weights import INDEX, WEIGHTS, refuse_weights
from playground.records import PlaygroundError
from playground.records.sizes import say_bytes

TIMEOUT_S = 10.0
MOST_SMALL_BYTES = 200_000_000  # of a configuration or a vocabulary

# A visitor's own, the machine's saved one (None), or none at all (False)
Token = str | None | bool

_TOKEN = re.compile(r"[A-Za-z0-9][\w.-]{0,299}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

# All that a language model and its tokenizer are read from; nothing else is downloaded, and none lies in a folder.
_WANTED = re.compile(
    r"config\.json|generation_config\.json|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json"
    r"|added_tokens\.json|vocab\.json|vocab\.txt|merges\.txt|chat_template\.jinja"
    r"|(spiece|sentencepiece\.bpe|tokenizer|tekken)\.model|(source|target)\.spm"
)
SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository; large ones are named by their SHA-256, small ones by git's SHA-1."""

    name: str
    n_bytes: int
    sha256: str | None
    git_sha1: str | None

    @property
    def checksum(self) -> str:
        """What the file is kept under, as huggingface_hub does."""
        return self.sha256 or self.git_sha1 or ""


@dataclass(frozen=True)
class HubModel:
    """A model on the Hub at one commit, and those of its files that are needed."""

    id: str
    commit: str
    files: tuple[HubFile, ...]
    is_gated: bool
    n_parameters: int | None  # where the Hub has counted them
    licence: str = ""  # empty where it names none

    @property
    def n_bytes(self) -> int:
        """The size of all files that are needed."""
        return sum(file.n_bytes for file in self.files)

    @property
    def n_weight_bytes(self) -> int:
        """The size of the weights."""
        return sum(file.n_bytes for file in self.files if file.name.endswith(".safetensors"))


def check_token(token: Token) -> Token:
    """Return an access token where it can be one; an empty one is none. The PlaygroundError does not quote it."""
    if token is None or isinstance(token, bool) or token.strip() == "":
        return token if token is None else False
    if not _TOKEN.fullmatch(token.strip()):
        raise PlaygroundError("This is no access token of the Hub: it has the form hf_… and holds letters and digits.")
    return token.strip()


def look_up(model_id: str, token: Token = None) -> HubModel:
    """Ask the Hub for a model. Raises PlaygroundError where it is not there, or cannot be loaded here."""
    token = check_token(token)
    try:
        info = HfApi(endpoint=constants.ENDPOINT).model_info(
            model_id, files_metadata=True, timeout=TIMEOUT_S, token=token
        )
    except (httpx2.HTTPError, OSError, ValueError) as error:
        raise explain_hub_error(model_id, error, has_token=bool(token)) from error
    except Exception as error:  # an answer that is not what the Hub answers, in any way
        raise PlaygroundError(f"What the Hub answered about {model_id} cannot be read; try again later.") from error
    files = [file for sibling in info.siblings or () if (file := _read_file(sibling)) is not None]
    if not isinstance(info.sha, str) or not _COMMIT.fullmatch(info.sha):
        raise PlaygroundError(f"What the Hub answered about {model_id} cannot be read; try again later.")
    total = getattr(info.safetensors, "total", None)
    return HubModel(
        id=model_id,
        commit=info.sha,
        files=_choose_files(model_id, files, [str(sibling.rfilename) for sibling in info.siblings or ()]),
        is_gated=bool(info.gated),
        n_parameters=total if isinstance(total, int) and total > 0 else None,
        licence=licence_of([tag for tag in info.tags or () if isinstance(tag, str)]),
    )


def licence_of(tags: Iterable[str]) -> str:
    """Return the licence that the tags of a model name, empty where they name none."""
    named = (tag.removeprefix("license:") for tag in tags if tag.startswith("license:"))
    return next(named, "")[:60]


def check_access(model: HubModel, token: Token) -> None:
    """Raise PlaygroundError where the owners of a gated model have not let this token in."""
    if not model.is_gated:
        return
    try:
        # HfApi.auth_check would wait for an answer for ever
        url = f"{constants.ENDPOINT}/api/models/{model.id}/auth-check"
        hf_raise_for_status(get_session().get(url, headers=build_hf_headers(token=token), timeout=TIMEOUT_S))
    except (httpx2.HTTPError, OSError, ValueError) as error:
        raise explain_hub_error(model.id, error, has_token=bool(token)) from error


def _read_file(sibling: Any) -> HubFile | None:
    """Return a file that is needed, with its checksum; None for all others."""
    name, size, lfs = sibling.rfilename, sibling.size, sibling.lfs
    if not isinstance(name, str) or not (_WANTED.fullmatch(name) or name in (WEIGHTS, INDEX) or SHARD.fullmatch(name)):
        return None
    sha256 = lfs.sha256 if lfs is not None else None
    sha1 = None if sha256 is not None else sibling.blob_id
    is_named = _SHA256.fullmatch(str(sha256)) if sha256 is not None else _COMMIT.fullmatch(str(sha1))
    if not is_named or not isinstance(size, int) or size < 0:
        raise PlaygroundError(f"The Hub gives no size or no checksum for {name}, so it is not downloaded.")
    if size > MOST_SMALL_BYTES and not name.endswith(".safetensors"):
        raise PlaygroundError(f"{name} has {say_bytes(size)}, more than any tokenizer needs, so it is not downloaded.")
    return HubFile(name, size, sha256, sha1)


def _choose_files(model_id: str, files: list[HubFile], names: list[str]) -> tuple[HubFile, ...]:
    """Return what is needed, small files first. Raises PlaygroundError where it is no model that can be loaded."""
    by_name = {file.name: file for file in files}
    if "config.json" not in by_name:
        raise PlaygroundError(f"{model_id} is no model that transformers knows: it has no config.json.")
    shards = [file for file in files if SHARD.fullmatch(file.name)]
    if WEIGHTS in by_name:
        weights = [by_name[WEIGHTS]]
    elif INDEX in by_name and shards:
        weights = shards
    else:
        raise PlaygroundError(refuse_weights(model_id, names))
    small = [file for file in files if not file.name.endswith(".safetensors")]
    if WEIGHTS in by_name:
        small = [file for file in small if file.name != INDEX]
    # The configuration first: a gated model is refused with it, before any large file
    small.sort(key=lambda file: (file.name != "config.json", file.name))
    return (*small, *sorted(weights, key=lambda file: file.name))
