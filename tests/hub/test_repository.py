"""Checkpoints from the Hub: what is fetched, what is refused, and every way in which it fails.

The client is huggingface_hub as it is installed; the other end is `hub_server` on loopback.
"""

import base64
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from gradio_client import Client
from huggingface_hub import constants
from huggingface_hub.utils import _http
from PIL import Image

from siamese import checkpoint as checkpoints
from siamese.checkpoint import CARD, CONFIG, WEIGHTS, load_folder
from siamese.errors import CheckpointError
from siamese.hub.client import TRIES
from siamese.hub.reference import HubReference, locate, parse
from siamese.hub.repository import FILES, Hub
from tests import app_server, pictures
from tests import small_checkpoints as small
from tests.hub_server import Blob, Fault, HubServer
from ui.html.details import SHA

ROOT = Path(__file__).parents[2]
GREY = (
    "data:image/png;base64,"
    + base64.b64encode(pictures.encoded(Image.new("RGB", (40, 40), "grey"))).decode()
)
REPO = "owner/toy"


@pytest.fixture(scope="module")
def running() -> Iterator[HubServer]:
    with HubServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("toy")
    small.write(made, card="# Toy\n")
    return made


@pytest.fixture
def server(running: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> HubServer:
    """The loopback Hub with one public checkpoint; its first commit is on main."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    running.repos.clear()
    running.reset()
    extras = {"training.bin": b"pickle", "notes/private.txt": b"not fetched"}
    running.add_repo(REPO, small.files(folder) | extras)
    return running


@pytest.fixture
def hub(server: HubServer, tmp_path: Path) -> Hub:
    # The client's own pauses cannot be shortened; ours can.
    return Hub(server.url, tmp_path / "cache", token=False, seconds=0.3, pauses=(0.02, 0.02))


def commit_of(server: HubServer, ref: str = "main", repo: str = REPO) -> str:
    return server.repo(repo).refs[ref]


def second_commit(server: HubServer, tmp_path: Path) -> str:
    """Other weights on main; the first commit stays."""
    small.write(tmp_path / "second", seed=2)
    repo = server.repo(REPO)
    first = repo.refs["main"]
    server.add_repo("owner/scratch", small.files(tmp_path / "second"))
    repo.commit(
        "main", server.repo("owner/scratch").commits[commit_of(server, repo="owner/scratch")], "2"
    )
    assert repo.refs["main"] != first
    return repo.refs["main"]


def refusal(hub: Hub, name: str = REPO, refresh: bool = False) -> str:
    """The sentence with which fetching fails: one line, one full stop at its end."""
    with pytest.raises(CheckpointError) as caught:
        hub.fetch(parse(name), refresh)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def no_half_file(hub: Hub) -> None:
    """Nothing in the cache is unfinished; each file has the hash that is its name."""
    assert hub.cache is not None
    files = [path for path in hub.cache.rglob("*") if path.is_file()]
    assert not [path for path in files if path.name.endswith((".incomplete", ".part"))]
    for path in files:
        if path.parent.name == "blobs":
            assert path.name in (Blob(path.read_bytes(), False).git_oid, sha256_of(path))


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b", HubReference("a/b")),
        ("a/b@main", HubReference("a/b", "main")),
        ("a/b@refs/pr/3", HubReference("a/b", "refs/pr/3")),
        ("Some-One/net_v1.2@v1.0", HubReference("Some-One/net_v1.2", "v1.0")),
        ("a/b#sha256=" + "AB" * 32, HubReference("a/b", None, "ab" * 32)),
        ("a/b@x#sha256=" + "0" * 64, HubReference("a/b", "x", "0" * 64)),
    ],
)
def test_names_that_are_read(text: str, expected: HubReference) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "b", "a/b/c", "/a/b", "a/", "a//b", "a/b@", "a/b@..", "a/b@x/../y", "../b", "a/..",
        "a/b@-x", "a/b#sha256=12", "a/b#md5=" + "0" * 64, "a/b c", "a--b/c", "a/b.git", "a/b@x y",
        "-a/b",
        "a/b\n", "https://huggingface.co/a/b", "a/" + "b" * 97, "ä/b", "a\\b",
    ],
)  # fmt: skip
def test_names_that_are_not_read(text: str) -> None:
    with pytest.raises(CheckpointError, match="not the name of a checkpoint on the Hub"):
        parse(text)


def test_revision_may_be_given_separately() -> None:
    assert parse("a/b", "v1") == HubReference("a/b", "v1")
    assert parse("a/b@v1", "v1") == HubReference("a/b", "v1")
    with pytest.raises(CheckpointError, match="contradict"):
        parse("a/b@v2", "v1")
    with pytest.raises(CheckpointError, match="not the name of a checkpoint"):
        parse("a/b", "../v1")


def test_folder_or_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    assert locate("runs/mine") == Path("runs/mine")
    assert locate("runs/mine", "main") == HubReference("runs/mine", "main")
    assert locate("runs/yours") == HubReference("runs/yours")
    assert locate("./runs/yours") == Path("runs/yours")
    assert locate(Path("runs/yours")) == Path("runs/yours")
    assert locate("~/x/y").is_absolute()  # type: ignore[union-attr]
    with pytest.raises(CheckpointError, match="a folder has no revision"):
        locate(Path("runs/mine"), "main")
    with pytest.raises(CheckpointError, match="no folder 'nothing-like-it' here"):
        locate("nothing-like-it")


# Loading


def test_branch_is_resolved_and_gives_the_same_logits(
    server: HubServer, hub: Hub, folder: Path
) -> None:
    fetched = hub.fetch(parse(REPO))
    assert fetched.origin == f"{REPO}@{commit_of(server)}"
    assert fetched.note == ""
    loaded = load_folder(fetched.folder, fetched.origin)
    here = load_folder(folder)
    assert loaded.origin == fetched.origin
    assert loaded.sha256 == here.sha256
    assert torch.equal(small.logits(loaded.network), small.logits(here.network))


def test_only_the_three_named_files_are_fetched(server: HubServer, hub: Hub) -> None:
    fetched = hub.fetch(parse(REPO))
    assert sorted(path.name for path in fetched.folder.iterdir()) == sorted(FILES)
    asked = {call.path.rpartition("/")[2] for call in server.calls if call.route == "resolve"}
    assert asked == set(FILES)
    assert "store" in server.routes_called()  # the weights came by the large-file route


def test_card_may_be_missing(server: HubServer, hub: Hub, folder: Path) -> None:
    files = small.files(folder)
    del files[CARD]
    server.add_repo(REPO, files)
    assert load_folder(hub.fetch(parse(REPO)).folder).config.decision == small.RULE


def test_commit_in_the_cache_needs_no_request(server: HubServer, hub: Hub) -> None:
    commit = commit_of(server)
    hub.fetch(parse(f"{REPO}@{commit}"))
    server.reset()
    again = hub.fetch(parse(f"{REPO}@{commit}"))
    assert (again.origin, again.note) == (f"{REPO}@{commit}", "")
    assert server.calls == []


def test_branch_in_the_cache_answers_at_once_and_says_so(
    server: HubServer, hub: Hub, tmp_path: Path
) -> None:
    first = commit_of(server)
    hub.fetch(parse(REPO))
    second = second_commit(server, tmp_path)
    server.reset()
    cached = hub.fetch(parse(REPO))
    assert server.calls == []
    assert cached.origin == f"{REPO}@{first}"
    assert first[:12] in cached.note
    assert "--refresh" in cached.note
    fresh = hub.fetch(parse(REPO), refresh=True)
    assert (fresh.origin, fresh.note) == (f"{REPO}@{second}", "")
    assert hub.fetch(parse(REPO)).origin == f"{REPO}@{second}"
    assert hub.fetch(parse(f"{REPO}@{first}")).origin == f"{REPO}@{first}"


def test_first_revision_still_loads_after_a_second(
    server: HubServer, hub: Hub, tmp_path: Path, folder: Path
) -> None:
    first, second = commit_of(server), second_commit(server, tmp_path)
    server.repo(REPO).refs["v1"] = first
    old = load_folder(hub.fetch(parse(f"{REPO}@v1")).folder)
    new = load_folder(hub.fetch(parse(f"{REPO}@{second}")).folder)
    assert old.sha256 == load_folder(folder).sha256
    assert new.sha256 == load_folder(tmp_path / "second").sha256 != old.sha256


def test_token_goes_to_the_hub_and_to_nobody_else(server: HubServer, tmp_path: Path) -> None:
    server.repo(REPO).private = True
    hub = Hub(endpoint=server.url, cache=tmp_path / "cache", token="hf_owner", seconds=1)
    hub.fetch(parse(REPO))
    tokens = {call.route: call.token for call in server.calls}
    assert tokens["info"] == tokens["resolve"] == "hf_owner"
    assert tokens["store"] is None


def test_client_of_the_process_is_as_it_was(server: HubServer, hub: Hub) -> None:
    before = _http._GLOBAL_CLIENT_FACTORY
    hub.fetch(parse(REPO))
    assert _http._GLOBAL_CLIENT_FACTORY is before
    server.faults.append(Fault("info", "status", 404))
    refusal(hub, "owner/other")
    assert _http._GLOBAL_CLIENT_FACTORY is before


# Trust: refused before the weights are fetched


def nothing_was_fetched(server: HubServer) -> None:
    assert set(server.routes_called()) <= {"info"}


def test_repo_with_just_a_pickle(server: HubServer, hub: Hub, folder: Path) -> None:
    files = small.files(folder)
    files["pytorch_model.bin"] = files.pop(WEIGHTS)
    server.add_repo(REPO, files)
    message = refusal(hub)
    assert "pytorch_model.bin" in message
    assert "python -m siamese convert" in message
    assert "owner" in message
    nothing_was_fetched(server)


@pytest.mark.parametrize("missing", [WEIGHTS, CONFIG])
def test_repo_that_is_not_a_checkpoint(
    missing: str, server: HubServer, hub: Hub, folder: Path
) -> None:
    files = small.files(folder)
    del files[missing]
    server.add_repo(REPO, files)
    assert f"has no {missing}" in refusal(hub)
    nothing_was_fetched(server)


@pytest.mark.parametrize("name", FILES)
def test_absurd_sizes_are_not_fetched(name: str, server: HubServer, hub: Hub) -> None:
    def lie(info: dict[str, Any]) -> None:
        for item in info["siblings"]:
            if item["rfilename"] == name:
                item["size"] = 1 << 40

    server.lie = lie
    assert "was not fetched" in refusal(hub)
    nothing_was_fetched(server)


@pytest.mark.parametrize("name", ["../config.json", "/etc/passwd", "a/../../b", "..\\b"])
def test_file_names_that_climb_out(name: str, server: HubServer, hub: Hub) -> None:
    def lie(info: dict[str, Any]) -> None:
        info["siblings"].append({"rfilename": name, "size": 1})

    server.lie = lie
    assert "leads out of its folder" in refusal(hub)
    nothing_was_fetched(server)


@pytest.mark.parametrize("sha", [None, "", "../../../x", "main", "0" * 39 + "/"])
def test_commit_that_is_not_one(sha: str | None, server: HubServer, hub: Hub) -> None:
    """The commit becomes a folder's name in the cache."""
    server.lie = lambda info: info.update(sha=sha)
    assert "names no commit" in refusal(hub)
    nothing_was_fetched(server)


def test_sha256_of_the_caller(server: HubServer, hub: Hub, folder: Path) -> None:
    sha256 = checkpoints.file_sha256(folder / WEIGHTS)
    assert hub.fetch(parse(f"{REPO}#sha256={sha256}")).folder.is_dir()
    server.reset()
    assert hub.cache is not None
    fresh = Hub(server.url, hub.cache / "other", False)
    assert "they were not fetched" in refusal(fresh, f"{REPO}#sha256=" + "0" * 64)
    nothing_was_fetched(server)


def test_damaged_cache_is_refused_and_mended(hub: Hub) -> None:
    fetched = hub.fetch(parse(REPO))
    path = (fetched.folder / WEIGHTS).resolve()
    blob = bytearray(path.read_bytes())
    blob[-1] ^= 1
    path.write_bytes(blob)
    with pytest.raises(CheckpointError, match="--refresh"):
        load_folder(hub.fetch(parse(REPO)).folder)
    load_folder(hub.fetch(parse(REPO), refresh=True).folder)


# Failure


def test_no_network(tmp_path: Path, server: HubServer, hub: Hub) -> None:
    hub.fetch(parse(REPO))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    lost = Hub(f"http://127.0.0.1:{port}", hub.cache, False, seconds=0.3)
    assert lost.fetch(parse(REPO)).note  # a branch from the cache, and it says so
    assert lost.fetch(parse(f"{REPO}@{commit_of(server)}")).note == ""
    assert "cannot be reached" in refusal(lost, "owner/other")
    assert "cache" not in refusal(lost, "owner/other")
    said = refusal(lost, REPO, refresh=True)
    assert "cannot be reached" in said
    assert said.endswith("; what is in the cache answers without --refresh.")


def test_offline(server: HubServer, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.fetch(parse(REPO))
    server.reset()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert hub.fetch(parse(REPO)).origin == f"{REPO}@{commit_of(server)}"
    assert "HF_HUB_OFFLINE" in refusal(hub, "owner/other")
    assert server.calls == []


@pytest.mark.parametrize("token", [False, "hf_reader"])
def test_private(token: str | bool, server: HubServer, tmp_path: Path) -> None:
    server.repo(REPO).private = True
    hub = Hub(server.url, tmp_path / "cache", token, seconds=1)
    message = refusal(hub)
    assert "or it is private" in message
    assert "hf auth login" in message


@pytest.mark.parametrize("token", [False, "hf_reader"])
def test_gated(token: str | bool, server: HubServer, tmp_path: Path) -> None:
    server.repo(REPO).gated = True
    hub = Hub(server.url, tmp_path / "cache", token, seconds=1)
    message = refusal(hub)
    assert "is gated" in message
    assert f"{server.url}/{REPO}" in message
    no_half_file(hub)


def test_unknown_token(server: HubServer, tmp_path: Path) -> None:
    hub = Hub(server.url, tmp_path / "cache", "hf_stolen", seconds=1)
    assert "does not know your token" in refusal(hub)


def test_forbidden(server: HubServer, hub: Hub) -> None:
    server.faults.append(Fault("info", "status", 403))
    assert "does not allow" in refusal(hub)


@pytest.mark.parametrize("token", [False, "hf_reader"])
def test_missing_repo(token: str | bool, server: HubServer, tmp_path: Path) -> None:
    hub = Hub(server.url, tmp_path / "cache", token, seconds=1)
    assert "There is no owner/nothing" in refusal(hub, "owner/nothing")


def test_missing_revision(hub: Hub) -> None:
    for revision in ("v9", "0" * 40):
        assert "not that branch, tag or commit" in refusal(hub, f"{REPO}@{revision}")


@pytest.mark.parametrize("route", ["info", "tree", "resolve", "store"])
@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("status", 503, "in trouble (HTTP 503"),
        ("stall", 0, "did not answer"),
        ("cut", 0, "broke off"),
    ],
)
def test_trouble_is_bounded_and_leaves_no_half_file(
    route: str, how: str, status: int, words: str, server: HubServer, hub: Hub
) -> None:
    server.faults.append(Fault(route, how, status))
    started = time.monotonic()
    assert words in refusal(hub)
    assert time.monotonic() - started < 30
    sent = [(call.method, call.path, call.range) for call in server.calls]
    assert max(sent.count(call) for call in sent) <= TRIES
    no_half_file(hub)
    server.reset()
    assert load_folder(hub.fetch(parse(REPO)).folder).config.decision == small.RULE


