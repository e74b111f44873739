"""The running server against a curious visitor: raw requests that no page would send."""

import contextlib
import http.client
import io
import json
import re
import secrets
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from siamese import Verifier, pretrained
from siamese.checkpoint import DRAWINGS
from siamese.errors import ImageError
from siamese.photos import MAX_BYTES, Caption, Photo, decode, load, worker
from siamese.photos.decode import MAX_DECODED, MAX_ISO_PIXELS, MAX_PIXELS, MAX_SIDE
from siamese.photos.worker import LIMITS
from tests import app_server, coroutines, hostile, pictures
from tests.visitor import eventually, upload
from ui import visit as visits
from ui import words
from ui.api import english, routes
from ui.photo import Upload
from ui.server import guard, hosts, limits, receiving, shares, store

SECRET = "a name that must not be logged"
META = {"_type": "gradio.FileData"}
JPEG = pictures.encoded(pictures.portrait(), "JPEG")


def ask(
    server: app_server.Server,
    path: str,
    body: bytes | None = None,
    method: str | None = None,
    **headers: str,
) -> tuple[int, bytes]:
    """One request whose path goes out as it is: nothing is normalised or encoded."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    kind = {"Content-Type": "application/json"} if body is not None else {}
    try:
        verb = method or ("GET" if body is None else "POST")
        connection.request(verb, path, body, {**kind, **headers})
        answer = connection.getresponse()
        try:
            return answer.status, answer.read()
        except http.client.IncompleteRead as error:  # a stream that the server breaks off
            return answer.status, error.partial
    finally:
        connection.close()


def sentence(body: bytes) -> str:
    """What a refusal says; one line that ends as sentences do."""
    said: str = json.loads(body)["detail"]
    assert said.endswith(".") and "\n" not in said, said
    return said


def join(server: app_server.Server, data: list[Any], session: str, fn_index: int) -> int:
    event = {"data": data, "fn_index": fn_index, "session_hash": session}
    return ask(server, "/gradio_api/queue/join", json.dumps(event).encode())[0]


def adders(config: Any) -> list[int]:
    """The events by which the page's places take their photos."""
    return [
        event["id"]
        for event in config["dependencies"]
        if len(event["inputs"]) == 1 and [name for _, name in event["targets"]] == ["input"]
    ]


def messages(server: app_server.Server, session: str) -> str:
    return ask(server, f"/gradio_api/queue/data?session_hash={session}")[1].decode()


# ---- photos are decoded elsewhere


def test_the_server_has_a_process_that_decodes(server: app_server.Server) -> None:
    (process,) = psutil.Process(server.process.pid).children()
    assert Path(worker.__file__).name in " ".join(process.cmdline())
    assert english.NOT_APART.partition(",")[0] not in server.log.read_text()


