"""Downloading a model from the Hub into huggingface_hub's own cache: resumed, verified, and with room for it.

huggingface_hub's downloads neither resume nor compare checksums, and tell of progress every 10 MB only.
"""

import fcntl
import hashlib
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from playground.models.hub import HubFile, HubModel, Token, check_access
from playground.models.hub_errors import explain_hub_error
from playground.models.memory import free_disk_bytes
from playground.models.monitor import LoadMonitor
from playground.models.weights import weight_files
from playground.records import PlaygroundError
from playground.records.sizes import say_bytes

READ_TIMEOUT_S = 20.0
TRIES_WITHOUT_PROGRESS = 3
DISK_RESERVE_BYTES = 500_000_000  # left free, so that the rest of the machine goes on working
SPEED_WINDOW_S = 3.0
GATED_MARK = ".gated"  # in the folder of a model that is not for everyone


def cache_folder(model_id: str) -> Path:
    """Return where huggingface_hub keeps a model."""
    return Path(constants.HF_HUB_CACHE) / "--".join(("models", *model_id.split("/")))


def download(model: HubModel, token: Token, monitor: LoadMonitor) -> Path:
    """Return the folder that holds the model's files, after downloading those that are missing.

    What was broken off goes on where it ended. The folder gets a file only when all of it is there and has the
    checksum that the Hub names. Raises PlaygroundError.
    """
    folder = cache_folder(model.id)
    snapshot = folder / "snapshots" / model.commit
    check_access(model, token)  # what another has downloaded is not for everyone
    missing = [file for file in model.files if not (folder / "blobs" / file.checksum).is_file()]
    check_disk(model.id, folder, missing)
    there_bytes = model.n_bytes - sum(file.n_bytes for file in missing)
    meter = _Meter(monitor, n_files=len(model.files), bytes_total=model.n_bytes, bytes_done=there_bytes)
    try:
        (folder / "blobs").mkdir(parents=True, exist_ok=True)
        snapshot.mkdir(parents=True, exist_ok=True)
        if model.is_gated:
            (folder / GATED_MARK).touch()
        for number, file in enumerate(model.files):
            meter.begin(file.name, number)
            if file in missing:
                _fetch(model, file, folder, token, meter)
            _link(folder / "blobs" / file.checksum, snapshot / file.name)
        meter.begin("", len(model.files))
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(model.commit, "ascii")  # last: until then it counts as not there
    except (httpx2.HTTPError, OSError) as error:
        raise explain_hub_error(model.id, error, has_token=bool(token)) from error
    return snapshot


def check_disk(model_id: str, folder: Path, missing: list[HubFile]) -> None:
    """Raise PlaygroundError, with the numbers, where the disk has no room for what is to come."""
    needed = sum(file.n_bytes - _part_bytes(folder, file) for file in missing)
    free = max(0, free_disk_bytes(folder) - DISK_RESERVE_BYTES)
    if needed > free:
        raise PlaygroundError(
            f"{model_id} needs {say_bytes(needed)} of disk, and there are {say_bytes(free)}. Take a smaller one."
        )


def is_open_here(model_id: str) -> bool:
    """Return whether a model was downloaded as a whole, and not as a gated one."""
    return find_downloaded(model_id) is not None and not (cache_folder(model_id) / GATED_MARK).exists()


def find_downloaded(model_id: str) -> Path | None:
    """Return the folder of a model that was downloaded as a whole, by whatever program; None where there is none."""
    folder = cache_folder(model_id)
    try:
        commit = (folder / "refs" / "main").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    snapshot = folder / "snapshots" / commit
    if not commit.isalnum() or not (snapshot / "config.json").is_file():
        return None
    try:
        weight_files(snapshot, model_id)
    except PlaygroundError:
        return None
    return snapshot


def _part(folder: Path, file: HubFile) -> Path:
    return folder / "blobs" / f"{file.checksum}.part"


def _part_bytes(folder: Path, file: HubFile) -> int:
    """Return how much of a file has come; no more than it has."""
    try:
        return min(_part(folder, file).stat().st_size, file.n_bytes)
    except OSError:
        return 0


def _fetch(model: HubModel, file: HubFile, folder: Path, token: Token, meter: "_Meter") -> None:
    """Download one file to its place among the blobs; where that breaks off, what has come stays for the next time."""
    part = _part(folder, file)
    with _only_one(part, model.id) as stream:
        try:
            _receive(model, file, stream, token, meter)
            stream.flush()
            if _checksum(file, stream, meter) != file.checksum:
                part.unlink()
                raise PlaygroundError(
                    f"{file.name} of {model.id} came with a wrong checksum: it was damaged on its way, or somebody "
                    "changed it. It was deleted; try again."
                )
            os.replace(part, folder / "blobs" / file.checksum)
        except OSError as error:
            if not isinstance(error, HfHubHTTPError):  # the disk's: what was written cannot be relied on, or fills it
                part.unlink(missing_ok=True)
            raise
    meter.complete(file.n_bytes)


@contextmanager
def _only_one(part: Path, model_id: str) -> Iterator[BinaryIO]:
    """Open a file that is being downloaded. Raises PlaygroundError where another program is at it."""
    with part.open("a+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PlaygroundError(
                f"Another program is downloading {model_id} at this moment; try again when it is done."
            ) from error
        yield stream