@pytest.mark.parametrize("route", ["info", "tree", "resolve", "store"])
@pytest.mark.parametrize("how", ["status", "stall", "cut"])
def test_trouble_that_passes_is_not_noticed(
    route: str, how: str, server: HubServer, hub: Hub
) -> None:
    server.faults.append(Fault(route, how, 502, times=1))
    assert load_folder(hub.fetch(parse(REPO)).folder).config.decision == small.RULE


def test_cut_download_goes_on_where_it_broke_off(
    server: HubServer, hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 20)  # whole pieces are kept
    server.faults.append(Fault("store", "cut", times=1))
    loaded = load_folder(hub.fetch(parse(REPO)).folder)
    assert loaded.sha256 == load_folder(folder).sha256
    ranges = [call.range for call in server.calls if call.route == "store"]
    assert ranges[0] is None
    assert ranges[1] is not None


def test_failed_refresh_leaves_the_older_commit_usable(
    server: HubServer, hub: Hub, tmp_path: Path
) -> None:
    first = commit_of(server)
    hub.fetch(parse(REPO))
    second_commit(server, tmp_path)
    server.faults.append(Fault("store", "cut"))
    assert "broke off" in refusal(hub, refresh=True)
    assert load_folder(hub.fetch(parse(REPO)).folder, hub.fetch(parse(REPO)).origin).origin == (
        f"{REPO}@{first}"
    )


