"""Downloads resume, are verified, tell how far they are, and leave nothing half-loaded whatever goes wrong."""

import hashlib
import logging
import os
import threading
from pathlib import Path

import pytest
from huggingface_hub import constants, snapshot_download

import playground
from playground.models import download, hub_errors, memory
from playground.models.download import cache_folder, find_downloaded
from playground.models.hub import look_up
from playground.models.loading import load
from playground.models.monitor import LoadMonitor
from playground.models.pool import ModelPool
from playground.records import PlaygroundError
from tests.hub import Fault, Repository, running_hub

WEIGHTS = "model.safetensors"
TOKEN = "hf_aVisitorsOwnToken"


def fetch(model="org/tiny", token=None, monitor=None):
    """Download a model without loading it."""
    return download.download(look_up(model, token), token, monitor or LoadMonitor(model))


def leftovers():
    """Return what lies in the cache of org/tiny under no name of the Hub's, and what its folder shows."""
    folder = cache_folder("org/tiny")
    return [path.name for path in folder.rglob("*.part")] if folder.exists() else []


def is_refused_then_works(hub, message, **options):
    """Check that a download says `message`, that nothing half-loaded is offered, and that the next try works."""
    with pytest.raises(PlaygroundError, match=message):
        fetch(**options)
    assert find_downloaded("org/tiny") is None
    hub.faults.clear()
    check_whole(fetch(token=options.get("token")), hub)


def check_whole(folder, hub):
    for name, content in hub.repositories["org/tiny"].files.items():
        assert (folder / name).read_bytes() == content
    assert leftovers() == []
    assert find_downloaded("org/tiny") == folder


def test_a_model_loads_and_is_downloaded_once(hub):
    lm = playground.load("org/tiny", device="cpu")
    assert (lm.spec.name, lm.spec.kind, lm.spec.n_layers) == ("org/tiny", "decoder", 2)
    assert lm.generate("Once", strategy="greedy", max_new_tokens=3).token_ids
    check_whole(find_downloaded("org/tiny"), hub)
    assert [path for path in hub.paths() if not path.startswith(("/api/models/org/tiny", "/org/tiny/resolve/"))] == []
    n_asked = len(hub.asked)
    playground.load("org/tiny", device="cpu")
    assert len(hub.asked) == n_asked


def test_huggingface_hub_finds_what_was_downloaded(hub):
    folder = fetch()
    assert Path(snapshot_download("org/tiny", local_files_only=True)) == folder


def test_only_what_is_needed_is_downloaded(hub, tiny_files):
    hub.repositories["org/tiny"].files |= {
        "pytorch_model.bin": b"\x80\x04evil.",
        "evil.py": b"raise SystemExit",
        "onnx/model.onnx": b"x",
        "../../escaped.json": b"{}",
        "/etc/escaped.json": b"{}",
        "additional_chat_templates/x.jinja": b"x",
        "tokenizer.json/../../x": b"x",
        "model-00001-of-00002.safetensors": b"x",
    }
    folder = fetch()
    assert {path.name for path in folder.iterdir()} == set(tiny_files)
    assert not list(folder.parents[3].rglob("escaped*"))


def test_shards(hub, tmp_path):
    from tests.models import checkpoints

    place = tmp_path / "sharded"
    checkpoints.build_model("gpt2").save_pretrained(place, max_shard_size="60kB")
    checkpoints.TOKENIZERS["gpt2"]().save_pretrained(place)
    hub.repositories["org/tiny"] = Repository({path.name: path.read_bytes() for path in place.iterdir()})
    assert sum(name.startswith("model-") for name in hub.repositories["org/tiny"].files) > 1
    lm = playground.load("org/tiny", device="cpu")
    assert lm.spec.n_parameters == sum(p.numel() for p in checkpoints.build_model("gpt2").parameters())


def test_progress_is_told_in_files_and_bytes(hub, tiny_files):
    class Listening(LoadMonitor):
        def report(self, progress):
            super().report(progress)
            seen.append(progress)

    seen = []
    hub.faults[WEIGHTS] = Fault(pause_s=0.005)
    fetch(monitor=Listening("org/tiny"))
    total = sum(map(len, tiny_files.values()))
    assert {(p.bytes_total, p.n_files) for p in seen} == {(total, len(tiny_files))}
    done = [p.bytes_done for p in seen]
    assert done == sorted(done)
    assert (done[-1], seen[-1].n_files_done) == (total, len(tiny_files))
    speeds = [p.bytes_per_s for p in seen if p.file == WEIGHTS and p.bytes_per_s]
    assert len(speeds) > 2
    assert max(speeds) < 4096 / 0.005 * 2


