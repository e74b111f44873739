"""The app at an address below that of another one: behind a proxy, or mounted in a larger app."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from gradio_client import Client, handle_file

from tests import app_server, conftest
from tests.visitor import eventually, get, post
from ui import words

ROOT = Path(__file__).parent.parent
NAME = "faces.example"
# Where root runs the tests, its workers would be somebody who may not write into the folder;
# whoever else does is warned that the line has no effect.
NGINX = """
user root;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    {paths}
    server {{
        listen 127.0.0.1:{port};
{location}
    }}
}}
"""
PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
MOUNTED = """
import os
import app, gradio, uvicorn
from fastapi import FastAPI
served = FastAPI()
served.get("/")(lambda: "something else")
options = app.launch_options()
options = {name: options[name] for name in ("app_kwargs", "theme", "css_paths", "head_paths")}
served = gradio.mount_gradio_app(served, app.demo, path="/faces", **options)
uvicorn.run(served, port=int(os.environ["GRADIO_SERVER_PORT"]))
"""


def serve(command: list[str], **more: str) -> Iterator[app_server.Server]:
    started = app_server.start([sys.executable, *command], **more)
    yield started
    app_server.stop(started)


@pytest.fixture(scope="module")
def proxied() -> Iterator[app_server.Server]:
    yield from serve(["app.py"], GRADIO_ROOT_PATH="/faces", SIAMESE_ALLOWED_HOSTS=NAME)


@pytest.fixture(scope="module")
def mounted() -> Iterator[app_server.Server]:
    yield from serve(["-c", MOUNTED], GRADIO_ANALYTICS_ENABLED="False")


def answers(server: app_server.Server, root: str) -> None:
    """The page, its description, and a call of the API."""
    status, page = get(server, root)
    assert status == 200 and b"gradio" in page
    assert get(server, f"{root}config")[0] == 200
    photos = {"first": "data:,", "second": "data:,"}
    status, event = post(server, f"{root}gradio_api/call/v2/verify", photos)
    assert status == 200, event
    _, said = get(server, f"{root}gradio_api/call/verify/{json.loads(event)['event_id']}")
    assert re.search(rb"event: error", said)
    for path in ("monitoring", "gradio_api/run/verify", "facesmonitoring"):
        status, refused = get(server, f"{root}{path}")
        assert status == 404 and json.loads(refused)["detail"] == words.NOT_FOUND


@pytest.mark.parametrize("root", ["faces/", ""])
def test_behind_a_proxy_that_keeps_the_prefix_or_takes_it_off(
    proxied: app_server.Server, root: str
) -> None:
    answers(proxied, root)


def test_mounted_in_a_larger_app(mounted: app_server.Server) -> None:
    answers(mounted, "faces/")


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@pytest.fixture(params=["", "/"], ids=["prefix kept", "prefix taken off"])
def nginx(
    request: pytest.FixtureRequest, proxied: app_server.Server, tmp_path: Path
) -> Iterator[app_server.Server]:
    """A real one, set up as docs/api.md says."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        conftest.lacking("no nginx")
    assert program is not None
    documented = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    (location,) = re.findall(r"```nginx\n(.*?)```", documented, re.DOTALL)
    behind = f"{proxied.url.rstrip('/')}{request.param};"
    port = app_server.free_port()
    setup = tmp_path / "nginx.conf"
    setup.write_text(
        NGINX.format(
            folder=tmp_path,
            port=port,
            paths=" ".join(f"{name}_temp_path {tmp_path}/{name};" for name in PATHS),
            location=location.replace("http://127.0.0.1:7860;", behind),
        )
    )
    process = subprocess.Popen([program, "-p", str(tmp_path), "-c", str(setup)])
    started = app_server.Server(
        f"http://127.0.0.1:{port}/", process, proxied.temporary, tmp_path / "error.log"
    )
    try:
        assert eventually(lambda: listens(port)), started.log.read_text()
        yield started
    finally:
        process.terminate()
        process.wait()


def test_behind_nginx_as_documented(nginx: app_server.Server) -> None:
    """The page with all that it loads, its API, and a photo that is uploaded and answered."""
    answers(nginx, "faces/")
    _, page = get(nginx, "faces/")
    loaded = set(re.findall(r'(?:src|href)="([^"#]+\.(?:js|css))"', page.decode()))
    assert len(loaded) >= 2
    for address in loaded:
        place = urljoin(f"{nginx.url}faces/", address)
        assert place.startswith(f"{nginx.url}faces/"), address
        assert get(nginx, place.removeprefix(nginx.url))[0] == 200, address
    first, second = (ROOT / "examples" / f"person A {number}.webp" for number in (1, 2))
    client = Client(f"{nginx.url}faces/", verbose=False, httpx_kwargs={"timeout": 300})
    answer = client.predict(handle_file(first), handle_file(second), api_name="/verify")
    assert answer["kind"] == "verification" and answer["photos"][0]["name"] == first.name
    assert nginx.uploads == []


def test_behind_nginx_a_name_has_to_be_allowed(nginx: app_server.Server) -> None:
    assert get(nginx, "faces/config", Host=NAME)[0] == 200
    assert get(nginx, "faces/config", Host="evil.example")[0] == 403