@pytest.mark.parametrize("status", [200, 204, 418])
def test_something_that_is_not_a_hub(status: int, server: HubServer, hub: Hub) -> None:
    server.faults.append(Fault("info", "status", status))
    message = refusal(hub)
    assert "HF_ENDPOINT" in message or "HTTP 418" in message


def test_full_disk(server: HubServer, tmp_path: Path) -> None:
    """A process whose files may not grow: the system refuses the write, as a full disk does."""
    pytest.importorskip("resource", reason="needs a system that limits the size of files")
    script = f"""
import resource, sys
from pathlib import Path
from siamese.errors import CheckpointError
from siamese.hub.repository import Hub
from siamese.hub.reference import parse
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    Hub({server.url!r}, Path({str(tmp_path / "cache")!r}), False).fetch(parse({REPO!r}))
except CheckpointError as error:
    print(error)
"""
    done = process("-c", script)
    assert "no room on the disk" in done.stdout, done.stderr
    assert "HF_HUB_CACHE" in done.stdout
    no_half_file(Hub(cache=tmp_path / "cache"))


# From the environment: the command line and the server


def process(
    *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True, text=True, env=clean_environment(environment or {}), timeout=300,
        check=False,
    )  # fmt: skip


def clean_environment(more: dict[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "SIAMESE_"))}
    return kept | {"PYTHONPATH": str(ROOT), "HF_HUB_DISABLE_XET": "1"} | more