def test_cancelled_and_taken_up_again(hub, tiny_files):
    hub.faults[WEIGHTS] = Fault(pause_s=0.02)
    pool = ModelPool(["org/tiny"], lambda name, monitor: fetch(name, monitor=monitor))
    cancel = threading.Event()

    def watch():
        for progress in pool.watch("org/tiny", cancel, interval_s=0.005):
            if progress.file == WEIGHTS and progress.bytes_per_s > 0:
                cancel.set()

    with pytest.raises(PlaygroundError, match=r"cancelled. What has come is kept"):
        watch()
    for loading in list(pool._running):
        assert loading.done.wait(20)
    assert leftovers()
    assert find_downloaded("org/tiny") is None
    hub.faults.clear()
    check_whole(pool.get("org/tiny"), hub)
    first, second = (headers.get("range") for path, headers in hub.asked if path.endswith(WEIGHTS))
    assert first is None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) < len(tiny_files[WEIGHTS])


def test_a_connection_that_breaks_off_is_taken_up_at_once(hub):
    hub.faults[WEIGHTS] = Fault(break_after=50_000, times=1)
    check_whole(fetch(), hub)
    assert [headers.get("range") for path, headers in hub.asked if path.endswith(WEIGHTS)] == [None, "bytes=50000-"]


def test_a_connection_that_breaks_off_for_good(hub, monkeypatch):
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout=None: self.is_set())  # no pause between tries
    hub.faults[WEIGHTS] = Fault(break_after=50_000, times=1)
    hub.faults["/" + WEIGHTS] = Fault(break_after=0)
    with pytest.raises(PlaygroundError, match=r"broke off: 50 kB of 1\d\d kB of model.safetensors have come"):
        fetch()
    assert find_downloaded("org/tiny") is None
    hub.faults.clear()
    hub.asked.clear()
    check_whole(fetch(), hub)
    assert [headers.get("range") for path, headers in hub.asked if path.endswith(WEIGHTS)] == ["bytes=50000-"]


def test_a_server_that_cannot_resume_begins_anew(hub, tiny_files, monkeypatch):
    part = cache_folder("org/tiny") / "blobs" / f"{hashlib.sha256(tiny_files[WEIGHTS]).hexdigest()}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(tiny_files[WEIGHTS][:1000])
    hub.faults[WEIGHTS] = Fault(status=200, body=tiny_files[WEIGHTS])
    check_whole(fetch(), hub)


def test_a_part_that_is_longer_than_the_file(hub, tiny_files):
    part = cache_folder("org/tiny") / "blobs" / f"{hashlib.sha256(tiny_files[WEIGHTS]).hexdigest()}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(tiny_files[WEIGHTS] + b"more")
    check_whole(fetch(), hub)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_wrong_checksum(hub, name):
    hub.faults[name] = Fault(damaged=True)
    is_refused_then_works(hub, f"{name} of org/tiny came with a wrong checksum")


def test_more_than_was_named(hub):
    hub.faults[WEIGHTS] = Fault(surplus=10_000_000)
    is_refused_then_works(hub, "The Hub sends more of model.safetensors than the 1.. kB that it named")
    assert hub.sent_bytes < 5_000_000


@pytest.mark.parametrize("where", ["/api/models/org/tiny", "config.json", WEIGHTS])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            Fault(status=429, headers={"Retry-After": "77"}),
            "asked too often from this machine. Try again in 77 seconds",
        ),
        (Fault(status=429), "Try again in some minutes"),
        (Fault(status=500), r"trouble of its own at this moment \(error 500\)"),
        (Fault(status=503), r"trouble of its own at this moment \(error 503\)"),
        (Fault(status=418), r"refused to give org/tiny \(error 418\)"),
        (Fault(status=404, headers={"X-Error-Code": "EntryNotFound"}), "no longer on the Hub"),
        (Fault(status=401), "no model 'org/tiny' on the Hub, or it is private|wants to know who asks"),
    ],
    ids=lambda value: f"{value.status}-{len(value.headers)}" if isinstance(value, Fault) else "",
)
def test_refusals(hub, where, fault, message):
    hub.faults[where] = fault
    is_refused_then_works(hub, message)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>", b'{"id": 3}', b'{"id": "org/tiny", "siblings": [1]}'])