def test_no_photo_is_decoded_in_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of a pair, a pick, a place of the page, a list of people, or a drawing."""
    import app

    verifier = Verifier(pretrained.load(app_server.checkpoint()), app._load())
    characters = Verifier(pretrained.load(DRAWINGS), verifier.load)

    def here(content: bytes, caption: Caption) -> Photo:
        raise AssertionError("decoded in this process")

    monkeypatch.setattr(decode, "decode", here)
    assert verifier.verify(JPEG, io.BytesIO(JPEG)).decision.value == "same"
    assert verifier.pick(JPEG, {"Ann": [JPEG]}).identity == "Ann"
    sent = Upload("photo.jpg", JPEG)
    assert visits.look(verifier, sent).sighting
    assert next(visits.new_members(verifier, [sent]))[0].faces == 1
    assert characters.find(pictures.encoded(pictures.corners())).faces


def test_previews_show_nothing_of_other_photos(server: app_server.Server) -> None:
    config = json.loads(ask(server, "/config")[1])
    for content in hostile.short_strips():
        session = secrets.token_hex(8)
        form = {"path": upload(server, "odd.tif", content), "orig_name": "odd.tif", "meta": META}
        assert join(server, [form], session, adders(config)[0]) == 200
        said = messages(server, session)
        assert "base64," not in said and "odd.tif" in said and "damaged" in said


# ---- which addresses there are


@pytest.mark.parametrize(
    "path",
    [
        "/monitoring", "/monitoring%0A", "/monitoring/", "//monitoring", "/login", "/logout%0a",
        "/gradio_api/run/verify", "/gradio_api/api/verify", "/gradio_api/component_server",
        "/gradio_api/stream/x", "/gradio_api/stream/x/y/1/playlist-file",
        "/gradio_api/queue/status",
        "/gradio_api/proxy=http://127.0.0.1/", "/gradio_api/custom_component/x/client/y/z",
        "/gradio_api/process_recording", "/gradio_api/vibe-edit", "/gradio_api/token",
        "/gradio_api/file/etc/passwd", "/gradio_api/runs", "/gradio_api/deep_link", "/docs",
        "/gradio_api/dev/reload", "/pwa_icon", "/gradio_api/profiling/traces", "/.env", "/app.py",
    ],
)  # fmt: skip
def test_what_nobody_needs_is_not_there(server: app_server.Server, path: str) -> None:
    for body in (None, b"{}"):
        status, answer = ask(server, path, body)
        assert status == 404
        assert sentence(answer) == words.NOT_FOUND


@pytest.mark.parametrize(
    "root", ["static", "assets", "svelte", "gradio_api/file=", "gradio_api/file"]
)
@pytest.mark.parametrize(
    "way",
    [
        "../" * 12 + "etc/passwd", "..%2f" * 12 + "etc%2fpasswd", "%2e%2e/" * 12 + "etc/passwd",
        "..%252f" * 12 + "etc%252fpasswd", "....//" * 12 + "etc/passwd", "/etc/passwd",
        "%00/etc/passwd", "..\\" * 12 + "etc\\passwd", "/proc/self/environ", "/proc/self/fd/0",
    ],
)  # fmt: skip
def test_no_path_leads_out(server: app_server.Server, root: str, way: str) -> None:
    status, answer = ask(server, f"/{root}/{way}")
    assert status in (400, 403, 404)
    assert b"root:" not in answer and b"PATH=" not in answer


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT", "NONSENSE"]
)
def test_other_methods_do_nothing(server: app_server.Server, method: str) -> None:
    for path in ("/", "/gradio_api/call/verify", "/gradio_api/upload"):
        assert ask(server, path, method=method)[0] in (200, 400, 404, 405)


def test_an_upload_is_read_by_nobody_in_any_way(server: app_server.Server) -> None:
    path = upload(server, "photo.jpg", JPEG)
    for asked in (f"file={path}", f"file={path}?x=1", f"file=/{path}"):
        for method in ("GET", "HEAD"):
            status, answer = ask(server, f"/gradio_api/{asked}", method=method, Range="bytes=0-100")
            assert status in (204, 404)
            assert JPEG[:20] not in answer
    Path(path).unlink()


def test_a_forged_host_stays_with_who_sent_it(server: app_server.Server) -> None:
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/openapi.json"):
        ask(server, path, **forged)
        assert b"evil.example" not in ask(server, path)[1]


def test_a_foreign_name_gets_nothing(server: app_server.Server) -> None:
    """DNS rebinding: a page at evil.example, whose name has become 127.0.0.1."""
    for named in ({"Host": "evil.example:7860"}, {"Origin": "http://evil.example"}):
        for path, body in (
            ("/", None), ("/config", None), ("/gradio_api/call/verify", b"{}"),
            ("/gradio_api/upload", b"x"), ("/gradio_api/mcp/", b"{}"),
        ):  # fmt: skip
            connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
            connection.request("POST" if body else "GET", path, body, named)
            answer = connection.getresponse()
            assert answer.status == 403, path
            assert sentence(answer.read()) == words.FOREIGN.format(variable=hosts.VARIABLE)
            assert answer.headers["Access-Control-Allow-Origin"] is None
            connection.close()


@pytest.mark.parametrize("path", ["/", "/config", "/nothing", "/gradio_api/info", "/theme.css"])
def test_every_answer_has_the_headers_that_protect_a_page(
    server: app_server.Server, path: str
) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    connection.request("GET", path)
    headers = connection.getresponse().headers
    connection.close()
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"].split("; ")
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self' https://huggingface.co" in policy
    assert "".join(policy).count("http") == 1


# ---- what requests may name


def test_only_uploads_can_be_named_not_what_lies_beside_them(server: app_server.Server) -> None:
    path = Path(upload(server, "photo.jpg", JPEG))
    folder = path.parent.parent
    assert (folder / "in-use.lock").is_file()
    guesses = [
        folder / "in-use.lock", folder, path.parent, folder / ("0" * 64) / ".." / "in-use.lock",
        Path("/etc/passwd"), Path("/proc/self/environ"), Path("app.py"), f"{path}\0.jpg",
        folder.parent / "photos-other" / path.parent.name / path.name,
    ]  # fmt: skip
    for guess in guesses:
        form = {"path": str(guess), "meta": META}
        status, answer = ask(
            server, "/gradio_api/call/verify", json.dumps({"data": [form, form]}).encode()
        )
        assert status == 400, guess
        assert sentence(answer) == words.NOT_YOURS
    assert (folder / "in-use.lock").is_file() and path.is_file()
    path.unlink()


def test_a_well_formed_guess_finds_nothing(server: app_server.Server) -> None:
    """What another visitor uploaded lies at a path with 256 random bits, which only they know."""
    path = Path(upload(server, "photo.jpg", JPEG))
    guess = path.parent.with_name(secrets.token_hex(32)) / path.name
    form = {"path": str(guess), "meta": META, "orig_name": "guess.jpg"}
    body = json.dumps({"first": form, "second": form}).encode()
    status, answer = ask(server, "/gradio_api/call/v2/verify", body)
    assert status == 200
    event = json.loads(answer)["event_id"]
    said = ask(server, f"/gradio_api/call/verify/{event}")[1].decode()
    assert "error" in said and "guess.jpg" in said and "gone" in said
    assert path.is_file()
    path.unlink()


def test_a_link_into_the_uploads_is_not_an_upload(
    server: app_server.Server, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to("/etc")
    form = {"path": str(link / "passwd"), "meta": META}
    body = json.dumps({"data": [form, form]}).encode()
    assert ask(server, "/gradio_api/call/verify", body)[0] == 400


def test_a_visit_is_out_of_reach_for_others(server: app_server.Server) -> None:
    """Every event of the page, tried from another visit: nothing of the first one comes out."""
    config = json.loads(ask(server, "/config")[1])
    mine, theirs = secrets.token_hex(8), secrets.token_hex(8)
    path = upload(server, f"{SECRET}.jpg", JPEG)
    photo = {"path": path, "orig_name": f"{SECRET}.jpg", "meta": META}
    assert join(server, [photo], mine, adders(config)[0]) == 200
    shown = messages(server, mine)
    (picture,) = re.findall("base64,[A-Za-z0-9+/]{500}", shown)[:1]
    assert SECRET in shown
    for event in config["dependencies"]:
        if join(server, [None] * len(event["inputs"]), theirs, event["id"]) == 200:
            said = messages(server, theirs)
            assert SECRET not in said and picture not in said
    for guess in ("", "0", theirs, mine[:-1], "*", "%25"):
        assert SECRET not in messages(server, guess)
        assert SECRET not in ask(server, f"/gradio_api/call/verify/{guess or 'x'}")[1].decode()


# ---- limits, each with its sentence


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", words.MALFORMED), (b"{", words.MALFORMED), (b"\xff\xfe\0", words.MALFORMED),
        (b'{"data": ["\\ud800"]}', words.MALFORMED), (b'{"\\udfff": 1}', words.MALFORMED),
        (b"[" * 50_000 + b"]" * 50_000, words.MALFORMED),
        (b'{"data":' * 9000 + b"1" + b"}" * 9000, words.MALFORMED),
        (b'{"data":[' + b"[]," * 200_000 + b"1]}", words.TOO_MANY_PARTS),
        (b'{"data":["' + b"," * 200_000 + b'"]}', words.TOO_MANY_PARTS),
    ],
)  # fmt: skip
def test_strange_json(server: app_server.Server, body: bytes, said: str) -> None:
    for path in ("/gradio_api/call/verify", "/gradio_api/queue/join", "/gradio_api/cancel"):
        status, answer = ask(server, path, body)
        assert (status, sentence(answer)) == (400, said)


@pytest.mark.parametrize(
    "body",
    [
        {"data": [1, 2], "fn_index": 10**9, "session_hash": "x"},
        {"data": None, "fn_index": 0, "session_hash": "x"},
        {"data": [SECRET] * 3, "fn_index": 2, "session_hash": "z", "batched": True},
        {"data": [SECRET], "fn_index": 1, "session_hash": "z", "event_data": [SECRET]},
        {"data": [SECRET] * 3, "fn_index": "0; drop", "session_hash": [SECRET]},
        {"data": [{"path": None, "meta": META, "url": SECRET}], "fn_index": 1, "session_hash": "y"},
        [SECRET], SECRET, 7, None,
    ],
)  # fmt: skip
def test_events_that_make_no_sense(server: app_server.Server, body: Any) -> None:
    status, answer = ask(server, "/gradio_api/queue/join", json.dumps(body).encode())
    if status != 200:
        assert 400 <= status <= 500
        sentence(answer)
    assert SECRET not in server.log.read_text()


def test_values_that_make_no_sense_to_the_page_are_not_logged(server: app_server.Server) -> None:
    config = json.loads(ask(server, "/config")[1])
    for event in config["dependencies"]:
        session = secrets.token_hex(8)
        if join(server, [SECRET] * len(event["inputs"]), session, event["id"]) == 200:
            messages(server, session)
    logged = server.log.read_text()
    assert SECRET not in logged and "Traceback" not in logged


def test_a_photo_that_is_too_large(server: app_server.Server) -> None:
    with pytest.raises(Exception, match="413"):
        upload(server, "huge.jpg", bytes(receiving.MAX_FILE + 1))
    assert server.uploads == []


def test_its_sentence_names_the_photo(
    served: app_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "MAX_FILE", 1000)
    edge = "edge-of-a-part"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="huge.jpg"\r\n\r\n'
    body = head.encode() + bytes(2000) + f"\r\n--{edge}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    status, answer = ask(served, "/gradio_api/upload", body, **kind)
    assert status == 413
    assert answer.decode() == words.FILE_TOO_LARGE.format(name="huge.jpg", megabytes=0)


def test_an_upload_that_says_it_is_too_large(server: app_server.Server) -> None:
    with opened(server) as raw:
        raw.sendall(upload_head(receiving.MAX_UPLOAD + 1))
        status, answer = received(raw)
    assert status == 413
    assert b"MB together" in answer


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_that_breaks_off_leaves_nothing(server: app_server.Server, chunked: bool) -> None:
    with opened(server) as raw:
        part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
        body = part + bytes(300_000)
        raw.sendall(upload_head(None if chunked else 10**6))
        raw.sendall(b"%x\r\n%s\r\n" % (len(body), body) if chunked else body)
        assert eventually(lambda: server.uploads != [])
        # Reset rather than closed in order, as by a telephone in a tunnel.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert eventually(lambda: server.uploads == [])


def received(raw: socket.socket) -> tuple[int, bytes]:
    """Status and body of the whole answer, which may come in several pieces."""
    response = http.client.HTTPResponse(raw)
    response.begin()
    return response.status, response.read()


@contextlib.contextmanager
def opened(server: app_server.Server) -> Iterator[socket.socket]:
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port), timeout=30) as raw:
        yield raw


def upload_head(length: int | None) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        "POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\n{size}\r\n\r\n"
    ).encode()


def test_too_many_pixels_and_too_many_photos(client: Client, tmp_path: Path) -> None:
    bomb = next(file for file in hostile.corpus() if "3,600 megapixels" in file.name)
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb.content)
    with pytest.raises(AppError, match=rf'"bomb.png" has 3600 .* at most {MAX_PIXELS // 10**6}'):
        client.predict(handle_file(path), handle_file(path), api_name="/verify")
    small = f"data:image/png;base64,{'A' * 8}"
    with pytest.raises(AppError, match=f"At most {routes.MAX_SUPPORT} support photos"):
        client.predict(small, [small] * (routes.MAX_SUPPORT + 1), api_name="/pick")


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """The app in this process, where a test can set its limits."""
    import app

    built = app.build(app_server.verifier())
    port = app_server.free_port()
    built.launch(**app.launch_options(), prevent_thread_lock=True, quiet=True, server_port=port)
    yield built
    built.close()


@pytest.fixture
def served(page: Any) -> app_server.Server:
    """The same as one can ask it."""
    import app

    return app_server.Server(page.local_url, None, app.UPLOADS, Path())  # type: ignore[arg-type]


def test_a_request_has_only_so_much_time(
    served: app_server.Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(routes, "SECONDS", 0.0)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(JPEG)
    with pytest.raises(AppError, match="takes longer than the 0 seconds"):
        Client(served.url, verbose=False).predict(
            handle_file(photo), [handle_file(photo)], api_name="/pick"
        )


def test_a_full_queue_says_so(
    page: Any, served: app_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page._queue, "max_size", 0)
    status, answer = ask(served, "/gradio_api/call/verify", b'{"data": ["a", "b"]}')
    assert (status, sentence(answer)) == (503, words.BUSY)


@pytest.mark.parametrize(
    ("where", "limit"),
    [
        (guard, "MAX_QUEUED"), (shares, "MAX_OPEN"), (shares, "MAX_OPEN_EACH"),
        (shares, "MAX_WAITING_EACH"),
    ],
)  # fmt: skip
def test_other_limits_say_the_same(
    served: app_server.Server, monkeypatch: pytest.MonkeyPatch, where: Any, limit: str
) -> None:
    monkeypatch.setattr(where, limit, -1)
    status, answer = ask(served, "/gradio_api/call/verify", b'{"data": []}')
    assert (status, sentence(answer)) == (503, words.BUSY)


def test_work_is_counted_against_whoever_asked(served: app_server.Server) -> None:
    before = dict(shares.SHARES._taken)
    body = json.dumps({"first": "data:,", "second": "data:,"}).encode()
    event = json.loads(ask(served, "/gradio_api/call/v2/verify", body)[1])["event_id"]
    assert b"error" in ask(served, f"/gradio_api/call/verify/{event}")[1]
    assert shares.SHARES._taken["127.0.0.1"] is not before.get("127.0.0.1")


def test_a_slow_request_is_given_up(
    served: app_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "SECONDS", 1.0)
    monkeypatch.setattr(receiving, "SECONDS", 1.0)
    for path in ("upload", "call/verify"):
        with opened(served) as raw:
            raw.sendall(upload_head(1000).replace(b"upload", path.encode()) + b"--x")
            status, answer = received(raw)
        assert status == 408
        assert b"took too long to arrive" in answer


def test_the_memory_of_visits_is_bounded() -> None:
    from types import SimpleNamespace

    from gradio.state_holder import StateHolder

    from ui.server import forgetting

    holder = StateHolder()
    photo = load(JPEG)
    for visit in ("first", "second", "third"):
        shown = SimpleNamespace(photo=photo)
        holder.session_data[visit] = SimpleNamespace(state_data={1: shown, 2: False})  # type: ignore[assignment]
    app: Any = SimpleNamespace(state_holder=holder)
    assert photo.num_bytes <= len(JPEG)
    forgetting.limit(app, 3 * photo.num_bytes)
    assert len(holder.session_data) == 3
    forgetting.limit(app, 2 * photo.num_bytes)
    assert list(holder.session_data) == ["second", "third"]


def test_the_names_of_files_that_are_gone_are_forgotten(
    page: Any, served: app_server.Server
) -> None:
    import app
    from ui.server import forgetting

    form = {"path": upload(served, f"{SECRET}.jpg", JPEG), "meta": META}
    page.temp_file_sets.append({form["path"], "of another upload"})
    coroutines.run(forgetting.sweep(page.app, app.STORE, seconds=60))
    assert page.temp_file_sets[-1] == {form["path"]}
    assert join(served, [form], "forgotten", adders(page.config)[0]) == 200
    assert SECRET in messages(served, "forgotten")
    assert app.STORE.waiting() == (0, 0)
    coroutines.run(forgetting.sweep(page.app, app.STORE, seconds=60))
    assert not any(page.temp_file_sets)
    page.temp_file_sets.pop()
    forgetting.drop(page.app, "forgotten")


# ---- nothing left behind

# The app with a clean-up after seconds instead of minutes.
QUICK = """
import app
from ui.server import forgetting
options = app.launch_options()
options["app_kwargs"]["lifespan"] = forgetting.forgetting(app.STORE, seconds=20, every=0.5)
app.demo.launch(**options)
"""


@pytest.mark.long
def test_nothing_is_left_of_fifty_requests(tmp_path: Path) -> None:
    scratch = tmp_path / "everything the server may write to"
    scratch.mkdir()
    server = app_server.start([sys.executable, "-c", QUICK], TMPDIR=str(scratch))
    try:
        photo = tmp_path / f"{SECRET}.jpg"
        photo.write_bytes(JPEG)
        broken = tmp_path / f"{SECRET} too.jpg"
        broken.write_bytes(JPEG[:5000])
        fifty_requests(server, photo, broken)
        assert eventually(lambda: server.uploads == [], 90)
        found = [path for root in (server.temporary, scratch) for path in pictures_below(root)]
        assert found == []
        logged = server.log.read_text()
        assert SECRET not in logged and "data:image" not in logged and "Traceback" not in logged
    finally:
        app_server.stop(server)


def fifty_requests(server: app_server.Server, photo: Path, broken: Path) -> None:
    """Fifty requests: answers, errors, uploads that nobody reads, and visits that just leave."""
    client = Client(server.url, verbose=False)
    for number in range(15):
        client.predict(handle_file(photo), handle_file(photo), api_name="/verify")
        if number < 10:
            client.predict(handle_file(photo), [handle_file(photo)] * 2, api_name="/pick")
            with pytest.raises(AppError):
                client.predict(handle_file(photo), handle_file(broken), api_name="/verify")
            upload(server, f"{SECRET}.jpg", JPEG)
    config = json.loads(ask(server, "/config")[1])
    adder = adders(config)[0]
    for _ in range(5):
        form = {"path": upload(server, f"{SECRET}.jpg", JPEG), "meta": META}
        assert join(server, [form], secrets.token_hex(8), adder) == 200
    time.sleep(1)


def pictures_below(root: Path) -> list[Path]:
    """The files that are pictures, by what they are and not by their names."""
    found = []
    for path in root.rglob("*"):
        if path.is_file():
            with contextlib.suppress(ImageError, OSError):
                load(path)
                found.append(path)
    return found


def test_every_test_that_is_named_for_a_promise_exists() -> None:
    said = (app_server.REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
    tests = app_server.REPOSITORY / "tests"
    written = "".join(path.read_text(encoding="utf-8") for path in tests.rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", said))
    assert len(named) > 40
    assert {name for name in named if f"def {name}(" not in written} == set()
    for path in re.findall(r"`(tests/[\w/]+(?:\.py)?)`", said):
        assert (app_server.REPOSITORY / path).exists(), path


def test_the_limits_are_those_that_are_documented() -> None:
    import app
    from ui.api import errors

    said = (app_server.REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
    for limit in (
        f"{receiving.MAX_FILE // 10**6} MB as an upload, {MAX_BYTES // 2**20} MB in the package",
        f"{MAX_PIXELS // 10**6} megapixels, {MAX_ISO_PIXELS // 10**6} as AVIF or HEIC;"
        f" {MAX_SIDE:,} pixels a side; {MAX_DECODED // 10**6} MB decoded",
        f"{LIMITS.cpu_seconds} seconds of a processor, {LIMITS.seconds:.0f} by the clock,"
        f" {LIMITS.memory // 2**20:,} MB",
        f"| {receiving.MAX_UPLOAD // 2**20} MB, {limits.MAX_FILES} files |",
        f"| {store.MAX_DISK // 2**30} GB, {store.MAX_WAITING_FILES:,} files; a client a quarter |",
        f"| {guard.MAX_BODY // 2**20} MB, {guard.MAX_PARTS:,} values |",
        f"| {routes.MAX_SUPPORT} |",
        f"{guard.SECONDS:.0f} seconds to arrive, up to {receiving.LONGEST:.0f} for an upload"
        f" that arrives at {receiving.SLOWEST // 1000} kB a second or faster;"
        f" {routes.SECONDS:.0f} seconds of work |",
        f"{app.MAX_WAITING} requests, {guard.MAX_QUEUED // 2**20} MB of them;"
        f" {shares.MAX_WAITING_EACH} of a client |",
        f"a request at work for each core, {shares.MAX_OPEN:,} open,"
        f" {shares.MAX_OPEN_EACH} of a client",
        f"{app.MAX_VISITS} visits, {errors.MAX_REMEMBERED // 2**30} GB of their photos;"
        f" idle ones for {app.MINUTES} minutes",
    ):
        assert limit in said, limit