def surroundings(server: HubServer, home: Path, **more: str) -> dict[str, str]:
    return {"HF_ENDPOINT": server.url, "HF_HOME": str(home), "HF_HUB_DOWNLOAD_TIMEOUT": "1"} | more


COMMANDS = """
import contextlib, io, json, sys
from siamese.__main__ import main
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(json.loads(line))
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


@contextmanager
def shell(environment: dict[str, str]) -> Iterator[Callable[[list[str]], tuple[int, str, str]]]:
    """Runs `python -m siamese ...` lines: exit code, stdout and stderr of each.

    All in one process, since starting one takes seconds.
    """
    with subprocess.Popen(
        [sys.executable, "-c", COMMANDS],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=clean_environment(environment),
    ) as running:  # fmt: skip

        def run(words: list[str]) -> tuple[int, str, str]:
            assert running.stdin is not None
            assert running.stdout is not None
            running.stdin.write(json.dumps(words) + "\n")
            running.stdin.flush()
            code, out, err = json.loads(running.stdout.readline())
            return code, out, err

        yield run


def commands(environment: dict[str, str], *lines: list[str]) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of several commands, one after the other in one process."""
    with shell(environment) as run:
        return [run(line) for line in lines]


def test_command_line_with_and_without_network(server: HubServer, tmp_path: Path) -> None:
    photos = [str(tmp_path / f"{colour}.png") for colour in ("grey", "silver")]
    for photo in photos:
        Image.new("RGB", (40, 40), Path(photo).stem).save(photo)
    commit = commit_of(server)
    verify = ["verify", *photos]
    found = commands(
        surroundings(server, tmp_path / "home", SIAMESE_CHECKPOINT=f"{REPO}@main"),
        [*verify, "--json"],
        verify,
        [*verify, "--refresh"],
        [*verify, "--checkpoint", REPO],
        [*verify, "--checkpoint", f"{REPO}@{commit}", "--json"],
        [*verify, "--checkpoint", "owner/nothing"],
        [*verify, "--checkpoint", f"{REPO}@v9"],
        [*verify, "--checkpoint", f"{REPO}#sha256={'0' * 64}"],
    )
    sha256 = load_folder_sha(server)
    code, out, err = found[0]
    decided = {"same": 0, "different": 1, "uncertain": 3}[json.loads(out)["decision"]]
    assert (code, err) == (decided, "")
    assert json.loads(out)["checkpoint"] == {"source": f"{REPO}@{commit}", "sha256": sha256}
    assert f"answered by {REPO}@{commit}, weights {sha256}" in found[1][1]
    assert "from the cache" in found[1][2]
    assert found[2][2] == ""
    assert f"answered by {REPO}@{commit}" in found[3][1]
    assert json.loads(found[4][1])["checkpoint"]["source"] == f"{REPO}@{commit}"
    for code, out, err in found[5:]:
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert len(err.splitlines()) == 1

    server.reset()
    cached, missing = commands(
        surroundings(server, tmp_path / "home", HF_HUB_OFFLINE="1"),
        [*verify, "--checkpoint", REPO],
        [*verify, "--checkpoint", "owner/other"],
    )
    assert cached[0] == decided
    assert f"answered by {REPO}@{commit}" in cached[1]
    assert missing[0] == 2
    assert "HF_HUB_OFFLINE" in missing[2]
    assert server.calls == []


