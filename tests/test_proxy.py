"""The app at an address below that of another one: behind a proxy, or mounted in a larger app."""

import json
import re
import sys
from collections.abc import Iterator

import pytest

from tests import app_server
from tests.visitor import get, post
from ui import words

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
    yield from serve(["app.py"], GRADIO_ROOT_PATH="/faces")


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