def _receive(model: HubModel, file: HubFile, stream: BinaryIO, token: Token, meter: "_Meter") -> None:
    """Append to `stream` until all of the file is there; a connection that breaks off is taken up again."""
    failures = 0
    while (done := _end_of(stream, file)) < file.n_bytes:
        meter.at(done)
        try:
            _receive_part(model, file, stream, done, token, meter)
        except (httpx2.TransportError, httpx2.StreamError) as error:
            failures = 0 if _end_of(stream, file) > done else failures + 1
            if failures >= TRIES_WITHOUT_PROGRESS:
                if not _end_of(stream, file):
                    raise  # there is no way to the Hub
                raise _say_broken_off(model, file, _end_of(stream, file)) from error
            meter.monitor.cancelled.wait(0.2 * 2**failures)
            meter.monitor.check()
            continue
        if _end_of(stream, file) == done:  # an answer without anything in it
            failures += 1
            if failures >= TRIES_WITHOUT_PROGRESS:
                raise _say_broken_off(model, file, done)


def _say_broken_off(model: HubModel, file: HubFile, done: int) -> PlaygroundError:
    return PlaygroundError(
        f"The download of {model.id} broke off: {say_bytes(done)} of {say_bytes(file.n_bytes)} of {file.name} have "
        "come, and are kept. Try again, and it goes on from there."
    )


def _end_of(stream: BinaryIO, file: HubFile) -> int:
    """Return how much of the file there is; what is beyond its size can only be wrong, and is cut off."""
    end = stream.seek(0, os.SEEK_END)
    if end > file.n_bytes:
        stream.truncate(0)
        return 0
    return end


def _receive_part(model: HubModel, file: HubFile, stream: BinaryIO, done: int, token: Token, meter: "_Meter") -> None:
    """Append what one answer of the Hub holds, beginning at byte `done` of the file."""
    url = f"{constants.ENDPOINT}/{model.id}/resolve/{model.commit}/{file.name}"  # all of them are checked
    headers = build_hf_headers(token=token) | {"Accept-Encoding": "identity"}  # as it lies there, byte for byte
    if done:
        headers["Range"] = f"bytes={done}-"
    with get_session().stream("GET", url, headers=headers, timeout=READ_TIMEOUT_S) as answer:
        if answer.status_code == 416:  # it has less than we: another file
            stream.truncate(0)
            return
        hf_raise_for_status(answer)
        begins_there = answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        if done and not (answer.status_code == 206 and begins_there):  # it sends all of it
            stream.truncate(0)
            done = 0
        for chunk in answer.iter_raw():
            done += len(chunk)
            if done > file.n_bytes:
                stream.truncate(0)
                raise PlaygroundError(
                    f"The Hub sends more of {file.name} than the {say_bytes(file.n_bytes)} that it named; the "
                    f"download of {model.id} was ended."
                )
            stream.write(chunk)
            meter.at(done)


def _checksum(file: HubFile, stream: BinaryIO, meter: "_Meter") -> str:
    """Return the checksum of what was written: SHA-256, or git's SHA-1, which begins with the size."""
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(b"blob %d\0" % file.n_bytes, usedforsecurity=False)
    stream.seek(0)
    while chunk := stream.read(2**22):
        digest.update(chunk)
        meter.monitor.check()
    return digest.hexdigest()


def _link(blob: Path, pointer: Path) -> None:
    """Let the folder of a commit show a file, as huggingface_hub does."""
    if not pointer.exists():
        pointer.unlink(missing_ok=True)  # one that leads nowhere
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))


class _Meter:
    """Counts files and bytes, and says at most 20 times a second how far the download is, and how fast."""

    def __init__(self, monitor: LoadMonitor, *, n_files: int, bytes_total: int, bytes_done: int) -> None:
        self.monitor = monitor
        self._progress = replace(monitor.progress, stage="downloading", n_files=n_files, bytes_total=bytes_total)
        self._complete = bytes_done
        self._samples: deque[tuple[float, int]] = deque()

    def begin(self, file: str, n_files_done: int) -> None:
        """Go on to the next file."""
        self._progress = replace(self._progress, file=file, n_files_done=n_files_done, bytes_done=self._complete)
        self._samples.clear()
        self.monitor.report(self._progress)

    def complete(self, n_bytes: int) -> None:
        """Count a whole file."""
        self._complete += n_bytes

    def at(self, n_bytes: int) -> None:
        """Say that `n_bytes` of this file are there. Raises PlaygroundError where the download was cancelled."""
        self.monitor.check()
        now, total = time.monotonic(), self._complete + n_bytes
        if self._samples and (now - self._samples[-1][0] < 0.05 and total < self._progress.bytes_total):
            return
        self._samples.append((now, total))
        while now - self._samples[0][0] > SPEED_WINDOW_S and len(self._samples) > 2:
            self._samples.popleft()
        seconds = now - self._samples[0][0]
        speed = max(0.0, (total - self._samples[0][1]) / seconds) if seconds > 0 else 0.0
        self._progress = replace(self._progress, bytes_done=total, bytes_per_s=speed)
        self.monitor.report(self._progress)
