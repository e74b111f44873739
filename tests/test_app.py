"""The API over real HTTP: same answers as in process, one sentence for each error, nothing kept."""

import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image, ImageOps

from siamese.answers import SCHEMA_VERSION
from tests import app_server, pictures
from tests.visitor import data_url, eventually, get, post, rounded, upload, without_times

SECRET = "a name that must not be logged"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of a few photos: the portrait, mirrored, enlarged; one without a face; a text file."""
    folder = tmp_path_factory.mktemp("photos")
    portrait = pictures.portrait()
    made = {
        "portrait.jpg": pictures.encoded(portrait, "JPEG"),
        "mirrored.png": pictures.encoded(ImageOps.mirror(portrait)),
        "close.webp": pictures.encoded(portrait.crop((120, 20, 330, 230)), "WEBP"),
        "meadow.jpg": pictures.encoded(Image.new("RGB", (300, 200), "#5a8f3c"), "JPEG"),
        "letter.jpg": b"Dear reader, this is no picture.",
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return {Path(name).stem: str(folder / name) for name in made}


def test_two_endpoints_and_no_others_are_documented(client: Client) -> None:
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert set(named) == {"/verify", "/pick"}
    verify = {p["parameter_name"]: p["python_type"]["type"] for p in named["/verify"]["parameters"]}
    assert list(verify) == [
        "first", "second", "operating_point", "prior", "first_face", "second_face", "more_faces",
        "population",
    ]  # fmt: skip
    assert verify["first"] == "filepath | str"
    assert verify["operating_point"] == "str", "a name, or a rate such as fmr=0.0005"


def test_verify_over_http_is_verify_in_process(client: Client, photos: dict[str, str]) -> None:
    answer = client.predict(
        handle_file(photos["portrait"]),
        handle_file(photos["mirrored"]),
        prior=0.2,
        api_name="/verify",
    )
    same = app_server.verifier().verify(photos["portrait"], photos["mirrored"], prior=0.2)
    assert rounded(without_times(answer)) == rounded(without_times(same.to_dict()))
    assert answer["schema_version"] == SCHEMA_VERSION
    assert "portrait.jpg" in answer["photos"][0]["name"]


def test_a_data_url_is_as_good_as_a_file(client: Client, photos: dict[str, str]) -> None:
    files = [handle_file(photos["portrait"]), handle_file(photos["close"])]
    urls = [data_url(photos["portrait"]), data_url(photos["close"])]
    by_file = client.predict(*files, api_name="/verify")
    by_url = client.predict(*urls, api_name="/verify")
    assert rounded(by_url["logit"]) == rounded(by_file["logit"])


def test_pick_over_http_is_pick_in_process(client: Client, photos: dict[str, str]) -> None:
    support = [photos[name] for name in ("mirrored", "close", "meadow", "letter")]
    answer = client.predict(
        handle_file(photos["portrait"]),
        [handle_file(path) for path in support],
        names=["Eileen", "Eileen", "nobody", "text"],
        api_name="/pick",
    )
    people = {"Eileen": support[:2], "nobody": support[2], "text": support[3]}
    same = app_server.verifier().pick(photos["portrait"], people)  # type: ignore[arg-type]
    assert rounded(without_times(answer)) == rounded(without_times(same.to_dict()))
    assert answer["ranking"][0]["num_photos"] == 2
    assert [photo["code"] for photo in answer["unusable"]] == ["no_face", "unreadable_image"]
    assert "letter.jpg" in answer["unusable"][1]["reason"]


def test_names_of_a_pick_are_the_file_names(
    client: Client, photos: dict[str, str], tmp_path: Path
) -> None:
    named = shutil.copy(photos["mirrored"], tmp_path / "Eileen_C_0001.jpg")
    answer = client.predict(data_url(photos["portrait"]), [handle_file(named)], api_name="/pick")
    same = app_server.verifier().pick(photos["portrait"], [named])
    for ranking in (answer["ranking"], same.to_dict()["ranking"]):
        assert [candidate["identity"] for candidate in ranking] == ["Eileen_C_0001"]


def test_photos_without_a_name_are_people_of_their_own(
    client: Client, photos: dict[str, str]
) -> None:
    support = [data_url(photos[name]) for name in ("meadow", "mirrored", "close", "letter")]
    answer = client.predict(data_url(photos["portrait"]), support, api_name="/pick")
    assert answer["query"]["name"] == "query photo"
    found = {candidate["identity"]: candidate["num_photos"] for candidate in answer["ranking"]}
    assert found == {"person 2": 1, "person 3": 1}
    unusable = {photo["identity"]: photo["reason"] for photo in answer["unusable"]}
    assert list(unusable) == ["person 1", "person 4"]
    assert 'the photo "person 1"' in unusable["person 1"]
    twice = [handle_file(photos["mirrored"])] * 2
    answer = client.predict(data_url(photos["portrait"]), twice, api_name="/pick")
    found = {candidate["identity"]: candidate["num_photos"] for candidate in answer["ranking"]}
    assert found == {"mirrored": 2}, (
        "files of one name, of one person as far as the network can say"
    )


def test_real_people_over_http(client: Client, faces_data: Path, tmp_path: Path) -> None:
    names = ["George_W_Bush", "Colin_Powell", "Tony_Blair", "Hugo_Chavez"]
    with zipfile.ZipFile(faces_data / "lfw.zip") as archive:
        for name in names:
            archive.extract(f"{name}/{name}_0001.jpg", tmp_path)
        archive.extract("George_W_Bush/George_W_Bush_0002.jpg", tmp_path)
    support = [tmp_path / name / f"{name}_0001.jpg" for name in names]
    query = tmp_path / "George_W_Bush" / "George_W_Bush_0002.jpg"
    answer = client.predict(
        handle_file(query), [handle_file(path) for path in support], names=names, api_name="/pick"
    )
    people = dict(zip(names, support, strict=True))
    same = app_server.verifier().pick(query, people)
    assert rounded(without_times(answer)) == rounded(without_times(same.to_dict()))
    assert answer["ranking"][0]["identity"] == "George_W_Bush"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"second": "letter"}, "unreadable_image", "letter.jpg"),
        ({"second": "meadow"}, "no_face", "meadow.jpg"),
        ({"prior": 1.0}, "bad_input", "between 0 and 1"),
        ({"operating_point": "lucky"}, "bad_input", "lucky"),
        ({"first_face": 7}, "bad_input", "Face 7"),
    ],
)
def test_an_error_is_one_sentence_with_a_code(
    client: Client, photos: dict[str, str], changes: dict[str, Any], code: str, words: str
) -> None:
    parameters: dict[str, Any] = {"first": "portrait", "second": "mirrored", **changes}
    for role in ("first", "second"):
        parameters[role] = handle_file(photos[parameters[role]])
    with pytest.raises(AppError) as raised:
        client.predict(**parameters, api_name="/verify")
    assert raised.value.title == code
    assert words in raised.value.message
    assert raised.value.message.count(". ") == 0


def test_pick_refuses_what_makes_no_sense(client: Client, photos: dict[str, str]) -> None:
    query, support = handle_file(photos["portrait"]), [handle_file(photos["close"])]
    for parameters in ({"support": []}, {"support": support, "names": ["a", "b"]}):
        with pytest.raises(AppError) as raised:
            client.predict(query=query, **parameters, api_name="/pick")
        assert raised.value.title == "bad_input"
    with pytest.raises(AppError, match=r"letter\.jpg"):
        client.predict(query, [handle_file(photos["letter"])], api_name="/pick")


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A web server that notes what is asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()


def test_no_web_address_is_ever_fetched(
    server: app_server.Server, elsewhere: tuple[str, list[str]]
) -> None:
    host, asked = elsewhere
    meta = {"_type": "gradio.FileData"}
    forms: list[Any] = [
        {"path": f"{host}/a.jpg", "meta": meta},
        {"path": f" {host.upper()}/b.jpg", "url": f"{host}/b.jpg", "meta": meta},
        {"path": None, "url": f"{host}/c.jpg", "meta": meta},
        {"url": f"{host}/d.jpg"},
        [[{"deep": {"path": f"{host}/e.jpg", "meta": meta}}]],
    ]
    for form in forms:
        status, body = post(server, "gradio_api/call/verify", {"data": [form, form]})
        assert status == 400
        assert "Web addresses are not fetched" in json.loads(body)["detail"]
    for path in (f"file={host}/f.jpg", f"proxy={host}/g.jpg"):
        assert get(server, f"gradio_api/{path}")[0] == 404
    assert asked == []


def test_a_web_address_as_a_string_is_refused_by_its_own_sentence(
    client: Client, elsewhere: tuple[str, list[str]]
) -> None:
    host, asked = elsewhere
    with pytest.raises(AppError, match="Web addresses are not fetched"):
        client.predict(f"{host}/a.jpg", f"{host}/b.jpg", api_name="/verify")
    assert asked == []


def test_only_ones_own_uploads_can_be_read(server: app_server.Server, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.png"
    foreign.write_bytes(pictures.encoded(pictures.portrait()))
    for path in (str(foreign), "/etc/passwd", "app.py", f"{server.temporary}/../{foreign}"):
        form = {"path": path, "meta": {"_type": "gradio.FileData"}}
        status, body = post(server, "gradio_api/call/verify", {"data": [form, form]})
        assert status == 400
        assert "not uploaded in this visit" in body
        assert get(server, f"gradio_api/file={path}")[0] == 404


def test_uploads_cannot_be_fetched_and_their_paths_cannot_be_guessed(
    server: app_server.Server,
) -> None:
    content = pictures.encoded(pictures.portrait(), "JPEG")
    paths = [upload(server, "same.jpg", content) for _ in range(3)]
    assert len(set(paths)) == 3
    for path in paths:
        assert get(server, f"gradio_api/file={path}") == (204, b"")
        Path(path).unlink()


@pytest.mark.parametrize(
    "path",
    ["monitoring", "monitoring/summary", "gradio_api/deep_link?session_hash=x", "gradio_api/runs"],
)
def test_pages_that_nobody_needs_are_closed(server: app_server.Server, path: str) -> None:
    assert get(server, path)[0] == 404


def test_a_request_that_is_too_large_gets_a_sentence(server: app_server.Server) -> None:
    status, body = post(server, "gradio_api/call/verify", {"data": ["x" * (65 * 2**20), ""]})
    assert status == 413
    assert "64 MB" in body


def test_nothing_is_left_of_a_visit(
    server: app_server.Server, client: Client, photos: dict[str, str], tmp_path: Path
) -> None:
    portrait = tmp_path / f"{SECRET}.jpg"
    portrait.write_bytes(Path(photos["portrait"]).read_bytes())
    letter = tmp_path / f"{SECRET} too.jpg"
    letter.write_bytes(b"no picture")
    client.predict(handle_file(portrait), handle_file(portrait), api_name="/verify")
    client.predict(handle_file(portrait), [handle_file(portrait)] * 3, api_name="/pick")
    with pytest.raises(AppError, match=SECRET):
        client.predict(handle_file(portrait), handle_file(letter), api_name="/verify")
    assert server.uploads == []
    assert SECRET not in server.log.read_text()


def test_gradio_starts_it_too_and_a_stopped_server_leaves_nothing() -> None:
    """The app starts without a checkpoint that cannot be loaded; page and JSON say so."""
    server = app_server.start(
        [str(app_server.GRADIO), "app.py"],
        SIAMESE_CHECKPOINT="nobody/nothing",
        HF_ENDPOINT="http://127.0.0.1:9",
    )
    try:
        assert get(server, "gradio_api/mcp/")[0] == 404  # not switched on
        page = get(server, "config")[1].decode()
        assert "The embedded checkpoint answers, not nobody/nothing" in page
        assert "http://127.0.0.1:9 cannot be reached" in page
        photo = data_url(str(app_server.REPOSITORY / "examples" / "person A 1.webp"))
        answer = Client(server.url, verbose=False).predict(photo, photo, api_name="/verify")
        assert answer["checkpoint"]["source"] == "embedded"
        upload(server, "orphan.jpg", pictures.encoded(pictures.portrait(), "JPEG"))
        assert len(server.uploads) == 1
        os.killpg(server.process.pid, signal.SIGTERM)
        server.process.wait(30)
        assert eventually(lambda: server.uploads == [])
    finally:
        app_server.stop(server)


CLAIM = """
import sys, time
from pathlib import Path
from ui.server import uploads
folder = uploads.claim(Path(sys.argv[1]))
(folder / "photo.jpg").write_text("a photo")
print(folder, flush=True)
time.sleep(60)
"""


def test_photos_of_a_killed_server_are_gone_after_the_next_start(tmp_path: Path) -> None:
    def claim() -> tuple[subprocess.Popen[str], Path]:
        command = [sys.executable, "-c", CLAIM, str(tmp_path)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=app_server.REPOSITORY
        )
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    alive, kept = claim()
    killed, orphaned = claim()
    killed.kill()
    killed.wait()
    assert (orphaned / "photo.jpg").is_file()
    third, _ = claim()
    assert not orphaned.exists()
    assert (kept / "photo.jpg").is_file()  # of a server that still runs
    for process in (alive, third):
        process.kill()
        process.wait()


def test_an_idle_visit_is_forgotten(photos: dict[str, str]) -> None:
    """Gradio itself keeps what a page showed for as long as there is room."""
    import gc

    import app
    from siamese.verifier import Sighting
    from ui.server import forgetting

    page = app.build(app_server.verifier())
    options = app.launch_options()
    options["app_kwargs"]["lifespan"] = forgetting.forgetting(app.STORE, seconds=8, every=0.5)
    page.launch(**options, prevent_thread_lock=True, quiet=True, server_port=app_server.free_port())
    try:
        served = app_server.Server(page.local_url, None, app.UPLOADS, Path())  # type: ignore[arg-type]
        path = upload(served, "portrait.jpg", Path(photos["portrait"]).read_bytes())
        add = next(i for i, fn in page.fns.items() if getattr(fn.fn, "__name__", "") == "_add")
        form = {"path": path, "meta": {"_type": "gradio.FileData"}}
        event = {"data": [form], "fn_index": add, "session_hash": "visit"}
        assert post(served, "gradio_api/queue/join", event)[0] == 200
        sessions = page.app.state_holder.session_data

        def remembered() -> bool:
            return "visit" in sessions and any(isinstance(x, Sighting) for x in gc.get_objects())

        assert eventually(remembered)
        assert eventually(lambda: "visit" not in sessions)
        gc.collect()
        assert not any(isinstance(thing, Sighting) for thing in gc.get_objects())
    finally:
        page.close()
