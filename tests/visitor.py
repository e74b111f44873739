"""What a visitor's program does: raw requests to a running server, and its answers compared."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.app_server import Server


def data_url(path: str) -> str:
    body = base64.b64encode(Path(path).read_bytes()).decode()
    return f"data:image/jpeg;base64,{body}"


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "milliseconds"}


def rounded(value: Any) -> Any:
    """Numbers to a precision at which the batch that they were computed in does not matter."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def post(
    server: Server, path: str, payload: Any, raw: bytes | None = None, **headers: str
) -> tuple[int, str]:
    body = json.dumps(payload).encode() if raw is None else raw
    kind = {"Content-Type": "application/json"}
    request = urllib.request.Request(server.url + path, body, kind | headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def get(server: Server, path: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(server.url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def upload(server: Server, name: str, content: bytes) -> str:
    """Upload a file as the page does; the path that the server gives for it."""
    edge = "edge-of-a-part"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    request = urllib.request.Request(server.url + "gradio_api/upload", body, kind)
    with urllib.request.urlopen(request, timeout=30) as response:
        path: str = json.load(response)[0]
        return path


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)
    return holds()