def test_answers_that_are_none(hub, body):
    hub.faults["/api/models/org/tiny"] = Fault(status=200, body=body)
    is_refused_then_works(hub, "cannot be read|no model that transformers knows|could not be downloaded")


@pytest.mark.parametrize("where", ["/api/models/org/tiny", "/auth-check", "config.json", WEIGHTS])
def test_a_server_that_does_not_answer(hub, where, monkeypatch):
    monkeypatch.setattr("playground.models.hub.TIMEOUT_S", 0.3)
    monkeypatch.setattr(download, "READ_TIMEOUT_S", 0.3)
    monkeypatch.setattr(download, "TRIES_WITHOUT_PROGRESS", 1)
    hub.repositories["org/tiny"].gated = where == "/auth-check"
    hub.faults[where] = Fault(delay_s=2.0)
    with pytest.raises(PlaygroundError, match="the Hugging Face Hub cannot be reached"):
        fetch()
    assert find_downloaded("org/tiny") is None


def test_a_name_that_is_not_there(hub):
    with pytest.raises(PlaygroundError, match=r"no model 'org/other' on the Hub, or it is private. Bundled: stories"):
        load("org/other")


def test_no_network(hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    is_unreachable = "not on this machine, and the Hugging Face Hub cannot be reached. Bundled models need no internet"
    with pytest.raises(PlaygroundError, match=is_unreachable):
        load("org/tiny")
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    fetch()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert load("org/tiny", device="cpu").spec.name == "org/tiny"


def test_the_disk_becomes_full(hub, tiny_files):
    """The kernel says so of all that is written to /dev/full."""
    part = cache_folder("org/tiny") / "blobs" / f"{hashlib.sha256(tiny_files[WEIGHTS]).hexdigest()}.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    is_refused_then_works(hub, "The disk became full while org/tiny was downloaded")


def test_a_folder_that_may_not_be_written_to():
    error = hub_errors.explain_hub_error("org/tiny", PermissionError(13, "Permission denied"), has_token=False)
    assert "may not be written to" in str(error)


def test_what_does_not_fit_the_disk_is_not_begun(hub, monkeypatch):
    hub.repositories["org/tiny"].sizes[WEIGHTS] = 3_000_000_000_000
    monkeypatch.setattr(download, "free_disk_bytes", lambda folder: 2_500_000_000)
    with pytest.raises(PlaygroundError, match="org/tiny needs 3 TB of disk, and there are 2 GB"):
        fetch()
    assert hub.paths() == ["/api/models/org/tiny"]
    assert not cache_folder("org/tiny").exists()


def test_a_configuration_of_gigabytes(hub):
    hub.repositories["org/tiny"].sizes["config.json"] = 3_000_000_000
    with pytest.raises(PlaygroundError, match=r"config.json has 3 GB, more than any tokenizer needs"):
        fetch()


@pytest.mark.parametrize("counted", [True, False])
def test_what_does_not_fit_the_memory_is_not_begun(hub, counted):
    repository = hub.repositories["org/tiny"]
    repository.sizes[WEIGHTS] = 4_000_000_000_000_000
    repository.n_parameters = 10**15 if counted else None
    with pytest.raises(PlaygroundError, match=r"org/tiny takes [24],?000 TB of memory, and there are .* GB for it"):
        load("org/tiny", device="cpu")
    assert hub.paths() == ["/api/models/org/tiny"]


def test_what_does_not_fit_the_budget_is_not_begun(hub):
    pool = ModelPool(["org/tiny"], lambda name, monitor: load_with(monitor, name), max_bytes=1000)
    with pytest.raises(PlaygroundError, match=r"org/tiny takes 1.. kB of memory, and there are 1 kB for it"):
        pool.get("org/tiny")
    assert hub.paths() == ["/api/models/org/tiny"]


def load_with(monitor, name, **options):
    with monitor.active():
        return load(name, device="cpu", **options)


def test_the_weights_are_reported_too(hub, tiny_files):
    seen = []

    class Listening(LoadMonitor):
        def report(self, progress):
            super().report(progress)
            seen.append(progress)

    load_with(Listening("org/tiny"), "org/tiny")
    read = [p.bytes_done for p in seen if p.stage == "reading"]
    assert next(p.stage for p in seen) == "looking"
    assert len(read) > 5
    assert read == sorted(read)
    assert read[-1] < len(tiny_files[WEIGHTS])


def test_reading_can_be_cancelled(hub):
    class Cancelling(LoadMonitor):
        def report(self, progress):
            super().report(progress)
            if progress.stage == "reading" and progress.bytes_done:
                self.cancelled.set()

    with pytest.raises(PlaygroundError, match="cancelled"):
        load_with(Cancelling("org/tiny"), "org/tiny")
    assert load("org/tiny", device="cpu").spec.name == "org/tiny"


@pytest.fixture
def gated(hub):
    hub.tokens = {TOKEN, "hf_another"}
    hub.repositories["org/tiny"].gated = True
    hub.repositories["org/tiny"].readers = frozenset({TOKEN})
    return hub


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (False, "org/tiny is gated: accept its terms on its page on huggingface.co, then give an access token"),
        ("", "org/tiny is gated: accept its terms"),
        ("hf_another", "org/tiny is gated, and your token has no access to it yet"),
        ("hf_unknown", "The Hub does not know this access token"),
        ("hf_a\r\nX-Injected: 1", "no access token of the Hub"),
        ("hf_ключ", "no access token of the Hub"),
        ("x" * 5000, "no access token of the Hub"),
    ],
)
def test_a_gated_model_without_access(gated, token, message):
    with pytest.raises(PlaygroundError, match=message) as caught:
        load("org/tiny", device="cpu", token=token)
    assert not token or token not in str(caught.value)
    assert WEIGHTS not in "".join(gated.paths())
    assert load("org/tiny", device="cpu", token=TOKEN).spec.name == "org/tiny"


