"""What went wrong between this machine and the Hub, in words that say what to do next."""

import errno
from json import JSONDecodeError

import httpx2
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)

from playground.models import catalogue
from playground.records import PlaygroundError


class HubUnreachableError(PlaygroundError):
    """There is no way to the Hub at this moment; what was downloaded before can be had all the same."""


def explain_hub_error(model_id: str, error: BaseException, *, has_token: bool) -> PlaygroundError:
    """Return the error to raise for one of huggingface_hub's, of its HTTP client's or of the disk."""
    if isinstance(error, HfHubHTTPError):
        return PlaygroundError(_say_answer(model_id, error, has_token=has_token))
    if isinstance(error, OfflineModeIsEnabled | httpx2.HTTPError | ConnectionError):
        return HubUnreachableError(
            f"{model_id} is not on this machine, and the Hugging Face Hub cannot be reached. "
            f"Bundled models need no internet: {catalogue.known_names()}."
        )
    if isinstance(error, JSONDecodeError):
        return PlaygroundError(f"What the Hub answered about {model_id} cannot be read; try again later.")
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        return PlaygroundError(f"The disk became full while {model_id} was downloaded. Make room, then try again.")
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PlaygroundError(f"{model_id} cannot be kept: the folder of downloads may not be written to.")
    return PlaygroundError(f"{model_id} could not be downloaded: {' '.join(str(error).split())[:200]}")


def explain_search_error(error: BaseException) -> PlaygroundError:
    """Return the error to raise for one that came while the Hub was searched."""
    if isinstance(error, HfHubHTTPError):
        return PlaygroundError(_say_status("what is searched for", error, has_token=False))
    return HubUnreachableError(
        "The Hugging Face Hub cannot be reached from this server, so it cannot be searched. Models that are on this "
        f"machine can be chosen all the same: {catalogue.known_names()}."
    )


def _say_answer(model_id: str, error: HfHubHTTPError, *, has_token: bool) -> str:
    """Return what an answer of the Hub that refuses means."""
    if isinstance(error, GatedRepoError):
        return _say_gated(model_id, has_token=has_token)
    if isinstance(error, RepositoryNotFoundError):
        private = "or your token has no access to it" if has_token else "or it is private"
        return f"There is no model {model_id!r} on the Hub, {private}. Bundled: {catalogue.known_names()}."
    if isinstance(error, DisabledRepoError):
        return f"The Hub has closed {model_id}; take another model."
    if isinstance(error, RemoteEntryNotFoundError):
        return f"A file of {model_id} is no longer on the Hub; try again, it may have been changed."
    return _say_status(model_id, error, has_token=has_token)


def _say_gated(model_id: str, *, has_token: bool) -> str:
    if has_token:
        return (
            f"{model_id} is gated, and your token has no access to it yet: accept its terms on its page on "
            "huggingface.co, wait until its owners let you in, then try again."
        )
    return (
        f"{model_id} is gated: accept its terms on its page on huggingface.co, then give an access token of your own "
        "(or, on your own machine, log in with `hf auth login`)."
    )


def _say_status(model_id: str, error: HfHubHTTPError, *, has_token: bool) -> str:
    status = error.response.status_code
    if status == 429:
        after = error.response.headers.get("Retry-After", "")
        is_number = after.isascii() and after.isdigit() and len(after) < 6
        when = f"in {int(after)} seconds" if is_number else "in some minutes"
        return f"The Hub was asked too often from this machine. Try again {when}."
    if status == 401 and has_token:
        return "The Hub does not know this access token: make a new one, or leave it out."
    if status == 401:
        return f"The Hub wants to know who asks for {model_id}: give an access token of your own."
    if status == 403:
        return f"The Hub does not let this access token read {model_id}: it needs the right to read gated repositories."
    if status >= 500:
        return f"The Hub has trouble of its own at this moment (error {status}). Try again in some minutes."
    return f"The Hub refused to give {model_id} (error {status})."