def load_folder_sha(server: HubServer) -> str:
    return server.repo(REPO).commits[commit_of(server)][WEIGHTS].sha256


START = """
import json, os, sys
from pathlib import Path
from siamese import pretrained
pretrained.EMBEDDED = Path(sys.argv[1])
for line in sys.stdin:
    os.environ["SIAMESE_CHECKPOINT"] = line.strip()
    started = pretrained.start()
    answering = started.checkpoint
    print(json.dumps([answering.public_name, started.problem, answering.note]), flush=True)
"""


def test_server_starts_with_the_embedded_checkpoint_and_says_so(
    server: HubServer, folder: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=clean_environment(surroundings(server, tmp_path / "home")),
    ) as starter:  # fmt: skip

        def start(name: str) -> list[str]:
            assert starter.stdin is not None
            assert starter.stdout is not None
            starter.stdin.write(name + "\n")
            starter.stdin.flush()
            return list(json.loads(starter.stdout.readline()))

        assert start("") == ["embedded", "", ""]
        server.faults.append(Fault("info", "stall"))
        source, problem, _ = start(REPO)
        assert source == "embedded"
        assert all(words in problem for words in (REPO, "did not answer", "embedded"))
        server.reset()
        assert start(REPO) == [f"{REPO}@{commit_of(server)}", "", ""]
        server.faults.append(Fault("info", "stall"))
        source, problem, note = start(REPO)
        assert (source, problem) == (f"{REPO}@{commit_of(server)}", "")
        assert "from the cache" in note


def test_the_app_says_which_checkpoint_of_the_hub_answers(
    server: HubServer, tmp_path: Path
) -> None:
    """The real app: on its page, and in its JSON; the newest one, though an older is cached."""
    Hub(server.url, tmp_path / "home" / "hub", False).fetch(parse(f"{REPO}@main"))
    second_commit(server, tmp_path)
    command = [sys.executable, "app.py", "--checkpoint", f"{REPO}@main", "--refresh"]
    app = app_server.start(command, **surroundings(server, tmp_path / "home"))
    try:
        page = urllib.request.urlopen(f"{app.url}config", timeout=60).read().decode()
        answer = Client(app.url, verbose=False).predict(GREY, GREY, api_name="/verify")
    finally:
        app_server.stop(app)
    origin, sha256 = f"{REPO}@{commit_of(server)}", load_folder_sha(server)
    assert answer["checkpoint"] == {"source": origin, "sha256": sha256}
    assert origin in page
    assert sha256[:SHA] in page
    assert "The embedded checkpoint answers" not in page