def test_a_token_is_never_logged_or_written(gated, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    gated.faults[WEIGHTS] = Fault(status=500, times=1)
    with pytest.raises(PlaygroundError) as caught:
        load("org/tiny", device="cpu", token=TOKEN)
    loaded = load("org/tiny", device="cpu", token=TOKEN)
    assert TOKEN not in caplog.text
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(loaded.spec) + repr(loaded.placement)
    for folder, _, names in os.walk(tmp_path):
        assert TOKEN not in folder
        for name in names:
            assert TOKEN.encode() not in (Path(folder) / name).read_bytes()
    assert {headers.get("authorization") for _, headers in gated.asked} == {f"Bearer {TOKEN}"}


def test_who_has_no_access_does_not_get_what_another_downloaded(gated):
    load("org/tiny", device="cpu", token=TOKEN)
    with pytest.raises(PlaygroundError, match="is gated"):
        load("org/tiny", device="cpu", token=False, look_again=True)
    assert load("org/tiny", device="cpu", token=TOKEN, look_again=True).spec.name == "org/tiny"


def test_a_token_does_not_go_to_the_host_that_large_files_come_from(gated):
    with running_hub() as other:
        other.repositories = gated.repositories
        gated.large_files_at = other.url.replace("127.0.0.1", "localhost")
        check_whole(fetch(token=TOKEN), gated)
        assert [path.split("/")[1] for path in other.paths()] == ["cdn"]
        assert "authorization" not in other.asked[0][1]


def test_two_visitors_download_once(hub):
    hub.faults[WEIGHTS] = Fault(pause_s=0.005)
    pool = ModelPool(["org/tiny"], lambda name, monitor: load_with(monitor, name))
    found = []
    threads = [threading.Thread(target=lambda: found.append(pool.get("org/tiny"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(map(id, found))) == 1
    assert hub.paths().count("/api/models/org/tiny") == 1


def test_another_program_at_the_same_file(hub, tiny_files):
    import fcntl

    part = cache_folder("org/tiny") / "blobs" / f"{hashlib.sha256(tiny_files[WEIGHTS]).hexdigest()}.part"
    part.parent.mkdir(parents=True)
    with part.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(PlaygroundError, match="Another program is downloading org/tiny"):
            fetch()
    check_whole(fetch(), hub)


def test_free_space_is_looked_at_where_the_cache_is(hub, tmp_path):
    assert memory.free_disk_bytes(cache_folder("org/tiny")) == pytest.approx(memory.free_disk_bytes(tmp_path), rel=0.05)
