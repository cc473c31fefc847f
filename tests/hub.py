"""A small server on this machine that speaks the Hub's routes, and misbehaves where a test wants it to."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34
CHUNK = 4096


@dataclass
class Repository:
    """A model on the server: its files, and who may have it."""

    files: dict[str, bytes]
    gated: bool = False
    readers: frozenset[str] = frozenset()  # access tokens that its owners have let in
    n_parameters: int | None = None
    sizes: dict[str, int] = field(default_factory=dict)  # that it claims in place of the true ones
    tags: tuple[str, ...] = ()


@dataclass
class Fault:
    """What goes wrong with the answers whose path ends with some text, as often as `times` says."""

    status: int = 0  # this in place of the answer
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    break_after: int | None = None  # bytes, then the connection is closed
    pause_s: float = 0.0  # after each chunk
    delay_s: float = 0.0  # before the answer
    damaged: bool = False  # one byte is another
    surplus: int = 0  # bytes beyond the end
    times: int = 10**9


class Hub:
    """The server's models and faults, and what it was asked."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.tokens: set[str] = set()  # that it knows
        self.faults: dict[str, Fault] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.sent_bytes = 0
        self.large_files_at = ""  # the address of another server that they are sent from
        self.url = ""

    def fault_of(self, path: str) -> Fault | None:
        for end, fault in self.faults.items():
            if path.endswith(end) and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def blob(self, checksum: str) -> bytes | None:
        contents = (content for repository in self.repositories.values() for content in repository.files.values())
        return next((content for content in contents if hashlib.sha256(content).hexdigest() == checksum), None)


def is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".bin"))


def describe(model_id: str, repository: Repository) -> dict:
    """Return what the Hub says of a model, as its API does with ?blobs=True."""
    siblings = []
    for name, content in repository.files.items():
        size = repository.sizes.get(name, len(content))
        sibling = {"rfilename": name, "size": size, "blobId": hashlib.sha1(b"blob %d\0" % size + content).hexdigest()}
        if is_large(name):
            sibling["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": size, "pointerSize": 130}
        siblings.append(sibling)
    described = {
        "_id": "1",
        "id": model_id,
        "modelId": model_id,
        "sha": COMMIT,
        "private": False,
        "gated": "manual" if repository.gated else False,
        "siblings": siblings,
        "tags": list(repository.tags),
        "downloads": 1,
        "likes": 0,
    }
    if repository.n_parameters is not None:
        described["safetensors"] = {"parameters": {"F32": repository.n_parameters}, "total": repository.n_parameters}
    return described


class Answer(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the body waits for the head to be acknowledged, 40 ms
    hub: Hub

    def log_message(self, format, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        self.hub.asked.append((path, {name.lower(): value for name, value in self.headers.items()}))
        fault = self.hub.fault_of(path)
        if fault is not None:
            time.sleep(fault.delay_s)
        if fault is not None and fault.status:
            self.send(fault.status, fault.body, fault.headers)
        elif found := re.fullmatch(r"/api/models/(.+)/auth-check", path):
            self.check_access(found[1])
        elif found := re.fullmatch(r"/api/models/(.+?)(/revision/.+)?", path):
            self.describe_model(found[1])
        elif path == "/api/models":
            self.search(parse_qs(parts.query))
        elif found := re.fullmatch(r"/(.+)/resolve/([^/]+)/(.+)", path):
            self.resolve(found[1], found[3], fault)
        elif found := re.fullmatch(r"/cdn/([0-9a-f]{64})", path):
            content = self.hub.blob(found[1])
            self.send_file(content, fault) if content is not None else self.send(404, b"")
        else:
            self.send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def describe_model(self, model_id: str) -> None:
        if self.token() and self.token() not in self.hub.tokens:
            self.send(401, b"{}", {"X-Error-Message": "Invalid credentials in Authorization header"})
        elif model_id not in self.hub.repositories:
            self.send(401 if not self.token() else 404, b"{}", {"X-Error-Code": "RepoNotFound"})
        else:
            self.send(200, json.dumps(describe(model_id, self.hub.repositories[model_id])).encode())

    def check_access(self, model_id: str) -> None:
        repository = self.hub.repositories[model_id]
        if repository.gated and self.token() not in repository.readers:
            self.send(403 if self.token() else 401, b"{}", {"X-Error-Code": "GatedRepo"})
        else:
            self.send(200, b"{}")

    def search(self, query: dict[str, list[str]]) -> None:
        words = query.get("search", [""])[0].lower()
        found = [describe(name, model) for name, model in self.hub.repositories.items() if words in name.lower()]
        self.send(200, json.dumps(found[: int(query.get("limit", ["10"])[0])]).encode())

    def resolve(self, model_id: str, name: str, fault: Fault | None) -> None:
        repository = self.hub.repositories.get(model_id)
        if repository is None or name not in repository.files:
            self.send(404, b"", {"X-Error-Code": "RepoNotFound" if repository is None else "EntryNotFound"})
        elif repository.gated and self.token() not in repository.readers:
            self.send(403 if self.token() else 401, b"", {"X-Error-Code": "GatedRepo"})
        elif is_large(name) and self.hub.large_files_at:
            checksum = hashlib.sha256(repository.files[name]).hexdigest()
            self.send(302, b"", {"Location": f"{self.hub.large_files_at}/cdn/{checksum}"})
        else:
            self.send_file(repository.files[name], fault)

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            with suppress(OSError):  # whoever asked has gone
                self.wfile.write(body)

    def send_file(self, content: bytes, fault: Fault | None) -> None:
        fault = fault or Fault()
        if fault.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        content += b"x" * fault.surplus
        first = 0
        if asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or ""):
            first = int(asked[1])
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        try:
            self.send_chunks(content[first:], fault)
        except OSError:  # whoever asked has gone
            self.close_connection = True

    def send_chunks(self, content: bytes, fault: Fault) -> None:
        end = len(content) if fault.break_after is None else min(fault.break_after, len(content))
        for start in range(0, end, CHUNK):
            self.wfile.write(content[start : min(start + CHUNK, end)])
            self.hub.sent_bytes += min(start + CHUNK, end) - start
            time.sleep(fault.pause_s)
        if end < len(content):
            self.close_connection = True


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run a server on a free port of this machine."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("AnswerOfThis", (Answer,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
